namespace Bulkhead.Kernel.Tenancy;

/// <summary>Set on the request's features by the edge, from the host name or the path; absent on operator and public routes.</summary>
public sealed record ResolvedTenant(TenantEntry Tenant);
