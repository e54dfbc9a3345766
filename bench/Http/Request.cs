using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Bulkhead.Bench.Measure;

namespace Bulkhead.Bench.Http;

/// <summary>Requests as bytes.</summary>
internal static class Request
{
    public static byte[] Of(string prefix, HostTenant tenant, string plural, string token, Dice dice, bool list)
    {
        var what = list ? "?limit=25" : $"/{tenant.Ids[dice.Next(tenant.Ids.Length)]}";
        return Encoding.ASCII.GetBytes(
            $"GET {prefix}/t/{tenant.Slug}/api/v1/{plural}{what} HTTP/1.1\r\n"
            + $"Host: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    }

    /// <param name="json">In ASCII.</param>
    public static byte[] Create(string prefix, HostTenant tenant, string plural, string token, string json) => Encoding.ASCII.GetBytes(
        $"POST {prefix}/t/{tenant.Slug}/api/v1/{plural} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        + string.Create(CultureInfo.InvariantCulture, $"Content-Type: application/json\r\nContent-Length: {json.Length}\r\n\r\n{json}"));
}

/// <summary>Requests to the host, each with a fresh enough token of its tenant.</summary>
internal sealed class HostRequests
{
    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(4);
    private readonly BulkheadHost _host;
    private readonly IReadOnlyList<HostTenant> _tenants;
    private readonly ConcurrentDictionary<string, string> _tokens = new(StringComparer.Ordinal);
    private long _renewed;

    private HostRequests(BulkheadHost host, IReadOnlyList<HostTenant> tenants)
    {
        _host = host;
        _tenants = tenants;
    }

    public static async Task<HostRequests> CreateAsync(
        BulkheadHost host, IReadOnlyList<HostTenant> tenants, CancellationToken cancellationToken)
    {
        var requests = new HostRequests(host, tenants);
        await requests.RenewAsync(cancellationToken);
        return requests;
    }

    public byte[] Of(HostTenant tenant, string plural, Dice dice, bool list) =>
        Request.Of("", tenant, plural, _tokens[tenant.Slug], dice, list);

    public byte[] Create(HostTenant tenant, string plural, string json) => Request.Create("", tenant, plural, _tokens[tenant.Slug], json);

    /// <summary>Between slices: tokens end after ten minutes.</summary>
    public async Task RenewAsync(CancellationToken cancellationToken)
    {
        if (_renewed != 0 && Clock.Now < _renewed + (Clock.After(Fresh) - Clock.Now))
        {
            return;
        }

        foreach (var tenant in _tenants)
        {
            _tokens[tenant.Slug] = await _host.TokenAsync(tenant, cancellationToken);
        }

        _renewed = Clock.Now;
    }
}
