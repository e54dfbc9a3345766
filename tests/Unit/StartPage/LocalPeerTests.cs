using System.Net;
using System.Net.Sockets;
using Bulkhead.Host.StartPage;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Tests.Unit.StartPage;

public class LocalPeerTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Know_a_connection_of_the_same_user(string address)
    {
        using var listener = new TcpListener(IPAddress.Parse(address), 0);
        listener.Start();
        var end = (IPEndPoint)listener.LocalEndpoint;
        using var client = new TcpClient(end.AddressFamily);
        await client.ConnectAsync(end);
        using var server = await listener.AcceptTcpClientAsync();
        Assert.True(LocalPeer.IsOwn(Seen((IPEndPoint)server.Client.RemoteEndPoint!, end)));
    }

    [Fact]
    public void Refuse_a_connection_that_is_not_there() =>
        Assert.False(LocalPeer.IsOwn(Seen(new(IPAddress.Loopback, 1), new(IPAddress.Loopback, 2))));

    private static ConnectionInfo Seen(IPEndPoint peer, IPEndPoint own)
    {
        var connection = new DefaultHttpContext().Connection;
        (connection.RemoteIpAddress, connection.RemotePort) = (peer.Address, peer.Port);
        (connection.LocalIpAddress, connection.LocalPort) = (own.Address, own.Port);
        return connection;
    }
}
