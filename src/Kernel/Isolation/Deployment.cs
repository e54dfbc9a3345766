using System.Collections.Immutable;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Isolation;

/// <summary>A finding of the hardening that could not be closed.</summary>
public sealed record Residual(string Database, string Item, string Reason);

/// <summary>A service account to create. The digest is SHA-256 of a secret with at least 256 random bits.</summary>
public sealed record NewServiceAccount(string ClientId, byte[] SecretDigest, string Description, ImmutableArray<string> Roles);

public sealed record NewTenant(
    TenantId Id,
    string Slug,
    string Name,
    IsolationKind Isolation,
    string App,
    ImmutableArray<string> Hosts,
    ImmutableArray<NewServiceAccount> ServiceAccounts);

/// <summary>Rows that exist do not allow the change. Nothing of this unit was changed; the message names no value and no tenant.</summary>
public sealed class DeploymentRefused(string reason, Exception? inner = null) : Exception(reason, inner);

/// <summary>Roles, databases, schemas and DDL, under the deployer's credential. Every act has its entry in the installation's log.</summary>
public sealed class Deployment
{
    private readonly DeployerConnections _deployer;
    private readonly ControlDatabase _control;
    private readonly Preparation _preparation;
    private readonly TenantOnboarding _onboarding;
    private readonly AppDeployment _apps;
    private readonly Fencing _fencing;

    internal Deployment(
        KernelOptions options,
        RootStores stores,
        InstallationKeys installationKeys,
        Sealing sealing,
        Catalogue catalogue,
        ControlDatabase control,
        TenantDatabase tenants,
        KeyRing keys,
        TimeProvider time)
    {
        _deployer = new(options);
        _control = control;
        _preparation = new(options, _deployer, stores, installationKeys, sealing, time);
        _onboarding = new(options, _deployer, stores, sealing, catalogue, time);
        _apps = new(options, _deployer, catalogue, keys, new OnlineResealing(tenants, keys, catalogue, options, time), time);
        _fencing = new(options, _deployer, sealing, catalogue, time);
    }

    /// <summary>False on a process that was given no deployer's credential: it serves, and neither deploys nor onboards.</summary>
    public bool IsAvailable => _deployer.IsAvailable;

    /// <summary>Makes an installation out of an empty PostgreSQL, or brings one up to date. Harmless when repeated.</summary>
    /// <exception cref="UnsafeDatabase">The server is too old.</exception>
    public Task PrepareAsync(IProgress<string>? progress, CancellationToken cancellationToken) =>
        _preparation.RunAsync(progress, cancellationToken);

    /// <summary>
    /// Puts an app's version into force: migrates every unit of the app (one transaction each), then flips its tenants to the version.
    /// Fields that are sealed otherwise than before are prepared online first. Resumable: a unit that is already there is passed over.
    /// </summary>
    /// <param name="changesFrom">The steps from an older version to this one.</param>
    public Task DeployAppAsync(
        Actor actor,
        string requestId,
        AppRelease release,
        Func<AppRelease, ImmutableArray<SchemaChange>> changesFrom,
        IProgress<string>? progress,
        CancellationToken cancellationToken) =>
        _apps.RunAsync(new(actor, requestId), release, changesFrom, progress, cancellationToken);

    /// <summary>Makes the tenant's home, keys and capability, and puts it into the catalogue. Resumable by its slug.</summary>
    /// <param name="create">The whole schema of the app's newest version.</param>
    public Task OnboardAsync(
        Actor actor, string requestId, NewTenant tenant, ImmutableArray<SchemaChange> create, CancellationToken cancellationToken) =>
        _onboarding.RunAsync(actor, requestId, tenant, create, cancellationToken);

    /// <summary>Removes the tenant's capability and waits until no older transaction is left: nothing reads or writes its rows after that.</summary>
    public Task SuspendAsync(Actor actor, string requestId, TenantId tenant, CancellationToken cancellationToken) =>
        _fencing.RaiseAsync(actor, requestId, tenant, cancellationToken);

    /// <summary>Gives the tenant a new capability and puts it back into service.</summary>
    public Task ResumeAsync(Actor actor, string requestId, TenantId tenant, CancellationToken cancellationToken) =>
        _fencing.LiftAsync(actor, requestId, tenant, cancellationToken);

    /// <summary>What stays open: what the deployer's rights could not close, and what PostgreSQL cannot.</summary>
    public async Task<ImmutableArray<Residual>> ResidualsAsync(CancellationToken cancellationToken)
    {
        var found = ImmutableArray.CreateBuilder<Residual>();
        await _control.ReadAsync(
            Sql.Of($"select database, item, reason from control.residual order by database, item"),
            row => found.Add(new(row.Text(0), row.Text(1), row.Text(2))),
            cancellationToken);
        found.AddRange(Hardening.AlwaysOpen.Select(o => new Residual("every database", o.Item, o.Reason)));
        return found.ToImmutable();
    }
}
