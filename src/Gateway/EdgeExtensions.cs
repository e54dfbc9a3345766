using Bulkhead.Kernel.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Bulkhead.Gateway;

/// <summary>The edge in front of the endpoints, in the same process.</summary>
public static class EdgeExtensions
{
    /// <summary>
    /// Limits from <c>Bulkhead:Edge</c>, Kestrel's included; own host names from <c>Bulkhead:PublicUrl</c> and <c>Bulkhead:Edge:Hosts</c>.
    /// </summary>
    public static IServiceCollection AddEdge(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<EdgeOptions>()
            .Bind(configuration.GetSection("Bulkhead:Edge"))
            .ValidateDataAnnotations()
            .ValidateOnStart();
        services.AddSingleton<IConfigureOptions<KestrelServerOptions>, KestrelLimits>();
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<EdgeOptions>>().Value);
        services.AddSingleton<RequestHygiene>();
        services.AddSingleton(provider =>
        {
            var catalogue = provider.GetRequiredService<Catalogue>();
            return new TenantResolution(
                () => catalogue.Current, provider.GetRequiredService<EdgeOptions>(), PublicHost(configuration));
        });
        return services;
    }

    /// <summary>The first middleware of the pipeline, followed by routing: Program.cs does not call UseRouting itself.</summary>
    public static IApplicationBuilder UseEdge(this IApplicationBuilder app)
    {
        app.UseMiddleware<Edge>();
        // Here and not before: routing must see the path without the tenant.
        app.UseRouting();
        app.UseMiddleware<PlaneGuard>();
        return app;
    }

    internal static string PublicHost(IConfiguration configuration) =>
        Uri.TryCreate(configuration["Bulkhead:PublicUrl"], UriKind.Absolute, out var url) ? url.Host : "localhost";
}
