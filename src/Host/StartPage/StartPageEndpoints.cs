using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Microsoft.Net.Http.Headers;

namespace Bulkhead.Host.StartPage;

/// <summary>
/// The page at <c>/</c>, its files at <c>/console/</c> and the interactive reference at <c>/reference/</c>. They
/// belong to the installation, not to a tenant: under a tenant's URL none of them exists.
/// </summary>
internal static class StartPageEndpoints
{
    /// <summary>Nothing but our own files runs or loads; nobody frames the page.</summary>
    private const string PagePolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>Swagger UI styles elements inline; scripts stay our own files.</summary>
    private static readonly string ReferencePolicy =
        PagePolicy.Replace("style-src 'self'", "style-src 'self' 'unsafe-inline'", StringComparison.Ordinal);

    /// <summary>
    /// Call after the edge and before the endpoints: the reference's files are served by a middleware.
    /// </summary>
    public static void UseReference(this WebApplication app) =>
        app.UseWhen(context => context.Features.Get<ResolvedTenant>() is null, branch =>
        {
            branch.Use((context, next) =>
            {
                if (context.Request.Path.StartsWithSegments("/reference"))
                {
                    Harden(context.Response.Headers, ReferencePolicy);
                }

                return next(context);
            });
            branch.UseSwaggerUI(options =>
            {
                options.RoutePrefix = "reference";
                // a page of our own: it chooses the tenant and the token, and has no script in it
                options.IndexStream = () =>
                    new MemoryStream(ConsoleFiles.All["reference.html"].Content, writable: false);
            });
        });

    public static void MapStartPage(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapMethods("/", [HttpMethods.Get, HttpMethods.Head], (HttpContext context) =>
            Serve(context, "start.html"))
            .WithMetadata(EndpointPolicy.Public);
        endpoints.MapMethods("/console/{**file}", [HttpMethods.Get, HttpMethods.Head],
            (HttpContext context, string file) => Serve(context, file))
            .WithMetadata(EndpointPolicy.Public);
    }

    private static Task Serve(HttpContext context, string name)
    {
        if (!ConsoleFiles.All.TryGetValue(name, out var file))
        {
            return ProblemResults.NotFoundAsync(context, context.RequestAborted);
        }

        Harden(context.Response.Headers, PagePolicy);
        return Results.Bytes(file.Content, file.MediaType, entityTag: EntityTagHeaderValue.Parse(file.ETag))
            .ExecuteAsync(context);
    }

    private static void Harden(IHeaderDictionary headers, string policy)
    {
        headers.ContentSecurityPolicy = policy;
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-cache";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }
}
