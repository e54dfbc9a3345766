using Bulkhead.Bench.Measure;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;
using NpgsqlTypes;

namespace Bulkhead.Bench.KernelLevel;

/// <summary>
/// What a careful hand writes with the driver alone: prepared statements, one round trip, the tenant in the WHERE. With
/// parts of what the kernel adds, one at a time, so that their cost shows.
/// </summary>
internal sealed class PlainCalls(Installation installation) : IAsyncDisposable
{
    private const string Present = "select set_config('bulkhead.capability', $1, true)";
    private static readonly string[] Resets = ["reset all", "close all", "discard temp"];
    private const string Query = $"select {Visit.Selected} from public.visit where tenant_id = $1 and id = $2";
    private const string Insert =
        $"insert into public.visit (tenant_id, {Visit.Selected}) "
        + "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) returning id";
    private const string Entry =
        "insert into public.audit_entry (tenant_id, id, at, actor, action, entity, result, body) "
        + "values ($1, $2, $3, $4, $5, $6, $7, $8)";

    private readonly NpgsqlDataSource _source = installation.PlainPool(installation.Options.CellPoolSize);
    private readonly NpgsqlDataSource _smallSource = installation.PlainPool(installation.Options.DatabasePoolSize);
    private readonly NpgsqlDataSource _sourceWithoutReset = installation.PlainPool(installation.Options.CellPoolSize, reset: false);
    private readonly NpgsqlDataSource _unitSource =
        installation.UnitPoolWithoutReset(installation.Tenants[IsolationKind.Shared][0].Tenant.Placement.Unit);

    private readonly BenchTenant[] _tenants = installation.Tenants[IsolationKind.Shared];

    public async Task ReadAsync(Dice dice, CancellationToken cancellationToken) =>
        await ReadFromAsync(_source, dice, cancellationToken);

    /// <summary>Through a pool as small as that of a tenant with its own database.</summary>
    public async Task ReadThroughSmallPoolAsync(Dice dice, CancellationToken cancellationToken) =>
        await ReadFromAsync(_smallSource, dice, cancellationToken);

    public async Task ReadWithoutResetAsync(Dice dice, CancellationToken cancellationToken) =>
        await ReadFromAsync(_sourceWithoutReset, dice, cancellationToken);

    /// <summary>The capability is sent as for the kernel; nothing looks at it.</summary>
    public async Task ReadAfterSettingAsync(Dice dice, CancellationToken cancellationToken)
    {
        var (tenant, id) = Draw(dice);
        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        Add(batch, Present, Text("0190a0a0-0000-7000-8000-000000000000"));
        Add(batch, Query, Uuid(tenant), Uuid(id));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        await TakeAsync(reader, cancellationToken);
    }

    /// <summary>
    /// The kernel's own tables, policies and pool, by hand: what remains to the kernel is the kernel's code.
    /// </summary>
    public async Task ReadProtectedAsync(IsolationKind isolation, Dice dice, CancellationToken cancellationToken)
    {
        var (tenant, id) = Draw(dice, installation.Tenants[isolation]);
        var unit = tenant.Tenant.Placement.Unit;
        await using var lease = await installation.Pools.OpenAsync(unit, cancellationToken);
        await using var batch = new NpgsqlBatch(lease.Connection);
        Add(batch, Present, Text(installation.Catalogue.Capabilities[tenant.Tenant.Id].ToString()));
        Add(batch, ProtectedQuery(unit), Uuid(id));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        await TakeAsync(reader, cancellationToken);
    }

    /// <summary>
    /// As <see cref="ReadProtectedAsync"/> in the shared tables, but the session is reset by prepared statements at the
    /// head of the same batch instead of by the driver's text: in the same transaction, or in one of its own before it.
    /// </summary>
    public async Task ReadProtectedAfterResetAsync(bool apart, Dice dice, CancellationToken cancellationToken)
    {
        var (tenant, id) = Draw(dice, _tenants);
        var unit = tenant.Tenant.Placement.Unit;
        await using var connection = await _unitSource.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        foreach (var reset in Resets)
        {
            Add(batch, reset);
        }

        batch.BatchCommands[^1].AppendErrorBarrier = apart;
        Add(batch, Present, Text(installation.Catalogue.Capabilities[tenant.Tenant.Id].ToString()));
        Add(batch, ProtectedQuery(unit), Uuid(id));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        await TakeAsync(reader, cancellationToken);
    }

