using System.Globalization;
using Bulkhead.Bench.Servers;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Bench.Search;

/// <summary>
/// A long audit log in a shared unit, made in bulk by the table's owner: entries of 1,000 actors at 1,000 a second, each of one of a tenth as
/// many records; one in a hundred is refused, one in a hundred is a page of ten records.
/// </summary>
internal sealed class SearchedLog : IAsyncDisposable
{
    /// <summary>2025-01-01T00:00:00Z, in milliseconds.</summary>
    private const long Begin = 1_735_689_600_000;

    private readonly ServiceProvider _services;

    private SearchedLog(ServiceProvider services, long entries)
    {
        _services = services;
        Entries = entries;
    }

    public long Entries { get; }

    public TenantDatabase Database => _services.GetRequiredService<TenantDatabase>();

    public RequestContext Context { get; private set; } = null!;

    public static Guid Record(long number) => new($"018f0000-0000-7000-8000-{number:x12}");

    public string Request => string.Create(CultureInfo.InvariantCulture, $"{Begin + (Entries / 3):x12}70008000000000000001");

    public static string Hour(int hour) => DateTimeOffset.FromUnixTimeMilliseconds(Begin).AddHours(hour)
        .ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Above the id of the entry that many before the newest.</summary>
    public Guid IdAt(long back) => new($"{(Begin + Entries - back) >> 16:x8}-{(Begin + Entries - back) & 0xffff:x4}-7fff-bfff-ffffffffffff");

    public static async Task<SearchedLog> CreateAsync(
        PrivatePostgres postgres, int entries, Action<string> progress, CancellationToken cancellationToken)
    {
        var services = new ServiceCollection().AddLogging().AddKernel(new KernelOptions
        {
            AppConnection = $"Host={postgres.Socket};Username=bulkhead_search_app;Password={postgres.Password};Database=bulkhead_search",
            DeployConnection = postgres.Superuser("postgres").ConnectionString,
            KeyDirectory = Path.Combine(postgres.Folder, "search-keys"),
            StatementTimeout = TimeSpan.FromMinutes(1),
        }).BuildServiceProvider();
        var made = new SearchedLog(services, entries);
        var deployment = services.GetRequiredService<Deployment>();
        var actor = new Actor(ActorKind.Platform, "bench", []);
        progress("preparing the installation to search in");
        await deployment.PrepareAsync(null, cancellationToken);
        await services.GetRequiredService<KernelStart>().CheckAsync(cancellationToken);
        await deployment.DeployAppAsync(actor, "bench", new AppRelease("bench", 1, "bench"), _ => [], null, cancellationToken);
        for (var n = 0; n < 3; n++)
        {
            await deployment.OnboardAsync(
                actor, "bench", new(TenantId.New(), $"t{n}", $"Tenant {n}", IsolationKind.Shared, "bench", [], []), [], cancellationToken);
        }

        var tenants = services.GetRequiredService<Catalogue>().Current.Tenants.Values.OrderBy(t => t.Slug, StringComparer.Ordinal).ToArray();
        made.Context = new(tenants[0].Id, actor, "bench", "bench@1");
        var unit = tenants[0].Placement.Unit;
        await using var owner = await postgres.OpenAsync(unit.Database, cancellationToken);
        await made.FillAsync(owner, unit.CoreSchema.Quoted, [.. tenants.Select(t => t.Id.Value)], progress, cancellationToken);
        return made;
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    private async Task FillAsync(
        NpgsqlConnection owner, string core, Guid[] tenants, Action<string> progress, CancellationToken cancellationToken)
    {
        // Made before the indexes: row by row, they would take far longer.
        var indexes = new List<(string Name, string Definition)>();
        await using (var list = new NpgsqlCommand(
            $"""
            select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
            where indrelid = '{core}.audit_entry'::regclass and not indisprimary
            """,
            owner))
        {
            await using var reader = await list.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                indexes.Add((reader.GetString(0), reader.GetString(1)));
            }
        }

        foreach (var (name, _) in indexes)
        {
            await owner.RunAsync($"drop index {name}", cancellationToken);
        }

        const long step = 500_000;
        for (var from = 0L; from < Entries; from += step)
        {
            progress(string.Create(CultureInfo.InvariantCulture, $"making entries: {from:N0} of {Entries:N0}"));
            await InsertAsync(owner, core, tenants[0], from, Math.Min(Entries, from + step), cancellationToken);
        }

        foreach (var other in tenants.Skip(1))
        {
            await InsertAsync(owner, core, other, 0, Math.Min(step, Entries / 10), cancellationToken);
        }

        foreach (var (name, definition) in indexes)
        {
            progress($"making index {name}");
            await owner.RunAsync(definition, cancellationToken);
        }

        progress("vacuum");
        await owner.RunAsync($"vacuum analyze {core}.audit_entry, {core}.audit_record, guard.capability", cancellationToken);
        await owner.RunAsync("checkpoint", cancellationToken);
    }

    private async Task InsertAsync(
        NpgsqlConnection owner, string core, Guid tenant, long from, long to, CancellationToken cancellationToken)
    {
        await using var insert = new NpgsqlCommand(
            $$"""
            with made as (
                select g, ({{Begin}} + g) as ms,
                    (lpad(to_hex({{Begin}} + g), 12, '0') || '7' || substr(md5($1::text || g), 1, 3) || '8' || substr(md5($1::text || g), 4, 15))::uuid as id,
                    'actor-' || g % 1000 as actor,
                    case when g % 2 = 0 then 'test.run' when g % 5003 = 1 then 'keys.verify' else 'data.read' end as action,
                    (array['patient', 'visit', 'claim', 'note', null])[1 + g / 2 % 5] as entity,
                    case when g % 100 = 99 then 'denied' else 'ok' end as result,
                    ('018f0000-0000-7000-8000-' || lpad(to_hex(g * 7919 % $4), 12, '0'))::uuid as record
                from generate_series($2, $3 - 1) g),
            several as (
                insert into {{core}}.audit_record (tenant_id, record, entry_id)
                select distinct $1, ('018f0000-0000-7000-8000-' || lpad(to_hex((m.g * 7919 + n) % $4), 12, '0'))::uuid, m.id
                from made m cross join generate_series(0, 9) n where m.g % 100 = 50)
            insert into {{core}}.audit_entry (tenant_id, id, at, actor, action, entity, result, record, body)
            select $1, id, to_timestamp(ms / 1000.0), actor, action, entity, result, case when g % 100 <> 50 then record end,
                '{"action":"' || action || '","actor":{"id":"' || actor || '","kind":"service","roles":["clinician"]},"app":"clinic@1","at":"'
                || to_char(to_timestamp(ms / 1000.0) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","entity":"' || coalesce(entity, '')
                || '","id":"' || id || '","purpose":"treatment of the patient","records":{"ids":["' || record || '"]},"request":"'
                || lpad(to_hex(ms), 12, '0') || '70008000000000000001","result":"' || result || '","tenant":"' || $1::text || '"}'
            from made
            """,
            owner)
        {
            CommandTimeout = 3_600,
        };
        insert.Parameters.Add(new() { Value = tenant });
        insert.Parameters.Add(new() { Value = from });
        insert.Parameters.Add(new() { Value = to });
        insert.Parameters.Add(new() { Value = Math.Max(10, Entries / 10) });
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }
}
