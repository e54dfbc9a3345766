using System.IO.Pipelines;
using System.Net;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Bulkhead.Tests.Unit.Gateway;

/// <summary>Connections to the real server without a socket: bytes in, bytes out.</summary>
internal sealed class MemoryTransport : IConnectionListenerFactory, IConnectionListener
{
    private readonly Channel<ConnectionContext> _connections = Channel.CreateUnbounded<ConnectionContext>();

    public EndPoint EndPoint { get; private set; } = new IPEndPoint(IPAddress.Loopback, 0);

    /// <summary>Sends the bytes on a connection of its own and gives what comes back until the server closes it.</summary>
    public async Task<string> SendAsync(string request, IPAddress? from = null)
    {
        var connection = new MemoryConnection(from ?? IPAddress.Parse("192.0.2.1"));
        await _connections.Writer.WriteAsync(connection);
        await connection.Client.Output.WriteAsync(Encoding.Latin1.GetBytes(request));
        using var answer = new MemoryStream();
        await connection.Client.Input.CopyToAsync(answer).WaitAsync(TimeSpan.FromSeconds(20));
        await connection.Client.Output.CompleteAsync();
        return Encoding.Latin1.GetString(answer.ToArray());
    }

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        EndPoint = endpoint;
        return ValueTask.FromResult<IConnectionListener>(this);
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            return await _connections.Reader.ReadAsync(cancellationToken);
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _connections.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private sealed class MemoryConnection : ConnectionContext
    {
        public MemoryConnection(IPAddress from)
        {
            var toServer = new Pipe();
            var toClient = new Pipe();
            Transport = new Ends(toServer.Reader, toClient.Writer);
            Client = new Ends(toClient.Reader, toServer.Writer);
            RemoteEndPoint = new IPEndPoint(from, 4711);
            LocalEndPoint = new IPEndPoint(IPAddress.Loopback, 8080);
        }

        public Ends Client { get; }

        public override IDuplexPipe Transport { get; set; }

        public override string ConnectionId { get; set; } = "memory";

        public override IFeatureCollection Features { get; } = new FeatureCollection();

        public override IDictionary<object, object?> Items { get; set; } = new Dictionary<object, object?>();

        public override async ValueTask DisposeAsync()
        {
            await Transport.Output.CompleteAsync();
            await Transport.Input.CompleteAsync();
            await base.DisposeAsync();
        }
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
