using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Identity;

internal static class RequestSource
{
    /// <summary>IP address that the request came from; null where there is none. What a header claims is not looked at.</summary>
    public static string? Source(this HttpContext http) => http.Connection.RemoteIpAddress is { } address
        ? (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString()
        : null;
}
