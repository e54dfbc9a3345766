using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Bulkhead.Tests.System.Infrastructure;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Tests.System.Audit;

/// <summary>A syslog collector over TLS (RFC 5425): takes frames apart by their counted octets.</summary>
internal sealed class SyslogListener : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly X509Certificate2 _certificate;
    private readonly SslProtocols _protocols;
    private readonly Task _serving;
    private int _connections;

    public SyslogListener(string pem, SslProtocols protocols = SslProtocols.None)
    {
        _certificate = X509Certificate2.CreateFromPem(pem, pem);
        _protocols = protocols;
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Url => $"syslog://localhost:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public ConcurrentQueue<string> Messages { get; } = new();

    public int Connections => Volatile.Read(ref _connections);

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
                open.Add(TakeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
            catch (Exception fault) when (fault is OperationCanceledException or SocketException)
            {
                break;
            }
        }

        await Task.WhenAll(open);
    }

    private async Task TakeAsync(TcpClient client)
    {
        Interlocked.Increment(ref _connections);
        using (client)
        {
            try
            {
                await using var tls = new SslStream(client.GetStream());
                await tls.AuthenticateAsServerAsync(
                    new SslServerAuthenticationOptions { ServerCertificate = _certificate, EnabledSslProtocols = _protocols }, _stop.Token);
                var one = new byte[1];
                while (true)
                {
                    var length = 0;
                    for (var digits = 0; ; digits++)
                    {
                        if (await tls.ReadAsync(one, _stop.Token) == 0)
                        {
                            Assert.Equal(0, digits);
                            return;
                        }

                        if (one[0] == ' ')
                        {
                            break;
                        }

                        Assert.True(one[0] is >= (byte)'0' and <= (byte)'9', "no octet count");
                        length = (length * 10) + one[0] - '0';
                    }

                    var message = new byte[length];
                    await tls.ReadExactlyAsync(message, _stop.Token);
                    Messages.Enqueue(Encoding.UTF8.GetString(message));
                }
            }
            catch (Exception fault) when (fault is IOException or AuthenticationException or OperationCanceledException)
            {
                // The other side went away, which is what some tests want to see.
            }
        }
    }
}

/// <summary>An HTTPS collector; answers what the test says.</summary>
internal sealed class HttpsListener : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly X509Certificate2 _certificate;

    private HttpsListener(WebApplication app, X509Certificate2 certificate, string url)
    {
        _app = app;
        _certificate = certificate;
        Url = url;
    }

    public string Url { get; }

    /// <summary>Those that were answered with 2xx, and the others apart.</summary>
    public ConcurrentQueue<(string Signature, string Body)> Taken { get; } = new();

    public ConcurrentQueue<string> Refused { get; } = new();

    public Func<HttpContext, int> Answer { get; set; } = _ => 204;

    public static async Task<HttpsListener> StartAsync(string pem)
    {
        using var read = X509Certificate2.CreateFromPem(pem, pem);
        var certificate = X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null);
        var port = FreePort.Take();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port, listen => listen.UseHttps(certificate)));
        var app = builder.Build();
        var listener = new HttpsListener(app, certificate, string.Create(CultureInfo.InvariantCulture, $"https://localhost:{port}/audit"));
        app.MapPost("/audit", async context =>
        {
            using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
            var body = await reader.ReadToEndAsync();
            var status = listener.Answer(context);
            context.Response.StatusCode = status;
            if (status is >= 200 and < 300)
            {
                listener.Taken.Enqueue(($"{context.Request.Headers["Bulkhead-Signature"]}", body));
            }
            else
            {
                listener.Refused.Enqueue(body);
            }
        });
        await app.StartAsync();
        return listener;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _certificate.Dispose();
    }
}
