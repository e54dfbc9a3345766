using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Integrity;
using Bulkhead.Kernel.Audit.Retention;
using Bulkhead.Kernel.Audit.Streams;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Keys.PostQuantum;
using Bulkhead.Kernel.Tenancy;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Kernel;

public static class KernelRegistration
{
    /// <exception cref="ArgumentException">The options are at fault; the message lists every fault.</exception>
    public static IServiceCollection AddKernel(this IServiceCollection services, KernelOptions options)
    {
        var faults = options.Validate();
        if (faults.Count > 0)
        {
            throw new ArgumentException(string.Join("; ", faults), nameof(options));
        }

        // Before the driver is first used: a text of several statements can then not be sent at all.
        AppContext.SetSwitch("Npgsql.EnableSqlRewriting", false);
        services.AddSingleton(options);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(_ => KeyStores.Open(options));
        services.AddSingleton(_ => new Sealing());
        services.AddSingleton(p => new InstallationKeys(p.GetRequiredService<RootStores>(), p.GetRequiredService<Sealing>()));
        services.AddSingleton<ControlPool>();
        services.AddSingleton(p => new Catalogue(
            new CatalogueReader(
            p.GetRequiredService<ControlPool>(), p.GetRequiredService<Sealing>(), p.GetRequiredService<InstallationKeys>()),
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new HeldKeyStores(
            p.GetRequiredService<Sealing>(), options.HeldKeys, p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new TenantKeyUnwrapping(p.GetRequiredService<RootStores>(), p.GetRequiredService<HeldKeyStores>()));
        services.AddSingleton(p => new KeyRing(
            p.GetRequiredService<Catalogue>(), p.GetRequiredService<TenantKeyUnwrapping>(), options, p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new TokenSigning(p.GetRequiredService<Catalogue>(), p.GetRequiredService<Sealing>()));
        services.AddSingleton<TenantPools>();
        services.AddSingleton(p => new EntryMacs(p.GetRequiredService<Catalogue>(), p.GetRequiredService<Sealing>()));
        services.AddSingleton(p => new TenantDatabase(
            p.GetRequiredService<Catalogue>(),
            p.GetRequiredService<TenantPools>(),
            p.GetRequiredService<KeyRing>(),
            p.GetRequiredService<EntryMacs>(),
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new ControlDatabase(p.GetRequiredService<ControlPool>(), p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new Deployment(
            options,
            p.GetRequiredService<RootStores>(),
            p.GetRequiredService<InstallationKeys>(),
            p.GetRequiredService<Sealing>(),
            p.GetRequiredService<Catalogue>(),
            p.GetRequiredService<ControlDatabase>(),
            p.GetRequiredService<TenantDatabase>(),
            p.GetRequiredService<KeyRing>(),
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new RecordRewriting(p.GetRequiredService<TenantDatabase>(), p.GetRequiredService<KeyRing>()));
        services.AddSingleton(p => new KeyCustody(
            options,
            p.GetRequiredService<RootStores>(),
            p.GetRequiredService<HeldKeyStores>(),
            p.GetRequiredService<Catalogue>(),
            p.GetRequiredService<TenantDatabase>(),
            p.GetRequiredService<KeyRing>(),
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new TenantHolding(
            p.GetRequiredService<KeyCustody>(),
            p.GetRequiredService<RootStores>(),
            p.GetRequiredService<HeldKeyStores>(),
            p.GetRequiredService<Sealing>(),
            p.GetRequiredService<KeyRing>(),
            options,
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new KeySchedule(
            p.GetRequiredService<KeyCustody>(), p.GetRequiredService<Catalogue>(), options, p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new KeyImport(
            p.GetRequiredService<KeyCustody>(),
            p.GetRequiredService<Sealing>(),
            new HybridSealing(options.RequirePostQuantum),
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new KeyDestruction(
            p.GetRequiredService<KeyCustody>(),
            p.GetRequiredService<Catalogue>(),
            p.GetRequiredService<Sealing>(),
            new ReceiptSigning(options.RequirePostQuantum),
            options,
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new SubjectErasure(
            p.GetRequiredService<KeyCustody>(),
            p.GetRequiredService<KeyDestruction>(),
            p.GetRequiredService<TenantDatabase>(),
            p.GetRequiredService<KeyRing>(),
            options,
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new KernelStart(
            p.GetRequiredService<ControlPool>(), p.GetRequiredService<Catalogue>(), p.GetRequiredService<TenantPools>()));
        services.AddSingleton(p => new LogKeys(p.GetRequiredService<Catalogue>(), p.GetRequiredService<Sealing>()));
        services.AddSingleton(p => new AuditSealer(
            p.GetRequiredService<TenantPools>(),
            p.GetRequiredService<Catalogue>(),
            p.GetRequiredService<LogKeys>(),
            p.GetRequiredService<EntryMacs>(),
            options,
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new WaitingLogs(p.GetRequiredService<TenantPools>(), p.GetRequiredService<Catalogue>()));
        services.AddSingleton(p => new HeadLog(
            p.GetRequiredService<TenantPools>(), p.GetRequiredService<LogKeys>(), options, p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new CommittedTotals(p.GetRequiredService<TenantDatabase>(), p.GetRequiredService<KeyRing>()));
        services.AddSingleton(p => new Disclosures(p.GetRequiredService<TenantDatabase>(), p.GetRequiredService<KeyRing>()));
        services.AddSingleton(p => new AuditLog(p.GetRequiredService<TenantDatabase>(), p.GetRequiredService<ControlDatabase>()));
        services.AddSingleton(p => new HeadWitnessing(
            p.GetRequiredService<TenantPools>(),
            p.GetRequiredService<AuditLog>(),
            p.GetRequiredService<Catalogue>(),
            options,
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new Duties(p.GetRequiredService<TenantPools>(), options));
        services.AddSingleton(p => new SealerWork(p.GetRequiredService<TenantPools>(), p.GetRequiredService<Catalogue>()));
        services.AddSingleton(p => new LogSweep(
            p.GetRequiredService<SealerWork>(), p.GetRequiredService<TenantPools>(), p.GetRequiredService<LogKeys>(), options));
        services.AddSingleton(p => new HeadSweep(p.GetRequiredService<TenantPools>(), p.GetRequiredService<LogKeys>(), options));
        services.AddSingleton(p => new SweepProgress(options, p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new GapRecords(p.GetRequiredService<TenantPools>(), options));
        services.AddSingleton(p => new AuditGaps(p.GetRequiredService<ControlDatabase>()));
        services.AddSingleton(p => new AuditStreams(
            p.GetRequiredService<TenantDatabase>(), p.GetRequiredService<Sealing>(), options, p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new StreamQueue(
            p.GetRequiredService<SealerWork>(),
            p.GetRequiredService<Duties>(),
            p.GetRequiredService<Catalogue>(),
            p.GetRequiredService<Sealing>(),
            options,
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new AuditRetention(p.GetRequiredService<TenantDatabase>(), options, p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new EntryExpiry(
            p.GetRequiredService<SealerWork>(), p.GetRequiredService<TenantDatabase>(), options, p.GetRequiredService<TimeProvider>()));
        services.AddHostedService<CataloguePolling>();
        services.AddSingleton(p => new UnsealedLogs(
            p.GetRequiredService<WaitingLogs>(),
            p.GetRequiredService<Catalogue>(),
            options,
            p.GetRequiredService<TimeProvider>(),
            p.GetRequiredService<ILogger<UnsealedLogs>>()));
        services.AddHostedService(p => p.GetRequiredService<UnsealedLogs>());
        return services.AddBackgroundWork<AuditExpiring>().AddBackgroundWork<AuditSweeping>().AddBackgroundWork<AuditSealing>();
    }
}

/// <summary>What must hold before the first request is served.</summary>
public sealed class KernelStart
{
    private readonly ControlPool _control;
    private readonly Catalogue _catalogue;
    private readonly TenantPools _pools;

    internal KernelStart(ControlPool control, Catalogue catalogue, TenantPools pools)
    {
        _control = control;
        _catalogue = catalogue;
        _pools = pools;
    }

    /// <summary>Reads the catalogue and looks at every database that holds rows.</summary>
    /// <exception cref="UnsafeDatabase">On a dangerous role, a table without forced row-level security, an old minor: with every fault.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        await using (var connection = await _control.Source.OpenConnectionAsync(cancellationToken))
        {
            await ServingChecks.AppCredentialAsync(connection, cancellationToken);
            await ServingChecks.OneStatementAsync(connection, cancellationToken);
        }

        await _catalogue.RefreshAsync(cancellationToken);
        var faults = new List<string>();
        var homes = _catalogue.Current.Tenants.Values.Select(t => t.Placement.Unit).Distinct().GroupBy(u => u.Database);
        foreach (var home in homes)
        {
            var schemas = home.SelectMany(u => new[] { u.AppSchema.Value, u.CoreSchema.Value }).ToList();
            try
            {
                await using var lease = await _pools.OpenAsync(home.First(), cancellationToken);
                await ServingChecks.TablesAsync(lease.Connection, schemas, cancellationToken);
            }
            catch (UnsafeDatabase unsafeDatabase)
            {
                faults.AddRange(unsafeDatabase.Faults);
            }
        }

        if (faults.Count > 0)
        {
            throw new UnsafeDatabase(faults);
        }
    }
}
