using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Bulkhead.Bench.Measure;

namespace Bulkhead.Bench.Http;

/// <summary>
/// Requests over kept-alive HTTP/1.1 connections, one per caller, each on a thread that waits for its answer: little
/// CPU, so that the two sides get what there is. (wrk would do, but gives its percentiles only, and wants Lua to vary
/// the id.)
/// </summary>
/// <param name="request">Bytes of one request.</param>
internal sealed class HttpLoad(int port, Func<Dice, byte[]> request) : ILoad
{
    public async Task<List<long>[]> RunAsync(int callers, TimeSpan time, CancellationToken cancellationToken)
    {
        var end = Clock.After(time);
        return await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Factory.StartNew(
            () => Call(new Dice((uint)(Clock.Now + (caller * 7919))), end, cancellationToken),
            cancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
    }

    private List<long> Call(Dice dice, long end, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
        {
            NoDelay = true,
            ReceiveTimeout = 30_000,
        };
        socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
        var times = new List<long>(16_384);
        var buffer = new byte[256 * 1024];
        for (var start = Clock.Now; start < end; start = Clock.Now)
        {
            cancellationToken.ThrowIfCancellationRequested();
            socket.Send(request(dice));
            HttpAnswer.Read(socket, buffer);
            times.Add(Clock.Now - start);
        }

        return times;
    }
}

/// <summary>Just enough of HTTP/1.1 to know where an answer of our own servers ends.</summary>
internal static class HttpAnswer
{
    /// <summary>The JSON that one request is answered with.</summary>
    public static string Ask(int port, byte[] request)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
        socket.Send(request);
        var body = Encoding.UTF8.GetString(Read(socket, new byte[256 * 1024]));
        // Without the marks of chunks: what is between the first brace and the last.
        var json = body[body.IndexOf('{', StringComparison.Ordinal)..(body.LastIndexOf('}') + 1)];
        return string.Concat(json.Split("\r\n").Where((_, i) => i % 2 == 0));
    }

    /// <returns>The body; when it was chunked, with the marks of the chunks in it.</returns>
    /// <exception cref="InvalidOperationException">The status is neither 200 nor 201.</exception>
    public static ReadOnlySpan<byte> Read(Socket socket, byte[] buffer)
    {
        var length = 0;
        var head = -1;
        while (head < 0)
        {
            length += Receive(socket, buffer, length);
            head = buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
        }

        var body = head + 4;
        if (!buffer.AsSpan(0, length).StartsWith("HTTP/1.1 200 "u8) && !buffer.AsSpan(0, length).StartsWith("HTTP/1.1 201 "u8))
        {
            throw new InvalidOperationException($"A request was refused: {Encoding.UTF8.GetString(buffer, 0, length)}");
        }

        if (ContentLength(buffer.AsSpan(0, head)) is { } announced)
        {
            while (length < body + announced)
            {
                length += Receive(socket, buffer, length);
            }
        }
        else
        {
            while (!buffer.AsSpan(body, length - body).EndsWith("0\r\n\r\n"u8))
            {
                length += Receive(socket, buffer, length);
            }
        }

        return buffer.AsSpan(body, length - body);
    }

    private static int? ContentLength(ReadOnlySpan<byte> head)
    {
        var name = "Content-Length: "u8;
        var at = head.IndexOf(name);
        if (at < 0)
        {
            return null;
        }

        var value = head[(at + name.Length)..];
        var end = value.IndexOf((byte)'\r');
        return int.Parse(end < 0 ? value : value[..end], CultureInfo.InvariantCulture);
    }

    private static int Receive(Socket socket, byte[] buffer, int at)
    {
        var received = socket.Receive(buffer, at, buffer.Length - at, SocketFlags.None);
        return received > 0 ? received : throw new InvalidOperationException("The server closed the connection.");
    }
}
