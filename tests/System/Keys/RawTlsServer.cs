using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Bulkhead.Tests.System.Keys;

/// <summary>A service that misbehaves: real TLS, then whatever the test wants. Counts what reached it.</summary>
internal sealed class RawTlsServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly X509Certificate2 _certificate;
    private readonly SslProtocols _protocols;
    private readonly Func<SslStream, CancellationToken, Task> _answer;
    private readonly Task _serving;
    private int _connections;
    private int _requests;

    public RawTlsServer(string pem, Func<SslStream, CancellationToken, Task> answer, SslProtocols protocols = SslProtocols.Tls13)
    {
        _certificate = X509Certificate2.CreateFromPem(pem, pem);
        _protocols = protocols;
        _answer = answer;
        _listener.Start();
        _serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public string Url => $"https://localhost:{Port}";

    public int Connections => Volatile.Read(ref _connections);

    public int Requests => Volatile.Read(ref _requests);

    /// <summary>The last request as it came.</summary>
    public string Heard { get; private set; } = "";

    public static Func<SslStream, CancellationToken, Task> Say(string status, string body, string headers = "") => async (tls, stop) =>
        await tls.WriteAsync(
            Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\n{headers}\r\n{body}"), stop);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _serving;
        _certificate.Dispose();
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        var open = new List<Task>();
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                open.Add(AnswerAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
            catch (Exception fault) when (fault is OperationCanceledException or SocketException)
            {
                break;
            }
        }

        await Task.WhenAll(open);
    }

    private async Task AnswerAsync(TcpClient client)
    {
        Interlocked.Increment(ref _connections);
        using (client)
        {
            try
            {
                await using var tls = new SslStream(client.GetStream());
                await tls.AuthenticateAsServerAsync(
                    new SslServerAuthenticationOptions
                    {
                        ServerCertificate = _certificate,
                        EnabledSslProtocols = _protocols,
                        ClientCertificateRequired = true,
                        RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null,
                    },
                    _stop.Token);
                var buffer = new byte[8_192];
                var heard = "";
                while (await tls.ReadAsync(buffer, _stop.Token) is > 0 and var read)
                {
                    heard += Encoding.ASCII.GetString(buffer, 0, read);
                    // A request may come in two records; its body ends it, with a brace.
                    if (heard.EndsWith('}'))
                    {
                        (Heard, heard) = (heard, "");
                        Interlocked.Increment(ref _requests);
                        await _answer(tls, _stop.Token);
                    }
                }
            }
            catch (Exception fault) when (fault is IOException or AuthenticationException or OperationCanceledException)
            {
                // The other side went away, which is what most tests want to see.
            }
        }
    }
}
