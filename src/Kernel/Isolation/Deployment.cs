using System.Collections.Immutable;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Isolation;

/// <summary>A finding of the hardening that the deployer's rights could not close.</summary>
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

/// <summary>Roles, databases, schemas and DDL, under the deployer's credential. Every act has its entry in the installation's log.</summary>
public sealed class Deployment
{
    /// <summary>False on a process that was given no deployer's credential: it serves, and neither deploys nor onboards.</summary>
    public bool IsAvailable => throw new NotSupportedException();

    /// <summary>
    /// Puts an app's version into force: migrates every unit of the app (one transaction each), then flips its tenants to the version.
    /// Resumable: a unit that is already there is passed over.
    /// </summary>
    /// <param name="create">The whole schema at this version, for units made from now on.</param>
    /// <param name="changesFrom">The steps from an older version to this one.</param>
    public Task DeployAppAsync(
        Actor actor,
        string requestId,
        AppRelease release,
        ImmutableArray<SchemaChange> create,
        Func<AppRelease, ImmutableArray<SchemaChange>> changesFrom,
        IProgress<string>? progress,
        CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>Makes the tenant's home, keys and capability, and puts it into the catalogue. Resumable by its slug.</summary>
    /// <param name="create">The whole schema of the app's newest version.</param>
    public Task OnboardAsync(
        Actor actor,
        string requestId,
        NewTenant tenant,
        ImmutableArray<SchemaChange> create,
        CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>Removes the tenant's capability and waits until no older transaction is left: nothing reads or writes its rows after that.</summary>
    public Task SuspendAsync(Actor actor, string requestId, TenantId tenant, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <summary>Gives the tenant a new capability and puts it back into service.</summary>
    public Task ResumeAsync(Actor actor, string requestId, TenantId tenant, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <summary>What the deployer's rights could not close, from the last preparation.</summary>
    public Task<ImmutableArray<Residual>> ResidualsAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
}
