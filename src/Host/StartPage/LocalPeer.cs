using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Bulkhead.Host.Local;

namespace Bulkhead.Host.StartPage;

/// <summary>
/// Whose process is at the other end of a loopback connection, as the kernel lists it in <c>/proc/net/tcp</c> (proc(5)):
/// a port on this machine is open to all of its users, and a token of development is for one.
/// </summary>
internal static class LocalPeer
{
    private const int LocalColumn = 1;
    private const int RemoteColumn = 2;
    private const int UserColumn = 7;

    /// <summary>False also when the connection is not listed (it ended, or comes from another network namespace).</summary>
    public static bool IsOwn(ConnectionInfo connection)
    {
        if (connection is not { RemoteIpAddress: { } peer, LocalIpAddress: { } own })
        {
            return false;
        }

        // Seen from the other end: its address is the local one.
        return UserOf(Address(peer, connection.RemotePort), Address(own, connection.LocalPort)) is { } user
            && (user == 0 || user == Posix.EffectiveUser);
    }

    private static uint? UserOf(HashSet<string> local, HashSet<string> remote)
    {
        foreach (var table in new[] { "/proc/net/tcp", "/proc/net/tcp6" })
        {
            if (!File.Exists(table))
            {
                continue;
            }

            foreach (var line in File.ReadLines(table).Skip(1))
            {
                var columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (columns.Length > UserColumn && local.Contains(columns[LocalColumn]) && remote.Contains(columns[RemoteColumn]))
                {
                    return uint.Parse(columns[UserColumn], CultureInfo.InvariantCulture);
                }
            }
        }

        return null;
    }

    /// <summary>How the table writes it: words of four bytes in the machine's order. IPv4 also as mapped into IPv6.</summary>
    private static HashSet<string> Address(IPAddress address, int port)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var forms = new HashSet<string>(StringComparer.Ordinal) { Write(plain, port) };
        if (plain.AddressFamily == AddressFamily.InterNetwork)
        {
            forms.Add(Write(plain.MapToIPv6(), port));
        }

        return forms;
    }

    private static string Write(IPAddress address, int port)
    {
        var words = MemoryMarshal.Cast<byte, uint>(address.GetAddressBytes());
        var text = string.Concat(words.ToArray().Select(word => word.ToString("X8", CultureInfo.InvariantCulture)));
        return $"{text}:{port.ToString("X4", CultureInfo.InvariantCulture)}";
    }
}
