using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys.OwnKeyService;

/// <summary>A public key of the tenant's service, under the number of the root that it is to us.</summary>
/// <param name="Root">1 or more.</param>
/// <param name="PublicKey">PEM, <c>PUBLIC KEY</c>, P-256.</param>
public sealed record HeldKey(int Root, string PublicKey);

/// <param name="Member">Which part of the registration, as its property is named.</param>
/// <param name="Detail">Names no value of the registration.</param>
public sealed record RegistrationFault(string Member, string Detail)
{
    /// <summary>Which of the keys, by place in the list; null when it is not about one.</summary>
    public int? Index { get; init; }
}

/// <summary>What a tenant registers to hold its key itself. Its text names the address only.</summary>
public sealed record TenantHeldKeyRegistration
{
    private const int LongestUrl = 512;
    private const int LongestPem = 32_768;
    private const int MostAuthorities = 4;
    private const int MostKeys = 100;

    public required TenantId Tenant { get; init; }

    /// <summary><c>https://host[:port]</c> and nothing behind it; 512 characters at most.</summary>
    public required string Url { get; init; }

    /// <summary>PEM of the 1 to 4 self-signed authorities that alone may vouch for the service.</summary>
    public required string ServerCa { get; init; }

    /// <summary>1 to 100 keys; the number of a root never gets another key.</summary>
    public required ImmutableArray<HeldKey> Keys { get; init; }

    /// <summary>PEM of the certificate that we present, with its intermediates behind it, if it has any.</summary>
    public required string ClientCertificate { get; init; }

    /// <summary>PEM of its private key, unencrypted. Characters and not a string, so that its owner can zero them afterwards.</summary>
    public required ReadOnlyMemory<char> ClientKey { get; init; }

    /// <summary>Every fault at once. None holds a value of the registration.</summary>
    public IReadOnlyList<RegistrationFault> Validate()
    {
        var faults = new List<RegistrationFault>();
        if (TryReadUrl() is null)
        {
            faults.Add(new("Url", $"Url is https://host[:port], without user, path, query or fragment, of at most {LongestUrl} characters"));
        }

        Dispose(ReadAuthorities(faults));
        _ = ReadKeys(faults);
        Dispose(ReadClient(faults) ?? []);
        return faults;
    }

    public override string ToString() => $"(keys held at {TryReadUrl()?.GetLeftPart(UriPartial.Authority)})";

    internal Uri? TryReadUrl() =>
        Url.Length <= LongestUrl
        && Uri.TryCreate(Url, UriKind.Absolute, out var url)
        && url is { Scheme: "https", UserInfo: "", PathAndQuery: "/", Fragment: "", Port: > 0 }
        && url.HostNameType is UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6
        && !Url.AsSpan().ContainsAny("?#@\\")
            ? url
            : null;

    internal X509Certificate2Collection ReadAuthorities(List<RegistrationFault> faults)
    {
        var authorities = Import(ServerCa, "ServerCa", faults);
        if (ServerCa.Contains("PRIVATE KEY", StringComparison.Ordinal))
        {
            faults.Add(new(
                "ServerCa",
                "ServerCa holds a private key; that must stay with its owner: make a new authority, and give only its certificate"));
        }

        // The chain must end in one of these: an intermediate here would vouch for nobody.
        if (authorities.Count > MostAuthorities || authorities.Any(a => !IsRoot(a)))
        {
            faults.Add(new("ServerCa", $"ServerCa is 1 to {MostAuthorities} certificates, each of an authority and signed by itself"));
        }

        return authorities;

        static bool IsRoot(X509Certificate2 certificate) =>
            certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData)
            && certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(c => c.CertificateAuthority);
    }

    internal ImmutableDictionary<int, RecipientKey> ReadKeys(List<RegistrationFault> faults)
    {
        var keys = ImmutableDictionary.CreateBuilder<int, RecipientKey>();
        if (Keys.IsDefaultOrEmpty || Keys.Length > MostKeys)
        {
            faults.Add(new("Keys", $"Keys are 1 to {MostKeys}"));
            return keys.ToImmutable();
        }

        for (var i = 0; i < Keys.Length; i++)
        {
            var (root, pem) = Keys[i];
            if (root < 1 || keys.ContainsKey(root))
            {
                faults.Add(new("Keys", "Each key has a root of its own, 1 or more") { Index = i });
            }
            else if (RecipientKey.TryRead(pem, out var fault) is { } key)
            {
                keys.Add(root, key);
            }
            else
            {
                faults.Add(new("Keys", $"The key of root {root} {fault}") { Index = i });
            }
        }

        return keys.ToImmutable();
    }

    /// <summary>The certificate with its private key first, then its intermediates; null when there is a fault.</summary>
    internal X509Certificate2Collection? ReadClient(List<RegistrationFault> faults)
    {
        var certificates = Import(ClientCertificate, "ClientCertificate", faults);
        if (certificates.Count == 0)
        {
            return null;
        }

        try
        {
            if (ClientKey.Length > LongestPem)
            {
                throw new ArgumentException("Too long.");
            }

            var own = X509Certificate2.CreateFromPem(ClientCertificate, ClientKey.Span);
            certificates[0].Dispose();
            certificates[0] = own;
            return certificates;
        }
        catch (Exception fault) when (fault is CryptographicException or ArgumentException)
        {
            faults.Add(new(
                "ClientKey",
                "ClientKey is not the unencrypted private key of the first certificate of ClientCertificate, "
                + $"in PEM of at most {LongestPem} characters"));
            Dispose(certificates);
            return null;
        }
    }

    private static X509Certificate2Collection Import(string pem, string name, List<RegistrationFault> faults)
    {
        var found = new X509Certificate2Collection();
        try
        {
            if (pem.Length <= LongestPem)
            {
                found.ImportFromPem(pem);
            }
        }
        catch (CryptographicException)
        {
            Dispose(found);
            found.Clear();
        }

        if (found.Count == 0)
        {
            faults.Add(new(name, $"{name} is certificates in PEM, of at most {LongestPem} characters"));
        }

        return found;
    }

    private static void Dispose(X509Certificate2Collection certificates)
    {
        foreach (var certificate in certificates)
        {
            certificate.Dispose();
        }
    }
}
