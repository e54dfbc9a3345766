using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Access;

/// <summary>An authenticated call at a tenant: who, where, under which app. Handed to a handler, never ambient.</summary>
public sealed record TenantCall(TenantEntry Tenant, AppModel App, RequestContext Context)
{
    /// <summary>When the token ends: what goes on for long ends with it. Where nobody says, it has ended.</summary>
    public DateTimeOffset ExpiresAt { get; init; }
}
