using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Samples.KeyService;

internal static class Server
{
    /// <param name="address">Null for all that the machine has.</param>
    public static async Task RunAsync(KeyFolder folder, IPAddress? address, int port)
    {
        _ = folder.Tenant;
        using var ca = X509CertificateLoader.LoadCertificateFromFile(folder.Ca);
        using var certificate = X509Certificate2.CreateFromPemFile(folder.ServerPem, folder.ServerPem);

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = 64;
            kestrel.Limits.MaxRequestBodySize = UnwrapEndpoint.LongestRequest;
            kestrel.Limits.MaxRequestHeadersTotalSize = 8_192;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
            if (address is null)
            {
                kestrel.ListenAnyIP(port, Secure);
            }
            else
            {
                kestrel.Listen(address, port, Secure);
            }
        });

        await using var app = builder.Build();
        app.MapPost("/v1/unwrap", new UnwrapEndpoint(folder).AnswerAsync);
        await app.StartAsync();
        Console.WriteLine($"ready {app.Urls.Single()}");
        await app.WaitForShutdownAsync();

        void Secure(ListenOptions listen)
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.UseHttps(https =>
            {
                https.ServerCertificate = certificate;
                https.SslProtocols = SslProtocols.Tls13;
                https.HandshakeTimeout = TimeSpan.FromSeconds(5);
                https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
                https.ClientCertificateValidation = (client, _, _) => Certificates.IsPlatform(client, ca);
            });
        }
    }
}
