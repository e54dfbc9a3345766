using Bulkhead.Kernel.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Platform.Tenants;

/// <summary>Tenants as the operator runs them: by name and place, never by their data.</summary>
public static class TenantsEndpoints
{
    public static IServiceCollection AddTenants(this IServiceCollection services, IConfiguration configuration)
    {
        var publicUrl = configuration["Bulkhead:PublicUrl"] ?? "http://localhost:8080";
        return services.AddSingleton(new TenantLinks(publicUrl.TrimEnd('/')));
    }

    public static IEndpointRouteBuilder MapTenants(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/operator/v1/status", ShowStatus.HandleAsync).WithMetadata(EndpointPolicy.Operator);
        routes.MapGet("/operator/v1/tenants", ListTenants.HandleAsync).WithMetadata(EndpointPolicy.Operator);
        routes.MapPost("/operator/v1/tenants", OnboardTenant.HandleAsync).WithMetadata(EndpointPolicy.Operator);
        routes.MapGet("/operator/v1/tenants/{slug}", ShowTenant.HandleAsync).WithMetadata(EndpointPolicy.Operator);
        routes.MapPost("/operator/v1/tenants/{slug}/suspend", SuspendTenant.HandleAsync)
            .WithMetadata(EndpointPolicy.Operator);
        routes.MapPost("/operator/v1/tenants/{slug}/resume", ResumeTenant.HandleAsync)
            .WithMetadata(EndpointPolicy.Operator);
        return routes;
    }
}
