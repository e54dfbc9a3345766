using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Bulkhead.Platform.Identity;

/// <summary>Tokens, keys and metadata of every issuer. The setting <c>Bulkhead:PublicUrl</c> is the base of their URLs.</summary>
public static class IdentityEndpoints
{
    public static IServiceCollection AddIdentity(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<IdentityOptions>()
            .Bind(configuration.GetSection("Bulkhead"))
            .ValidateDataAnnotations()
            .ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.AddSingleton<Denials>();
        services.AddSingleton(provider =>
        {
            var catalogue = provider.GetRequiredService<Catalogue>();
            var apps = provider.GetRequiredService<AppCatalogue>();
            return new Authentication(
                () => catalogue.Current,
                apps.Find,
                provider.GetRequiredService<Denials>(),
                provider.GetRequiredService<IOptions<IdentityOptions>>().Value,
                provider.GetRequiredService<TimeProvider>());
        });
        return services;
    }

    public static IEndpointRouteBuilder MapIdentity(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/oauth/token", IssueTenantToken.HandleAsync).WithMetadata(EndpointPolicy.TenantAnonymous);
        routes.MapGet("/oauth/jwks", (RequestDelegate)IssuerMetadata.TenantKeysAsync)
            .WithMetadata(EndpointPolicy.TenantAnonymous);
        routes.MapGet("/.well-known/oauth-authorization-server", IssuerMetadata.TenantAsync)
            .WithMetadata(EndpointPolicy.TenantAnonymous);
        routes.MapGet("/.well-known/openid-configuration", IssuerMetadata.TenantAsync)
            .WithMetadata(EndpointPolicy.TenantAnonymous);
        routes.MapPost("/operator/oauth/token", IssueOperatorToken.HandleAsync)
            .WithMetadata(EndpointPolicy.OperatorAnonymous);
        routes.MapGet("/operator/oauth/jwks", IssuerMetadata.OperatorKeysAsync)
            .WithMetadata(EndpointPolicy.OperatorAnonymous);
        return routes;
    }
}
