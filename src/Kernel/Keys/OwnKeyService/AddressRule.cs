using System.Net;
using System.Net.Sockets;

namespace Bulkhead.Kernel.Keys.OwnKeyService;

/// <summary>
/// Which addresses a tenant may make us connect to (server-side request forgery): those that the registries of IANA call globally
/// reachable (RFC 6890 and its successors), and, where the operator allows it, private ones.
/// </summary>
public static class AddressRule
{
    private static readonly IPNetwork[] Private = Networks(
        "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7");

    private static readonly IPNetwork[] NeverReachable = Networks(
        "0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20");

    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");
    private static readonly IPNetwork Nat64 = IPNetwork.Parse("64:ff9b::/96");

    public static bool Allows(IPAddress address, bool allowPrivate)
    {
        // An IPv4 address in another coat is judged as what it leads to.
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }
        else if (Nat64.Contains(address))
        {
            address = new IPAddress(address.GetAddressBytes().AsSpan(12));
        }

        if (Private.Any(n => n.Contains(address)))
        {
            return allowPrivate;
        }

        return !NeverReachable.Any(n => n.Contains(address))
            && (address.AddressFamily == AddressFamily.InterNetwork || GlobalUnicast.Contains(address));
    }

    private static IPNetwork[] Networks(params ReadOnlySpan<string> texts)
    {
        var networks = new IPNetwork[texts.Length];
        for (var i = 0; i < texts.Length; i++)
        {
            networks[i] = IPNetwork.Parse(texts[i]);
        }

        return networks;
    }
}