    /// <summary>A read that leaves an entry, without any protection.</summary>
    public async Task ReadWithEntryAsync(Dice dice, CancellationToken cancellationToken)
    {
        var (tenant, id) = Draw(dice);
        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        Add(batch, Query, Uuid(tenant), Uuid(id));
        AddEntry(batch, tenant, id);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await TakeAsync(reader, cancellationToken);
    }

    public async Task InsertAsync(Dice dice, CancellationToken cancellationToken)
    {
        var tenant = Draw(dice).Tenant;
        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Insert, connection);
        AddValues(command.Parameters, tenant, Guid.CreateVersion7());
        await command.ExecuteScalarAsync(cancellationToken);
    }

    public async Task InsertWithEntryAsync(Dice dice, CancellationToken cancellationToken)
    {
        var (tenant, id) = (Draw(dice).Tenant, Guid.CreateVersion7());
        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        Add(batch, Insert);
        AddValues(batch.BatchCommands[0].Parameters, tenant, id);
        AddEntry(batch, tenant, id);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _smallSource.DisposeAsync();
        await _sourceWithoutReset.DisposeAsync();
        await _unitSource.DisposeAsync();
    }

    public static (BenchTenant Tenant, Guid Id) Draw(Dice dice, BenchTenant[] tenants)
    {
        var tenant = tenants[dice.Next(tenants.Length)];
        return (tenant, tenant.Ids[dice.Next(tenant.Ids.Length)]);
    }

    private readonly Dictionary<Unit, string> _protectedQueries = installation.Tenants.Values
        .Select(t => t[0].Tenant.Placement.Unit)
        .ToDictionary(u => u, u => $"select {Visit.Selected} from {u.AppSchema.Quoted}.{Visit.Table.Quoted} where id = $1");

    private string ProtectedQuery(Unit unit) => _protectedQueries[unit];

    private (Guid Tenant, Guid Id) Draw(Dice dice)
    {
        var (tenant, id) = Draw(dice, _tenants);
        return (tenant.Tenant.Id.Value, id);
    }

    private static async Task ReadFromAsync(
        NpgsqlDataSource source, BenchTenant[] tenants, Dice dice, CancellationToken cancellationToken)
    {
        var (tenant, id) = Draw(dice, tenants);
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Query, connection);
        command.Parameters.Add(Uuid(tenant.Tenant.Id.Value));
        command.Parameters.Add(Uuid(id));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await TakeAsync(reader, cancellationToken);
    }

    private Task ReadFromAsync(NpgsqlDataSource source, Dice dice, CancellationToken cancellationToken) =>
        ReadFromAsync(source, _tenants, dice, cancellationToken);

    private static async Task TakeAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        if (!await reader.ReadAsync(cancellationToken))
        {
            throw new InvalidOperationException("A row that is there was not found.");
        }

        Visit.Take(new Row(reader));
    }

    private static void AddEntry(NpgsqlBatch batch, Guid tenant, Guid id)
    {
        var entry = Guid.CreateVersion7();
        var at = DateTime.UtcNow;
        var body = $$"""
            {"action":"data.read","actor":{"id":"bench-client","kind":"service","roles":["clinician"]},"app":"bench@1","at":"{{at:O}}",
            """ + $$"""
            "entity":"visit","id":"{{entry}}","records":{"ids":["{{id}}"]},"request":"bench-request","result":"ok","tenant":"{{tenant}}"}
            """;
        Add(
            batch, Entry, Uuid(tenant), Uuid(entry),
            new NpgsqlParameter<DateTime> { TypedValue = at, NpgsqlDbType = NpgsqlDbType.TimestampTz },
            Text("bench-client"), Text("data.read"), Text("visit"), Text("ok"), Text(body));
    }

    private static void AddValues(NpgsqlParameterCollection parameters, Guid tenant, Guid id)
    {
        parameters.Add(Uuid(tenant));
        foreach (var value in Visit.Values(id))
        {
            parameters.Add(value.ToParameter());
        }
    }

    private static void Add(NpgsqlBatch batch, string text, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(text);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(parameter);
        }

        batch.BatchCommands.Add(command);
    }

    private static NpgsqlParameter<Guid> Uuid(Guid value) => new() { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Uuid };

    private static NpgsqlParameter<string> Text(string value) => new() { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Text };
}
