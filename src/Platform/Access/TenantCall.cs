using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Access;

/// <summary>An authenticated call at a tenant: who, where, under which app. Handed to a handler, never ambient.</summary>
public sealed record TenantCall(TenantEntry Tenant, AppModel App, RequestContext Context);
