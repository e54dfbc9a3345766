using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bulkhead.Kernel.Keys.OwnKeyService;

namespace Bulkhead.Platform.Audit.Streams;

/// <summary>
/// Opens TLS to a tenant's collector: to an allowed address only, judged on the address that is connected to, so that a second answer of
/// DNS changes nothing; TLS 1.2 or newer, the certificate vouched for by the authority of the stream or those of the system.
/// </summary>
/// <param name="authority">PEM; null for the authorities of the system.</param>
internal sealed class CollectorConnection(string? authority, bool allowPrivate, TimeProvider time)
{
    private const int MostAddresses = 4;
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <exception cref="StreamFault">No allowed address, nobody there, or a certificate that nobody vouches for.</exception>
    public async Task<SslStream> OpenAsync(string host, int port, CancellationToken cancellationToken)
    {
        var socket = await ConnectAsync(host, port, cancellationToken);
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        string? refused = null;
        try
        {
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = host,
                    EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                    EncryptionPolicy = EncryptionPolicy.RequireEncryption,
                    AllowRenegotiation = false,
                    CertificateChainPolicy = ChainPolicy(),
                    RemoteCertificateValidationCallback = (_, _, chain, errors) => (refused = Reason(chain, errors)) is null,
                },
                cancellationToken);
            return tls;
        }
        catch (Exception fault) when (fault is AuthenticationException or IOException)
        {
            await tls.DisposeAsync();
            throw new StreamFault(
                refused is null
                    ? "The collector and we could not agree on TLS 1.2 or newer. Next step: look at its TLS settings, and whether the port is the one for TLS"
                    : $"The collector's certificate is refused: {refused}",
                fault);
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
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
            return "there is none. Next step: give the collector one";
        }

        var status = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status);
        return status switch
        {
            _ when (status & (X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.NotSignatureValid)) != 0 =>
                "no authority that we know issued it. Next step: add the stream anew with the collector's own authority",
            _ when status.HasFlag(X509ChainStatusFlags.NotTimeValid) => "it is expired, or not valid yet. Next step: renew it",
            _ when status.HasFlag(X509ChainStatusFlags.NotValidForUsage) => "it is not one for servers. Next step: issue one that is",
            _ when errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) =>
                "it is another host's. Next step: add the stream anew under the name that the certificate has",
            _ => $"{status}. Next step: look at it with openssl s_client",
        };
    }

    private X509ChainPolicy ChainPolicy()
    {
        var policy = new X509ChainPolicy
        {
            RevocationMode = X509RevocationMode.NoCheck,
            // A certificate may name addresses to fetch others from: ours are not to be reached that way.
            DisableCertificateDownloads = true,
            VerificationTimeIgnored = false,
            VerificationTime = time.GetUtcNow().LocalDateTime,
        };
        policy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        if (authority is not null)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            policy.CustomTrustStore.ImportFromPem(authority);
        }

        return policy;
    }

    private async Task<Socket> ConnectAsync(string host, int port, CancellationToken cancellationToken)
    {
        IPAddress[] found;
        try
        {
            found = IPAddress.TryParse(host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancellationToken);
        }
        catch (SocketException fault)
        {
            throw new StreamFault("The collector's name is not known to DNS. Next step: look at the name, or at DNS", fault);
        }

        var allowed = found.Where(a => AddressRule.Allows(a, allowPrivate)).Take(MostAddresses).ToList();
        if (allowed.Count == 0)
        {
            throw new StreamFault(
                "The collector is at a loopback, link-local, private or otherwise not public address, and the operator does not allow that. "
                + "Next step: give it a public address");
        }

        SocketException? last = null;
        foreach (var address in allowed)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(address, port, cancellationToken);
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

        throw new StreamFault(
            $"The collector does not take connections ({last!.SocketErrorCode}). Next step: look whether it listens there, and at firewalls", last);
    }
}
