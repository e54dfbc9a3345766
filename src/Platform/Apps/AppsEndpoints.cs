using Bulkhead.Kernel.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Platform.Apps;

/// <summary>Apps as the operator sees them: what is deployed, what a manifest would change, and deploying it.</summary>
public static class AppsEndpoints
{
    public static IServiceCollection AddApps(this IServiceCollection services, IConfiguration configuration)
    {
        _ = configuration;
        return services.AddSingleton<AppCatalogue>();
    }

    public static IEndpointRouteBuilder MapApps(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/operator/v1/apps", ListApps.HandleAsync).WithMetadata(EndpointPolicy.Operator);
        routes.MapPost("/operator/v1/apps/plan", PlanApp.HandleAsync).WithMetadata(EndpointPolicy.Operator);
        routes.MapPost("/operator/v1/apps", DeployApp.HandleAsync).WithMetadata(EndpointPolicy.Operator);
        return routes;
    }
}
