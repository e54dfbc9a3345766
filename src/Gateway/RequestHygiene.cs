using System.Buffers;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bulkhead.Gateway;

/// <summary>
/// Refuses what two readers could understand differently, and takes away what a client says about who it is. Kestrel refuses the
/// rest by itself: unequal lengths, folded lines, NUL, two hosts.
/// </summary>
internal sealed class RequestHygiene(EdgeOptions options)
{
    // No percent: our paths consist of plain names and ids, so an escape there only ever hides something.
    private static readonly SearchValues<char> PathCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:@!$&'()*+,=");

    private static readonly string[] IdentityPrefixes =
        ["X-Tenant", "X-User", "X-Auth", "X-Remote", "X-Bulkhead", "X-Original", "X-Rewrite", "X-HTTP-Method", "X-Real-", "X-Client"];

    private static readonly string[] IdentityNames =
        ["Remote-User", "Request-Id", "X-Request-Id", "True-Client-IP", "CF-Connecting-IP", "X-Method-Override"];

    private readonly IPAddress[] _proxies = [.. options.Proxies.Select(IPAddress.Parse)];

    /// <summary>The problem, or null when the request is clean; then it carries no identity headers.</summary>
    public EdgeProblem? Clean(HttpContext context)
    {
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        return CheckTarget(target) ?? CheckLength(context.Request) ?? CleanHeaders(context);
    }

    internal EdgeProblem? CheckTarget(string target)
    {
        if (target.Length > options.MaxTargetLength)
        {
            return EdgeProblem.TargetTooLong;
        }

        var question = target.IndexOf('?', StringComparison.Ordinal);
        var path = question < 0 ? target.AsSpan() : target.AsSpan(0, question);
        var query = question < 0 ? [] : target.AsSpan(question);
        return path is ['/', ..]
            && !path.ContainsAnyExcept(PathCharacters)
            && !path.Contains("//", StringComparison.Ordinal)
            && !HasDotSegment(path)
            && !query.ContainsAnyExceptInRange('!', '~')
            ? null
            : EdgeProblem.InvalidTarget;
    }

    private static bool HasDotSegment(ReadOnlySpan<char> path)
    {
        for (var dot = path.IndexOf("/.", StringComparison.Ordinal); dot >= 0;)
        {
            var segment = path[(dot + 1)..];
            var end = segment.IndexOf('/');
            if ((end < 0 ? segment : segment[..end]) is "." or "..")
            {
                return true;
            }

            path = segment;
            dot = path.IndexOf("/.", StringComparison.Ordinal);
        }

        return false;
    }

    private static EdgeProblem? CheckLength(HttpRequest request)
    {
        if (request.Headers.TransferEncoding.Count == 0)
        {
            return null;
        }

        // Kestrel lets Transfer-Encoding win and moves the length aside, to X-Content-Length.
        return request.ContentLength is not null
            || request.Headers.ContainsKey("X-Content-Length")
            || HttpProtocol.IsHttp10(request.Protocol)
            ? EdgeProblem.AmbiguousLength
            : null;
    }

    private EdgeProblem? CleanHeaders(HttpContext context)
    {
        List<string>? stripped = null;
        foreach (var (name, _) in context.Request.Headers)
        {
            if (name.Contains('_', StringComparison.Ordinal))
            {
                return EdgeProblem.InvalidHeaderName;
            }

            if (IsIdentity(name) || (IsForwarding(name) && !IsProxy(context.Connection.RemoteIpAddress)))
            {
                (stripped ??= []).Add(name);
            }
        }

        if (stripped is not null)
        {
            context.Features.Set(StrippedHeaders.Instance);
            foreach (var name in stripped)
            {
                context.Request.Headers.Remove(name);
            }
        }

        return null;
    }

    private static bool IsIdentity(string name)
    {
        // Nearly every header of a usual request ends here.
        if ((name[0] | 0x20) is not ('x' or 'r' or 't' or 'c'))
        {
            return false;
        }

        foreach (var prefix in IdentityPrefixes)
        {
            if (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        foreach (var identity in IdentityNames)
        {
            if (name.Equals(identity, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsForwarding(string name) =>
        (name[0] | 0x20) is 'x' or 'f'
        && (name.StartsWith("X-Forwarded", StringComparison.OrdinalIgnoreCase)
            || name.Equals("Forwarded", StringComparison.OrdinalIgnoreCase));

    private bool IsProxy(IPAddress? peer) =>
        peer is not null
        && _proxies.Length > 0
        && Array.IndexOf(_proxies, peer.IsIPv4MappedToIPv6 ? peer.MapToIPv4() : peer) >= 0;
}
