using Bulkhead.Bench.Servers;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Keys.Pkcs11;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Bench.Keys;

/// <summary>
/// An installation whose tenants are nothing but their keys: wrapped under the root of a store, in a control database of its own.
/// What rotates them is what rotates them in the program, on one connection, without the entries in the tenants' own logs.
/// </summary>
internal sealed class RotatedInstallation : IAsyncDisposable
{
    private static readonly Actor Actor = new(ActorKind.Platform, "bench", []);

    private readonly ServiceProvider _services;
    private readonly NpgsqlConnection _control;
    private readonly TenantId[] _tenants;
    private readonly RootLife _root;
    private readonly TenantKeyLife _life;

    private RotatedInstallation(ServiceProvider services, KernelOptions options, NpgsqlConnection control, TenantId[] tenants)
    {
        _services = services;
        _control = control;
        _tenants = tenants;
        var stores = services.GetRequiredService<RootStores>();
        _root = new(stores, options, TimeProvider.System);
        _life = new(stores, services.GetRequiredService<HeldKeyStores>(), options, TimeProvider.System);
    }

    public static async Task<RotatedInstallation> CreateAsync(
        PrivatePostgres postgres, string store, Pkcs11Options? hsm, int tenants, CancellationToken cancellationToken)
    {
        var database = $"bulkhead_rotation_{store}";
        var options = new KernelOptions
        {
            AppConnection = $"Host={postgres.Socket};Username={database}_app;Password={postgres.Password};Database={database}",
            DeployConnection = postgres.Superuser("postgres").ConnectionString,
            KeyDirectory = Path.Combine(postgres.Folder, $"rotation-keys-{store}"),
            Hsm = hsm,
        };
        var services = new ServiceCollection().AddLogging().AddKernel(options).BuildServiceProvider();
        await services.GetRequiredService<Deployment>().PrepareAsync(null, cancellationToken);
        var made = new RotatedInstallation(
            services,
            options,
            await postgres.OpenAsync(database, cancellationToken),
            [.. Enumerable.Range(0, tenants).Select(_ => TenantId.New())]);
        await made.FillAsync(cancellationToken);
        return made;
    }

    /// <summary>A new root, and every tenant key wrapped under it.</summary>
    public Task RotateRootAsync(CancellationToken cancellationToken) =>
        _root.RotateAsync(_control, Actor, "bench", null, cancellationToken);

    /// <summary>A new key for each tenant, one after the other, and its data key wrapped under it.</summary>
    public async Task RotateTenantKeysAsync(CancellationToken cancellationToken)
    {
        foreach (var tenant in _tenants)
        {
            await _life.RotateTenantKeyAsync(_control, tenant, null, cancellationToken);
        }
    }

    /// <summary>As autovacuum does, which the bench's server has turned off.</summary>
    public async Task VacuumAsync(CancellationToken cancellationToken)
    {
        foreach (var table in new[] { "installation", "tenant_key", "data_key" })
        {
            await _control.RunAsync($"vacuum analyze control.{table}", cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _control.DisposeAsync();
        await _services.DisposeAsync();
    }

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        await using var transaction = await _control.BeginTransactionAsync(cancellationToken);
        await _control.RunAsync("insert into control.app (name) values ('bench')", cancellationToken);
        await _control.RunAsync(
            "insert into control.app_release (app, version, manifest, digest) values ('bench', 1, 'bench', ''::bytea)", cancellationToken);
        await _control.RunAsync(
            """
            insert into control.unit (name, cell, isolation, database, app)
            select 'u_' || substr(md5('bench'), 1, 20), id, 'shared', database, 'bench' from control.cell
            """,
            cancellationToken);
        await _control.RunAsync(
            """
            insert into control.tenant (id, slug, name, status, unit, app, app_version)
            select t.id, 't' || t.n, 'Tenant ' || t.n, 'active', u.name, 'bench', 1
            from control.unit u, unnest($1::uuid[]) with ordinality t (id, n)
            """,
            cancellationToken,
            _tenants.Select(t => t.Value).ToArray());
        var making = new TenantKeyMaking(_services.GetRequiredService<RootStores>(), TimeProvider.System);
        foreach (var tenant in _tenants)
        {
            await making.EnsureFirstAsync(_control, tenant, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        await VacuumAsync(cancellationToken);
    }
}
