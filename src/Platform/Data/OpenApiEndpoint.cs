using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Bulkhead.Platform.Data;

/// <summary>
/// <c>GET /api/v1/openapi.json</c>: OpenAPI 3.1 of the app that the tenant runs. Needs no token: it holds the model,
/// which every client must know, and nothing of the tenant's.
/// </summary>
public static class OpenApiEndpoint
{
    public static IEndpointRouteBuilder MapOpenApi(this IEndpointRouteBuilder routes)
    {
        var apps = routes.ServiceProvider.GetRequiredService<AppCatalogue>();
        var options = routes.ServiceProvider.GetRequiredService<IOptions<IdentityOptions>>().Value;
        var documents = new OpenApiDocuments(routes.ServiceProvider.GetRequiredService<DataLimits>());
        routes
            .MapGet("/api/v1/openapi.json", (HttpContext http) => HandleAsync(http, apps, options, documents))
            .WithMetadata(EndpointPolicy.TenantAnonymous);
        return routes;
    }

    private static async Task HandleAsync(
        HttpContext http, AppCatalogue apps, IdentityOptions options, OpenApiDocuments documents)
    {
        if (http.Request.Query.Count > 0)
        {
            await ProblemResults.WriteAsync(
                http,
                StatusCodes.Status400BadRequest,
                "unknown-parameter",
                "The document takes no parameters.",
                [.. http.Request.Query.Keys.Select(name =>
                    new Fault("unknown-parameter", "There is no such parameter.", Parameter: name))],
                http.RequestAborted);
            return;
        }

        var resolved = http.Features.GetRequiredFeature<ResolvedTenant>();
        if (apps.Find(resolved.Tenant.App, resolved.Tenant.AppVersion) is not { } app)
        {
            await ProblemResults.NotFoundAsync(http, http.RequestAborted);
            return;
        }

        http.Response.ContentType = "application/json";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        await documents.WriteAsync(http.Response, app, Issuer.Of(resolved, options).Url);
    }
}
