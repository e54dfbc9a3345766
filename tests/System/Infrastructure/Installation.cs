using System.Collections.Immutable;
using System.Text;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Deploy = Bulkhead.Kernel.Isolation.Deployment;

namespace Bulkhead.Tests.System.Infrastructure;

/// <summary>An installation on a cluster, made through the kernel's own doors.</summary>
public sealed class Installation : IAsyncDisposable
{
    public static readonly Actor Operator = new(ActorKind.Operator, "operator-1", []);
    public static readonly Actor Nurse = new(ActorKind.Service, "svc-nurse", ["nurse"]);

    private readonly ServiceProvider _provider;

    private Installation(PostgresCluster cluster, KernelOptions options, LateClock clock)
    {
        Cluster = cluster;
        Clock = clock;
        Options = options;
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddKernel(options);
        services.AddSingleton<TimeProvider>(clock);
        _provider = services.BuildServiceProvider();
    }

    public PostgresCluster Cluster { get; }

    public KernelOptions Options { get; }

    /// <summary>Of every process of this installation.</summary>
    public LateClock Clock { get; }

    public Deploy Deployment => _provider.GetRequiredService<Deploy>();

    public TenantDatabase Database => _provider.GetRequiredService<TenantDatabase>();

    public ControlDatabase Control => _provider.GetRequiredService<ControlDatabase>();

    public Catalogue Catalogue => _provider.GetRequiredService<Catalogue>();

    public KernelStart Start => _provider.GetRequiredService<KernelStart>();

    internal TenantPools Pools => _provider.GetRequiredService<TenantPools>();

    public KeyCustody Custody => _provider.GetRequiredService<KeyCustody>();

    public KeyImport Import => _provider.GetRequiredService<KeyImport>();

    public KeyDestruction Destruction => _provider.GetRequiredService<KeyDestruction>();

    public KeyRing Ring => _provider.GetRequiredService<KeyRing>();

    internal RootStores Stores => _provider.GetRequiredService<RootStores>();

    internal T Service<T>() where T : notnull => _provider.GetRequiredService<T>();

    internal Sealing Sealing => _provider.GetRequiredService<Sealing>();

    public static KernelOptions Settings(PostgresCluster cluster, string name, DirectoryInfo keys) => new()
    {
        AppConnection = $"Host={cluster.Socket};Username={name}_app;Password=app;Database={name}",
        DeployConnection = cluster.ConnectionString("postgres"),
        KeyDirectory = keys.FullName,
        CellPoolSize = 8,
        ControlPoolSize = 2,
        MaxBackends = 40,
        CellConnectionLimit = 20,
        DatabaseConnectionLimit = 8,
        StatementTimeout = TimeSpan.FromSeconds(5),
    };

    /// <summary>Prepared, and with the app deployed.</summary>
    public static async Task<Installation> CreateAsync(
        PostgresCluster cluster, string name, Func<KernelOptions, KernelOptions>? change = null)
    {
        var installation = Open(cluster, name, change);
        await installation.Deployment.PrepareAsync(null, default);
        await installation.DeployAsync(1);
        return installation;
    }

    public static Installation Open(PostgresCluster cluster, string name, Func<KernelOptions, KernelOptions>? change = null)
    {
        var options = Settings(cluster, name, Directory.CreateTempSubdirectory("bh-keys-"));
        return new Installation(cluster, change?.Invoke(options) ?? options, new LateClock());
    }

    /// <summary>Another process of the same installation.</summary>
    public Installation Another(Func<KernelOptions, KernelOptions>? change = null) => new(Cluster, change?.Invoke(Options) ?? Options, Clock);

    public Task DeployAsync(int version) => Deployment.DeployAppAsync(
        Operator, "deploy", new AppRelease(Ward.App, version, $"version {version}"), _ => Ward.Second, null, default);

    public async Task<Tenant> OnboardAsync(string slug, IsolationKind kind)
    {
        await Deployment.OnboardAsync(Operator, "onboard", New(slug, kind), Ward.Create, default);
        return new Tenant(this, Catalogue.Current.BySlug[slug].Id);
    }

