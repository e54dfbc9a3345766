using System.Text.Json;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Host.StartPage;

/// <summary>
/// <c>GET /dev/info</c> and <c>POST /dev/token</c>: mapped only with <c>--dev</c>, where <see cref="DevAccess"/> is registered.
/// To everybody but this machine's own browser they are not there.
/// </summary>
internal static class DevEndpoints
{
    /// <summary>The body is two short words.</summary>
    private const int LongestBody = 1024;

    private sealed record TokenRequest(string Tenant, string Role);

    public static void MapDevAccess(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/dev/info", Info);
        endpoints.MapPost("/dev/token", Token);
    }

    private static async Task<IResult> Info(HttpContext context, DevAccess access, CancellationToken cancellationToken)
    {
        if (IsOfTenant(context) || !OwnBrowser.MayRead(context))
        {
            return Refusals.NotFound(context);
        }

        context.Response.Headers.CacheControl = "no-store";
        return await access.InfoAsync(cancellationToken) is { } info ? Results.Json(info) : Refusals.NotFound(context);
    }

    private static async Task<IResult> Token(HttpContext context, DevAccess access, CancellationToken cancellationToken)
    {
        if (IsOfTenant(context) || !OwnBrowser.MayAsk(context) || context.Request.ContentLength is null or > LongestBody)
        {
            return Refusals.NotFound(context);
        }

        context.Response.Headers.CacheControl = "no-store";
        return await ReadAsync(context.Request, cancellationToken) is { Tenant: { } tenant, Role: { } role }
            && await access.TokenAsync(tenant, role, cancellationToken) is { } token
            ? Results.Json(token)
            : Refusals.NotFound(context);
    }

    private static bool IsOfTenant(HttpContext context) => context.Features.Get<ResolvedTenant>() is not null;

    private static async Task<TokenRequest?> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await request.ReadFromJsonAsync<TokenRequest>(cancellationToken);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
