namespace Bulkhead.Kernel.Tenancy;

/// <summary>Set on the request's features by the edge, from the host name or the path; absent on operator and public routes.</summary>
/// <param name="Host">The claimed host name that the request came to, lower case without port; null for the path form.</param>
public sealed record ResolvedTenant(TenantEntry Tenant, string? Host = null);
