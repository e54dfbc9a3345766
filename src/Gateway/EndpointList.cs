using System.Globalization;
using Bulkhead.Kernel.Tenancy;
using Microsoft.AspNetCore.Routing;

namespace Bulkhead.Gateway;

/// <summary>Every endpoint with its policy, for the test that compares them with the committed list of who may call what.</summary>
public static class EndpointList
{
    /// <summary>Sorted lines <c>GET /api/v1/audit tenant token</c>; the last word is <c>token</c> or <c>anyone</c>.</summary>
    public static IReadOnlyList<string> Lines(EndpointDataSource endpoints) =>
    [
        .. endpoints.Endpoints
            .OfType<RouteEndpoint>()
            .SelectMany(Lines)
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal),
    ];

    internal static IReadOnlyList<string> WithoutPolicy(EndpointDataSource endpoints) =>
    [
        .. endpoints.Endpoints
            .Where(endpoint => endpoint.Metadata.GetMetadata<EndpointPolicy>() is null)
            .Select(endpoint => (endpoint as RouteEndpoint)?.RoutePattern.RawText ?? endpoint.DisplayName ?? "(unnamed)"),
    ];

    private static IEnumerable<string> Lines(RouteEndpoint endpoint)
    {
        var policy = endpoint.Metadata.GetMetadata<EndpointPolicy>();
        var who = policy is null
            ? "(no policy)"
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{policy.Plane.ToString().ToLowerInvariant()} {(policy.NeedsToken ? "token" : "anyone")}");
        var route = "/" + endpoint.RoutePattern.RawText?.TrimStart('/');
        var methods = endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["*"];
        return methods.Select(method => $"{method} {route} {who}");
    }
}
