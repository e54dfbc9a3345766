using Bulkhead.Kernel.Tenancy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Bulkhead.Gateway;

/// <summary>
/// After routing: an endpoint is reached on its own plane only. Elsewhere it does not exist, so that no tenant sees the operator's
/// routes and nobody reaches data without a tenant.
/// </summary>
internal sealed class PlaneGuard
{
    private readonly RequestDelegate _next;

    /// <exception cref="InvalidOperationException">An endpoint has no policy; the program does not start with it.</exception>
    public PlaneGuard(RequestDelegate next, EndpointDataSource endpoints)
    {
        _next = next;
        var bare = EndpointList.WithoutPolicy(endpoints);
        if (bare.Count > 0)
        {
            throw new InvalidOperationException("Endpoints without an EndpointPolicy: " + string.Join(", ", bare));
        }
    }

    public Task InvokeAsync(HttpContext context)
    {
        var endpoint = context.GetEndpoint();
        if (endpoint is not null && !MayServe(endpoint, context.Features.Get<ResolvedTenant>() is not null))
        {
            return EdgeProblem.NotFound.WriteAsync(context);
        }

        return _next(context);
    }

    private static bool MayServe(Endpoint endpoint, bool hasTenant)
    {
        var policy = endpoint.Metadata.GetMetadata<EndpointPolicy>();
        return policy is null
            // Routing's own answers (405, 415) are endpoints without a route; they do nothing but refuse.
            ? endpoint is not RouteEndpoint
            : hasTenant == (policy.Plane == EndpointPlane.Tenant);
    }
}
