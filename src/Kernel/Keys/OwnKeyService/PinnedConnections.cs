using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Bulkhead.Kernel.Keys.OwnKeyService;

/// <summary>
/// Opens connections to the tenant's service: to an allowed address only, judged on the address that is connected to, so that a
/// second answer of DNS changes nothing; TLS 1.3, both sides with certificates, the server's vouched for by the tenant's authority alone.
/// </summary>
internal sealed class PinnedConnections : IDisposable
{
    private const int MostAddresses = 4;
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    // The last: an authority of the same name, with another key.
    private const X509ChainStatusFlags NotItsIssuer =
        X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.NotSignatureValid;

    private readonly X509Certificate2Collection _authorities;
    private readonly X509Certificate2Collection _client;
    private readonly SslStreamCertificateContext _clientContext;
    private readonly bool _allowPrivate;
    private readonly TimeProvider _time;

    /// <summary>Takes the certificates over.</summary>
    public PinnedConnections(
        X509Certificate2Collection authorities, X509Certificate2Collection client, bool allowPrivate, TimeProvider time)
    {
        _authorities = authorities;
        _client = client;
        _clientContext = SslStreamCertificateContext.Create(client[0], [.. client.Skip(1)], offline: true);
        _allowPrivate = allowPrivate;
        _time = time;
    }

    /// <summary>For <see cref="SocketsHttpHandler.ConnectCallback"/>, which takes a finished <see cref="SslStream"/> as it is.</summary>
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = await ConnectAsync(context.DnsEndPoint, cancellationToken);
        var tls = new FirstAnswerStream(new NetworkStream(socket, ownsSocket: true));
        string? refused = null;
        try
        {
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = context.DnsEndPoint.Host,
                    EnabledSslProtocols = SslProtocols.Tls13,
                    EncryptionPolicy = EncryptionPolicy.RequireEncryption,
                    // A resumed session would not show its certificate again.
                    AllowTlsResume = false,
                    AllowRenegotiation = false,
                    ClientCertificateContext = _clientContext,
                    CertificateChainPolicy = ChainPolicy(),
                    RemoteCertificateValidationCallback = (_, _, chain, errors) => (refused = Reason(chain, errors)) is null,
                },
                cancellationToken);
            return tls;
        }
        catch (AuthenticationException fault)
        {
            await tls.DisposeAsync();
            throw new KeyStoreFault(
                KeyStoreFaultKind.Misconfigured,
                refused is null
                    ? "The tenant's key service and we could not agree on TLS 1.3 with certificates of both sides: "
                        + "it refused ours, or speaks something else."
                    : $"We refuse the certificate of the tenant's key service: {refused}.",
                fault);
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var certificate in _authorities.Concat(_client))
        {
            certificate.Dispose();
        }
    }

    private static string? Reason(X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None)
        {
            return null;
        }

        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) || chain is null)
        {
            return "there is none";
        }

        var status = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status);
        return status switch
        {
            _ when (status & NotItsIssuer) != 0 =>
                "the registered authority did not issue it",
            _ when status.HasFlag(X509ChainStatusFlags.NotTimeValid) => "it is expired, or not valid yet",
            _ when status.HasFlag(X509ChainStatusFlags.NotValidForUsage) => "it is not one for servers",
            _ when errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) => "it is another host's",
            _ => status.ToString(),
        };
    }

    private X509ChainPolicy ChainPolicy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            // The authority is the tenant's: it takes a certificate back by registering another authority.
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationTimeIgnored = false,
            VerificationTime = _time.GetUtcNow().LocalDateTime,
        };
        policy.CustomTrustStore.AddRange(_authorities);
        policy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        return policy;
    }

    private async ValueTask<Socket> ConnectAsync(DnsEndPoint endpoint, CancellationToken cancellationToken)
    {
        var found = IPAddress.TryParse(endpoint.Host, out var literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(endpoint.Host, cancellationToken).WaitAsync(cancellationToken);
        var allowed = found.Where(a => AddressRule.Allows(a, _allowPrivate)).Take(MostAddresses).ToList();
        if (allowed.Count == 0)
        {
            throw new KeyStoreFault(
                KeyStoreFaultKind.Misconfigured,
                "The tenant's key service is at a loopback, link-local or private address, and the operator does not allow that.");
        }

        SocketException? last = null;
        foreach (var address in allowed)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(address, endpoint.Port, cancellationToken);
                return socket;
            }
            catch (SocketException fault)
            {
                socket.Dispose();
                last = fault;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw last!;
    }

    /// <summary>
    /// In TLS 1.3 we are through with the handshake before the service judges our certificate: its refusal is an alert, or just the end,
    /// where the first answer should be. A connection that answered once and ends later is no more than an ended connection.
    /// </summary>
    private sealed class FirstAnswerStream(Stream inner) : SslStream(inner)
    {
        private bool _answered;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                var read = await base.ReadAsync(buffer, cancellationToken);
                _answered |= read > 0;
                return read > 0 || _answered || buffer.IsEmpty ? read : throw new IOException("It ended.");
            }
            catch (IOException fault) when (!_answered)
            {
                throw new IOException(fault.Message, new KeyStoreFault(
                    KeyStoreFaultKind.Misconfigured,
                    "The tenant's key service closed a new connection without an answer: most likely it refuses our client certificate.",
                    fault));
            }
        }
    }
}
