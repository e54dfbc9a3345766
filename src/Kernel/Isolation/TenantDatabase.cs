using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Isolation;

/// <summary>The only door to a tenant's data, whatever its isolation.</summary>
public sealed class TenantDatabase
{
    /// <summary>
    /// Runs the work in one transaction and one round trip; returns after the commit. Nothing that a sink collected may be
    /// sent before that.
    /// </summary>
    /// <exception cref="TenantFault">The data could not be reached.</exception>
    public Task<WorkResult> RunAsync(RequestContext context, TenantWork work, CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}
