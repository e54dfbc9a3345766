using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Isolation;

/// <summary>Who asked for a deployment. What the platform does to tenants' rows for it names them.</summary>
internal sealed record DeploymentRequest(Actor Actor, string Id);
