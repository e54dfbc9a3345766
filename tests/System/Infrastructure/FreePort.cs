using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Bulkhead.Tests.System.Infrastructure;

/// <summary>
/// A port for a server that starts later. The system gives ports of its ephemeral range to every connection that begins meanwhile, so one
/// that was merely free a moment ago may be taken; these lie below that range, and each is given out once.
/// </summary>
internal static class FreePort
{
    private const int First = 10_240;

    private static readonly int End = EphemeralStart();
    private static int _last = RandomNumberGenerator.GetInt32(First, End);

    public static int Take()
    {
        for (var tries = 0; tries < 1_000; tries++)
        {
            var port = First + ((Interlocked.Increment(ref _last) & int.MaxValue) % (End - First));
            if (IsFree(IPAddress.Loopback, port) && IsFree(IPAddress.IPv6Loopback, port))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"No port from {First} to {End} is free.");
    }

    private static bool IsFree(IPAddress address, int port)
    {
        try
        {
            using var probe = new TcpListener(address, port);
            probe.Start();
            return true;
        }
        catch (SocketException fault) when (fault.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
        catch (SocketException) when (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            // A machine without IPv6 has nobody there.
            return true;
        }
    }

    private static int EphemeralStart()
    {
        const string setting = "/proc/sys/net/ipv4/ip_local_port_range";
        var start = File.Exists(setting)
            ? int.Parse(File.ReadAllText(setting).Split('\t', ' ')[0], CultureInfo.InvariantCulture)
            : 32_768;
        return start > First + 1_000 ? start : 65_536;
    }
}
