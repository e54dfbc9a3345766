using Bulkhead.Bench.KernelLevel;
using Bulkhead.Bench.Measure;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;
using Npgsql;
using NpgsqlTypes;

namespace Bulkhead.Bench.Audit;

/// <summary>
/// The same bytes by the driver alone, into a table with its primary key and nothing else: no policy, no index to search by. Several of
/// them are one statement, as a careful hand writes it.
/// </summary>
internal sealed class PlainEntries(Installation installation) : IAsyncDisposable
{
    private const string One =
        "insert into public.audit_entry (tenant_id, id, at, actor, action, entity, result, body) values ($1, $2, $3, $4, $5, $6, $7, $8)";
    private const string Several =
        """
        insert into public.audit_entry (tenant_id, id, at, actor, action, entity, result, body)
        select $1, u.* from unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) u
        """;

    private readonly NpgsqlDataSource _source = installation.PlainPool(installation.Options.CellPoolSize);
    private readonly BenchTenant[] _tenants = installation.Tenants[IsolationKind.Shared];

    public async Task InsertAsync(int entries, Dice dice, CancellationToken cancellationToken)
    {
        var context = PlainCalls.Draw(dice, _tenants).Tenant.Context;
        var (tenant, now) = (context.Tenant, DateTimeOffset.UtcNow);
        var at = new DateTime(now.UtcTicks - (now.UtcTicks % TimeSpan.TicksPerMicrosecond), DateTimeKind.Utc);
        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(entries == 1 ? One : Several, connection);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenant.Value });
        if (entries == 1)
        {
            var id = Guid.CreateVersion7(now);
            Add(NpgsqlDbType.Uuid, id);
            Add(NpgsqlDbType.TimestampTz, at);
            Add(NpgsqlDbType.Text, context.Actor.Id);
            Add(NpgsqlDbType.Text, KernelEntries.Reading.Action);
            Add(NpgsqlDbType.Text, KernelEntries.Reading.Entity!);
            Add(NpgsqlDbType.Text, "ok");
            Add(NpgsqlDbType.Text, Body(tenant, id, at));
        }
        else
        {
            var ids = new Guid[entries];
            var bodies = new string[entries];
            for (var i = 0; i < entries; i++)
            {
                ids[i] = Guid.CreateVersion7(now);
                bodies[i] = Body(tenant, ids[i], at);
            }

            Add(NpgsqlDbType.Array | NpgsqlDbType.Uuid, ids);
            Add(NpgsqlDbType.Array | NpgsqlDbType.TimestampTz, Same(at));
            Add(NpgsqlDbType.Array | NpgsqlDbType.Text, Same(context.Actor.Id));
            Add(NpgsqlDbType.Array | NpgsqlDbType.Text, Same(KernelEntries.Reading.Action));
            Add(NpgsqlDbType.Array | NpgsqlDbType.Text, Same(KernelEntries.Reading.Entity!));
            Add(NpgsqlDbType.Array | NpgsqlDbType.Text, Same("ok"));
            Add(NpgsqlDbType.Array | NpgsqlDbType.Text, bodies);
        }

        if (await command.ExecuteNonQueryAsync(cancellationToken) != entries)
        {
            throw new InvalidOperationException("Not every entry was inserted.");
        }

        void Add<T>(NpgsqlDbType type, T value) =>
            command.Parameters.Add(new NpgsqlParameter<T> { NpgsqlDbType = type, TypedValue = value });

        T[] Same<T>(T value)
        {
            var all = new T[entries];
            Array.Fill(all, value);
            return all;
        }
    }

    /// <summary>Before anything is timed: what is inserted here is to the byte what the kernel writes.</summary>
    public void RequireSameBytes()
    {
        var context = _tenants[0].Context;
        var entry = AuditEntry.Of(context, KernelEntries.Reading, DateTimeOffset.UtcNow, hasRecords: false);
        var (ours, plain) = (entry.Head + entry.Tail, Body(context.Tenant, entry.Id, entry.At));
        if (ours != plain)
        {
            throw new InvalidOperationException($"The two sides write different entries:\n{ours}\n{plain}");
        }
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private static string Body(TenantId tenant, Guid id, DateTime at) =>
        $$"""
        {"action":"data.read","actor":{"id":"bench-client","kind":"service","roles":["clinician"]},"app":"bench@1",
        """
        + $$"""
        "at":"{{at:yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'}}","entity":"visit","id":"{{id}}","request":"bench-request","result":"ok",
        """
        + $$"""
        "tenant":"{{tenant}}"}
        """;
}
