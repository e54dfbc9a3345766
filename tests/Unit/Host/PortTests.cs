using System.Net;
using System.Net.Sockets;
using Bulkhead.Host.Local;

namespace Bulkhead.Tests.Unit.Host;

public sealed class PortTests
{
    [Fact]
    public void Refuse_a_busy_port_in_one_line_that_names_a_free_one()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        var fault = Assert.Throws<StartFault>(() => Port.Require(port));
        Assert.Matches($"^Port {port} is used by another program: end it, or start with --port \\d+$", fault.Message);
    }

    [Fact]
    public void Take_a_free_port_for_zero() => Assert.InRange(Port.Require(0), 1024, 65535);
}
