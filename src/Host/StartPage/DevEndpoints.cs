using System.Text.Json;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;

namespace Bulkhead.Host.StartPage;

/// <summary>
/// <c>GET /dev/info</c> and <c>POST /dev/token</c>: mapped only with <c>--dev</c>, where <see cref="DevAccess"/> is
/// registered. To everybody but this machine's own browser they are not there.
/// </summary>
internal static class DevEndpoints
{
    /// <summary>The body is two short words.</summary>
    private const int LongestBody = 1024;

    private sealed record TokenRequest(string Tenant, string Role);

    public static void MapDevAccess(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/dev/info", Info).WithMetadata(EndpointPolicy.Public);
        endpoints.MapPost("/dev/token", Token).WithMetadata(EndpointPolicy.Public);
    }

    private static async Task Info(HttpContext context, DevAccess access, CancellationToken cancellationToken)
    {
        var info = OwnBrowser.MayRead(context) && LocalPeer.IsOwn(context.Connection) ? await access.InfoAsync(cancellationToken) : null;
        await AnswerAsync(context, info, cancellationToken);
    }

    private static async Task Token(HttpContext context, DevAccess access, CancellationToken cancellationToken)
    {
        DevToken? token = null;
        if (OwnBrowser.MayAsk(context)
            && LocalPeer.IsOwn(context.Connection)
            && context.Request.ContentLength is <= LongestBody
            && await ReadAsync(context.Request, cancellationToken) is { Tenant: { } tenant, Role: { } role })
        {
            token = await access.TokenAsync(tenant, role, cancellationToken);
        }

        await AnswerAsync(context, token, cancellationToken);
    }

    private static Task AnswerAsync<T>(HttpContext context, T? answer, CancellationToken cancellationToken)
        where T : class
    {
        if (answer is null)
        {
            return ProblemResults.NotFoundAsync(context, cancellationToken);
        }

        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsJsonAsync(answer, cancellationToken);
    }

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
