using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Bulkhead.Host.Local;

/// <summary>The port that the server listens on.</summary>
internal static class Port
{
    /// <summary>The port itself, or a free one for 0.</summary>
    /// <exception cref="StartFault">Another program has it; the line names a free one.</exception>
    public static int Require(int port)
    {
        if (IsFree(port) is { } free)
        {
            return free;
        }

        var next = Enumerable.Range(port + 1, 50).FirstOrDefault(candidate => candidate <= 65535 && IsFree(candidate) is not null);
        throw new StartFault(string.Create(
            CultureInfo.InvariantCulture,
            $"Port {port} is used by another program: end it, or start with {(next == 0 ? "another --port" : $"--port {next}")}"));
    }

    private static int? IsFree(int port)
    {
        try
        {
            // As Kestrel binds. Both loopback addresses, since localhost may mean either.
            using var four = Listen(new IPEndPoint(IPAddress.Loopback, port));
            var chosen = (four?.LocalEndPoint as IPEndPoint)?.Port ?? port;
            using var six = Socket.OSSupportsIPv6 ? Listen(new IPEndPoint(IPAddress.IPv6Loopback, chosen)) : null;
            return chosen;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AccessDenied)
        {
            throw new StartFault(string.Create(
                CultureInfo.InvariantCulture, $"Port {port} is open to root only: start with --port 8080 or another above 1023"));
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return null;
        }
    }

    private static Socket? Listen(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address);
            socket.Listen();
            return socket;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            // A machine without IPv6 on its loopback: Kestrel goes on without it too.
            socket.Dispose();
            return null;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