    public static NewTenant New(string slug, IsolationKind kind) => new(
        TenantId.New(), slug, $"Name of {slug}", kind, Ward.App, [],
        [new NewServiceAccount($"svc-{slug}", new byte[32], "first", ["nurse"])]);

    /// <summary>Without row-level security: what is really there.</summary>
    public async Task<NpgsqlConnection> AsDeployerAsync(string database)
    {
        var settings = new NpgsqlConnectionStringBuilder(Cluster.ConnectionString(database)) { Pooling = false };
        var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    internal string PasswordOf(string database)
    {
        var login = Catalogue.Current.Logins[database];
        return Encoding.UTF8.GetString(
            Sealing.Open(null, SealPurpose.DatabasePassword, login.PasswordSealed, Encoding.UTF8.GetBytes(database)));
    }

    public async ValueTask DisposeAsync() => await _provider.DisposeAsync();
}

/// <summary>A tenant as its own users see it, and as the server really holds it.</summary>
public sealed class Tenant(Installation installation, TenantId id)
{
    public Installation Installation { get; } = installation;

    public TenantId Id { get; } = id;

    public TenantEntry Entry => Installation.Catalogue.Current.Tenants[Id];

    public Unit Unit => Entry.Placement.Unit;

    /// <summary>Stands in every row of this tenant, and nowhere else.</summary>
    public string Mark => $"mark-{Entry.Slug}";

    public Guid Token => Installation.Catalogue.Current.Capabilities[Id];

    public RequestContext Context => new(Id, Installation.Nurse, "request-1", "ward@1");

    public async Task<int> AddPatientAsync(Guid id, string? ssn = null, CancellationToken cancellationToken = default)
    {
        var result = await RunAsync(new TenantWork().Change(
            Sql.Of($"""
                insert into {Place.App}.{Ward.Patient} (tenant_id, id, version, created_at, updated_at, name, ssn, income)
                values ({Place.Tenant}, {SqlValue.Uuid(id)}, {SqlValue.Uuid(id)}, now(), now(),
                        {SqlValue.Text(Mark)}, {SqlValue.Text(ssn)}, 1000) returning id
                """),
            new AuditEvent("data.create") { Entity = "patient", Fields = ["name", "ssn"] }), cancellationToken);
        Assert.Null(result.Violation);
        return result.Changed;
    }

    public async Task<List<(Guid Id, string Name)>> PatientsAsync()
    {
        var rows = new List<(Guid, string)>();
        await RunAsync(new TenantWork().Read(
            Sql.Of($"select id, name from {Place.App}.{Ward.Patient} order by id"), row => rows.Add((row.Uuid(0), row.Text(1)))));
        return rows;
    }

    public Task<WorkResult> RunAsync(TenantWork work, CancellationToken cancellationToken = default) =>
        Installation.Database.RunAsync(Context, work, cancellationToken);

    /// <summary>Digest of everything the tenant has, read without row-level security: what an attack must not change.</summary>
    public async Task<string> FingerprintAsync()
    {
        await using var deployer = await Installation.AsDeployerAsync(Unit.Database);
        var digest = new StringBuilder();
        foreach (var table in TablesOf(Unit))
        {
            digest.Append(await deployer.ScalarAsync<string>(
                $"select count(*) || ':' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {table} t where tenant_id = $1",
                default, Id.Value)).Append('/');
        }

        return digest.ToString();
    }

    /// <summary>Rows that do not belong where they are.</summary>
    public async Task<long> ForeignRowsAsync()
    {
        await using var deployer = await Installation.AsDeployerAsync(Unit.Database);
        var rows = 0L;
        foreach (var table in TablesOf(Unit))
        {
            rows += await deployer.ScalarAsync<long>($"select count(*) from {table} t where tenant_id <> $1", default, Id.Value);
        }

        return rows;
    }

    private static ImmutableArray<string> TablesOf(Unit unit) =>
    [
        $"{unit.Name}.patient", $"{unit.Name}.visit", $"{unit.Name}_core.service_account", $"{unit.Name}_core.idempotency",
        $"{unit.Name}_core.audit_entry",
    ];
}
