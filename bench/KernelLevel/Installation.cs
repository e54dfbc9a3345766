using System.Collections.Immutable;
using System.Text;
using Bulkhead.Bench.Servers;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Bench.KernelLevel;

/// <summary>A tenant with the ids of its rows.</summary>
internal sealed record BenchTenant(TenantEntry Tenant, RequestContext Context, Guid[] Ids);

/// <summary>
/// An installation of the kernel with one app of one table: many tenants in the shared unit, one with its own schema,
/// one with its own database, each isolation with the same number of rows in one table; and the plain table beside them
/// with that number too.
/// </summary>
internal sealed class Installation : IAsyncDisposable
{
    public const string PlainDatabase = "plain";

    /// <summary>Entries without any protection, and with no index but the key.</summary>
    public const string PlainEntryTable =
        """
        create table public.audit_entry (
            tenant_id uuid not null, id uuid not null, xid xid8 not null default pg_current_xact_id(), at timestamptz not null,
            actor text not null, action text not null, entity text, result text not null, body text not null,
            primary key (tenant_id, id))
        """;

    private const string PlainRole = "plain_app";

    private readonly ServiceProvider _services;

    private Installation(PrivatePostgres postgres, ServiceProvider services)
    {
        Postgres = postgres;
        _services = services;
    }

    public PrivatePostgres Postgres { get; }

    public TenantDatabase Database => _services.GetRequiredService<TenantDatabase>();

    public TenantPools Pools => _services.GetRequiredService<TenantPools>();

    public CatalogueSnapshot Catalogue => _services.GetRequiredService<Catalogue>().Current;

    /// <summary>Keeps the catalogue fresh once it is started, as in the program: a process that lost sight of it opens no keys.</summary>
    public IHostedService Polling => _services.GetServices<IHostedService>().OfType<CataloguePolling>().Single();

    public IReadOnlyDictionary<IsolationKind, BenchTenant[]> Tenants { get; private set; } =
        ImmutableDictionary<IsolationKind, BenchTenant[]>.Empty;

    public static async Task<Installation> CreateAsync(
        PrivatePostgres postgres, BenchOptions options, Action<string> progress, CancellationToken cancellationToken)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddKernel(new KernelOptions
        {
            AppConnection = $"Host={postgres.Socket};Username=bulkhead_app;Password={postgres.Password};Database=bulkhead",
            DeployConnection = postgres.Superuser("postgres").ConnectionString,
            KeyDirectory = Path.Combine(postgres.Folder, "keys"),
        });
        var made = new Installation(postgres, services.BuildServiceProvider());
        await made.FurnishAsync(options, progress, cancellationToken);
        return made;
    }

    public KernelOptions Options => _services.GetRequiredService<KernelOptions>();

    /// <summary>
    /// A pool as the kernel has them, for another database and role, and with or without the reset of its sessions.
    /// </summary>
    public NpgsqlDataSource PlainPool(int size, bool reset = true)
    {
        var settings = ConnectionSettings.ForPool(Options, size);
        settings.Database = PlainDatabase;
        settings.Username = PlainRole;
        settings.NoResetOnClose = !reset;
        return ConnectionSettings.Source(settings).Build();
    }

    /// <summary>The kernel's own role and database of a unit, without the driver's reset of sessions.</summary>
    public NpgsqlDataSource UnitPoolWithoutReset(Unit unit)
    {
        var login = Catalogue.Logins[unit.Database];
        var settings = ConnectionSettings.ForPool(Options, Options.CellPoolSize);
        settings.Database = unit.Database;
        settings.Username = login.Role;
        settings.Password = Encoding.UTF8.GetString(_services.GetRequiredService<Sealing>().Open(
            null, SealPurpose.DatabasePassword, login.PasswordSealed, Encoding.UTF8.GetBytes(unit.Database)));
        settings.NoResetOnClose = true;
        return ConnectionSettings.Source(settings).Build();
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    private async Task FurnishAsync(BenchOptions options, Action<string> progress, CancellationToken cancellationToken)
    {
        var deployment = _services.GetRequiredService<Deployment>();
        var actor = new Actor(ActorKind.Platform, "bench", []);
        progress("preparing the installation");
        await deployment.PrepareAsync(null, cancellationToken);
        await _services.GetRequiredService<KernelStart>().CheckAsync(cancellationToken);
        await deployment.DeployAppAsync(actor, "bench", new AppRelease("bench", 1, "bench"), _ => [], null, cancellationToken);
        ImmutableArray<SchemaChange> create = [new SchemaChange.AddTable(new(Visit.Table, Visit.Columns))];
        var wanted = Enumerable.Repeat(IsolationKind.Shared, options.Tenants)
            .Append(IsolationKind.Schema)
            .Append(IsolationKind.Database);
        foreach (var (n, isolation) in wanted.Index())
        {
            if (n % 20 == 0)
            {
                progress($"onboarding tenant {n + 1} of {options.Tenants + 2}");
            }

            await deployment.OnboardAsync(
                actor, "bench", new(TenantId.New(), $"t{n}", $"Tenant {n}", isolation, "bench", [], []), create, cancellationToken);
        }

        progress("filling the tables");
        var all = Catalogue.Tenants.Values.ToLookup(t => t.Placement.Unit.Isolation);
        var tenants = new Dictionary<IsolationKind, BenchTenant[]>();
        foreach (var isolation in all.Select(t => t.Key))
        {
            var rows = isolation == IsolationKind.Shared ? options.Rows : options.Rows * options.Tenants;
            var unit = all[isolation].First().Placement.Unit;
            var ids = await Rows.FillAsync(
                Postgres,
                unit.Database,
                $"{unit.AppSchema.Quoted}.{Visit.Table.Quoted}",
                [.. all[isolation].Select(t => t.Id.Value)],
                rows,
                cancellationToken);
            // As autovacuum does sooner or later; the planner then knows the size of the table that every statement
            // asks.
            await using (var home = await Postgres.OpenAsync(unit.Database, cancellationToken))
            {
                await home.RunAsync( "vacuum analyze guard.capability", cancellationToken);
            }

            tenants[isolation] = [.. all[isolation].Select(t => new BenchTenant(t, Context(t.Id), ids[t.Id.Value]))];
        }

        Tenants = tenants;
        await CreatePlainAsync(all[IsolationKind.Shared], options.Rows, cancellationToken);
        await using var server = await Postgres.OpenAsync("postgres", cancellationToken);
        await server.RunAsync( "checkpoint", cancellationToken);
    }

    private static RequestContext Context(TenantId tenant) =>
        new(tenant, new Actor(ActorKind.Service, "bench-client", ["clinician"]), "bench-request", "bench@1");

    private async Task CreatePlainAsync(IEnumerable<TenantEntry> tenants, int rows, CancellationToken cancellationToken)
    {
        await using (var server = await Postgres.OpenAsync("postgres", cancellationToken))
        {
            await server.RunAsync( $"create role {PlainRole} login password '{Postgres.Password}'", cancellationToken);
            await server.RunAsync( $"create database {PlainDatabase}", cancellationToken);
        }

        await using (var plain = await Postgres.OpenAsync(PlainDatabase, cancellationToken))
        {
            await plain.RunAsync( Visit.PlainTable, cancellationToken);
            await plain.RunAsync(PlainEntryTable, cancellationToken);
            await plain.RunAsync($"grant select, insert, update, delete on all tables in schema public to {PlainRole}", cancellationToken);
        }

        await Rows.FillAsync(
            Postgres, PlainDatabase, "public.visit", [.. tenants.Select(t => t.Id.Value)], rows, cancellationToken);
    }
}
