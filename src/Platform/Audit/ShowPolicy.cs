using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// <c>GET /api/v1/audit/policy</c>: the access rules that decided, byte for byte as their digest in entries (<c>policy</c>) has them; those of
/// now, or with <c>?digest=</c> those of any version of the app.
/// </summary>
internal static class ShowPolicy
{
    public static async Task HandleAsync(HttpContext context, Authentication authentication, Denials denials, AppCatalogue apps)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.policy") is not { } call)
        {
            return;
        }

        var query = context.Request.Query;
        if (query.Any(parameter => parameter.Key != "digest" || parameter.Value.Count > 1))
        {
            await ProblemResults.WriteAsync(
                context,
                StatusCodes.Status400BadRequest,
                "unknown-parameter",
                "The endpoint takes digest, once: that of an entry's policy.",
                cancellationToken: context.RequestAborted);
            return;
        }

        var app = query.TryGetValue("digest", out var digest) ? apps.FindByPolicy(call.App.Name, digest.ToString()) : call.App;
        if (app is null)
        {
            await ProblemResults.NotFoundAsync(context, context.RequestAborted);
            return;
        }

        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(AccessPolicy.TextOf(app), context.RequestAborted);
    }
}
