using System.Net;
using Bulkhead.Gateway;

namespace Bulkhead.Host.StartPage;

/// <summary>
/// Who may ask for development tokens: a page of this installation in a browser on this machine (or a program there).
/// Four doors are shut: another machine (the connection must be loopback), another user of this machine
/// (<see cref="LocalPeer"/>), another site that had its name resolve to
/// 127.0.0.1 (the Host header must be loopback too), and another site that posts here (a header that a foreign page
/// cannot send without CORS, which is never given, and what the browser itself says of the request's origin).
/// </summary>
internal static class OwnBrowser
{
    /// <summary>
    /// Any value; a foreign page may not send it unasked, and asking (a preflight) is never answered.
    /// </summary>
    public const string Header = "Bulkhead-Console";

    public static bool MayRead(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } remote
        && IPAddress.IsLoopback(remote)
        && IsLoopback(context.Request.Host.Host)
        && !IsForwarded(context)
        && IsOfOwnSite(context.Request);

    public static bool MayAsk(HttpContext context) => MayRead(context) && context.Request.Headers.ContainsKey(Header);

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    /// <summary>A proxy on this machine makes every caller look local.</summary>
    private static bool IsForwarded(HttpContext context) =>
        context.Features.Get<StrippedHeaders>() is not null
        || context.Request.Headers.ContainsKey("Forwarded")
        || context.Request.Headers.ContainsKey("X-Forwarded-For")
        || context.Request.Headers.ContainsKey("Via");

    private static bool IsOfOwnSite(HttpRequest request)
    {
        // absent: no browser of today, so no foreign page either
        var site = request.Headers["Sec-Fetch-Site"];
        var origin = request.Headers.Origin;
        return (site.Count == 0 || site is ["same-origin"] or ["none"])
            && (origin.Count == 0 || origin.ToString() == $"{request.Scheme}://{request.Host}");
    }
}
