using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Bulkhead.Kernel.Tenancy;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Gateway;

/// <summary>Where a request goes. Without tenant: to the installation itself, unless the host or the tenant is unknown.</summary>
/// <param name="Problem">Set when it goes nowhere.</param>
/// <param name="Path">What routing sees, when it differs from the path that came.</param>
internal readonly record struct Destination(TenantAtEdge? Tenant, ResolvedTenant? Resolved, string? Path, EdgeProblem? Problem);

/// <summary>
/// Finds the tenant: by the host name where a tenant claims it, otherwise by <c>/t/{slug}</c>. A claimed host never falls back
/// to the path, and tenants that do not serve are as unknown as those that do not exist.
/// </summary>
internal sealed class TenantResolution
{
    private const string PathPrefix = "/t/";

    private const string WellKnown = "/.well-known/";

    private readonly Func<CatalogueSnapshot> _catalogue;
    private readonly HashSet<string> _ownHosts;
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _ownHost;
    private readonly ConditionalWeakTable<TenantEntry, TenantAtEdge> _tenants = [];
    // One small object per tenant that this process has served: never more than there are tenants.
    private readonly ConcurrentDictionary<TenantId, RequestSlots> _slots = new();
    private readonly int _slotsPerTenant;

    public TenantResolution(Func<CatalogueSnapshot> catalogue, EdgeOptions options, string publicHost)
    {
        _catalogue = catalogue;
        _slotsPerTenant = options.MaxRequestsPerTenant;
        _ownHosts = new(
            [publicHost, "localhost", "127.0.0.1", "[::1]", .. options.Hosts], StringComparer.OrdinalIgnoreCase);
        _ownHost = _ownHosts.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public Destination Resolve(string? host, string path)
    {
        var snapshot = _catalogue();
        var name = HostName(host);
        if (snapshot.ByHost.Count > 0 && FindHost(snapshot, name) is { } claimed)
        {
            return claimed.Status == TenantStatus.Active
                ? new(AtEdge(claimed), AtEdge(claimed).AtHost(name), null, null)
                : new(null, null, null, EdgeProblem.NotFound);
        }

        if (!_ownHost.Contains(name))
        {
            // A load balancer asks for the health by address.
            return path.StartsWith("/health", StringComparison.Ordinal)
                ? default
                : new(null, null, null, EdgeProblem.UnknownHost);
        }

        if (path.StartsWith(PathPrefix, StringComparison.Ordinal))
        {
            var end = path.IndexOf('/', PathPrefix.Length);
            var slug = path.AsSpan(PathPrefix.Length, (end < 0 ? path.Length : end) - PathPrefix.Length);
            return ByPath(snapshot, slug, end < 0 ? "/" : path[end..]);
        }

        return path.StartsWith(WellKnown, StringComparison.Ordinal) ? ByWellKnown(snapshot, path) : default;
    }

    /// <summary>RFC 8414 section 3.1 puts the well-known part between the host and the issuer's path.</summary>
    private Destination ByWellKnown(CatalogueSnapshot snapshot, string path)
    {
        var tenant = path.IndexOf(PathPrefix, WellKnown.Length, StringComparison.Ordinal);
        return tenant < 0 ? default : ByPath(snapshot, path.AsSpan(tenant + PathPrefix.Length), path[..tenant]);
    }

    private Destination ByPath(CatalogueSnapshot snapshot, ReadOnlySpan<char> slug, string rest) =>
        snapshot.BySlug.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(slug, out var entry)
        && entry.Status == TenantStatus.Active
            ? new(AtEdge(entry), AtEdge(entry).AtPath, rest, null)
            : new(null, null, null, EdgeProblem.NotFound);

    private static TenantEntry? FindHost(CatalogueSnapshot snapshot, ReadOnlySpan<char> name)
    {
        Span<char> lower = stackalloc char[256];
        var length = name.ToLowerInvariant(lower);
        return length > 0
            && snapshot.ByHost.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(lower[..length], out var entry)
            ? entry
            : null;
    }

    /// <summary>Without the port, and without the dot that ends an absolute name: with it a claimed host would not be found.</summary>
    private static ReadOnlySpan<char> HostName(string? host)
    {
        var name = host.AsSpan();
        var port = name.LastIndexOf(':');
        if (port > name.LastIndexOf(']'))
        {
            name = name[..port];
        }

        return name is [.., '.'] ? name[..^1] : name;
    }

    private TenantAtEdge AtEdge(TenantEntry entry) => _tenants.GetValue(
        entry, e => new(e, _slots.GetOrAdd(e.Id, static (_, limit) => new(limit), _slotsPerTenant)));
}

/// <summary>What the edge keeps ready of a tenant, as long as its entry in the catalogue is the same one.</summary>
internal sealed class TenantAtEdge(TenantEntry entry, RequestSlots slots)
{
    private readonly ResolvedTenant[] _atHosts =
        [.. entry.Hosts.Select(host => new ResolvedTenant(entry, host.ToLowerInvariant()))];

    public ResolvedTenant AtPath { get; } = new(entry);

    public PathString PathBase { get; } = new("/t/" + entry.Slug);

    public RequestSlots Slots { get; } = slots;

    public ResolvedTenant? AtHost(ReadOnlySpan<char> name)
    {
        foreach (var resolved in _atHosts)
        {
            if (name.Equals(resolved.Host, StringComparison.OrdinalIgnoreCase))
            {
                return resolved;
            }
        }

        return null;
    }
}

/// <summary>Requests in work, counted against a limit. Lives on while the tenant's entry changes.</summary>
internal sealed class RequestSlots(int limit)
{
    private int _taken;

    public bool TryTake()
    {
        if (Interlocked.Increment(ref _taken) <= limit)
        {
            return true;
        }

        Interlocked.Decrement(ref _taken);
        return false;
    }

    public void Return() => Interlocked.Decrement(ref _taken);
}
