using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Bulkhead.Gateway;

/// <summary>Limits of the edge, bound from <c>Bulkhead:Edge</c>. Every one is finite; the defaults suit one machine.</summary>
internal sealed record EdgeOptions : IValidatableObject
{
    /// <summary>Open connections; a further one is closed at once.</summary>
    [Range(1, 1_000_000)]
    public int MaxConnections { get; init; } = 4096;

    /// <summary>Requests in work in this process; a further one gets 503.</summary>
    [Range(1, 1_000_000)]
    public int MaxRequests { get; init; } = 1024;

    /// <summary>Requests in work of one tenant; a further one gets 429, and the others feel nothing.</summary>
    [Range(1, 1_000_000)]
    public int MaxRequestsPerTenant { get; init; } = 256;

    /// <summary>Bytes of any body; endpoints set less.</summary>
    [Range(1, 1L << 30)]
    public long MaxBodySize { get; init; } = 8L << 20;

    /// <summary>Characters of path and query. A list of 100 ids in a filter needs 3,700.</summary>
    [Range(256, 64 << 10)]
    public int MaxTargetLength { get; init; } = 8 << 10;

    /// <summary>Bytes of all header lines together; a token may have 8 KiB of them.</summary>
    [Range(1024, 1 << 20)]
    public int MaxHeadersSize { get; init; } = 24 << 10;

    [Range(8, 1000)]
    public int MaxHeaders { get; init; } = 64;

    [Range(1, 10_000)]
    public int MaxStreamsPerConnection { get; init; } = 100;

    [Range(1, 600)]
    public int HeaderTimeoutSeconds { get; init; } = 10;

    [Range(1, 3600)]
    public int KeepAliveSeconds { get; init; } = 60;

    /// <summary>Bytes a second, after a grace of five seconds, in either direction: slower peers are cut off.</summary>
    [Range(1, 1 << 20)]
    public int MinDataRate { get; init; } = 240;

    /// <summary>Addresses whose X-Forwarded-… and Forwarded headers are let through.</summary>
    public IReadOnlyList<string> Proxies { get; init; } = [];

    /// <summary>Host names of the installation itself, besides those of <c>Bulkhead:PublicUrl</c> and the loopback.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var proxy in Proxies)
        {
            if (!IPAddress.TryParse(proxy, out _))
            {
                yield return new ValidationResult($"Bulkhead:Edge:Proxies: '{proxy}' is no IP address.", [nameof(Proxies)]);
            }
        }
    }
}
