using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>Signs with an issuer's private key (ES256, RFC 7518 section 3.4) without letting anybody hold it.</summary>
public sealed class TokenSigning
{
    private readonly Catalogue _catalogue;
    private readonly Sealing _sealing;
    private readonly ConcurrentDictionary<string, ECDsa> _open = new(StringComparer.Ordinal);

    internal TokenSigning(Catalogue catalogue, Sealing sealing)
    {
        _catalogue = catalogue;
        _sealing = sealing;
    }

    /// <summary>Key id of the issuer's active key; the issuer is a tenant, or the operator where it is null.</summary>
    public string ActiveKid(TenantId? issuer) => Active(issuer).Kid;

    /// <summary>The 64-byte signature (r, s) of the data under the issuer's active key.</summary>
    public byte[] Sign(TenantId? issuer, ReadOnlySpan<byte> data)
    {
        var active = Active(issuer);
        if (!_open.TryGetValue(active.Kid, out var key))
        {
            key = Open(issuer, active);
        }

        // The class does not promise to be safe for several threads.
        lock (key)
        {
            return key.SignData(data, HashAlgorithmName.SHA256);
        }
    }

    internal static NewSigningKey Create(Sealing sealing, TenantId? issuer)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        var x = Base64Url(point.X!);
        var y = Base64Url(point.Y!);
        // Key id: the JWK's thumbprint, RFC 7638.
        var kid = Base64Url(SHA256.HashData(Encoding.ASCII.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}""")));
        var jwk = JsonSerializer.Serialize(new Dictionary<string, string>
        {
            ["kty"] = "EC",
            ["crv"] = "P-256",
            ["x"] = x,
            ["y"] = y,
            ["kid"] = kid,
            ["use"] = "sig",
            ["alg"] = "ES256",
        });
        var secret = key.ExportPkcs8PrivateKey();
        try
        {
            return new(kid, jwk, sealing.Seal(issuer, SealPurpose.SigningKey, secret, Encoding.ASCII.GetBytes(kid)));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private static string Base64Url(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);

    private SealedSigningKey Active(TenantId? issuer) =>
        _catalogue.Current.SigningKeys.TryGetValue(issuer?.Value ?? Guid.Empty, out var key)
            ? key
            : throw new InvalidOperationException("The issuer has no signing key.");

    private ECDsa Open(TenantId? issuer, SealedSigningKey active)
    {
        var secret = _sealing.Open(issuer, SealPurpose.SigningKey, active.PrivateSealed, Encoding.ASCII.GetBytes(active.Kid));
        try
        {
            var key = ECDsa.Create();
            key.ImportPkcs8PrivateKey(secret, out _);
            return _open.GetOrAdd(active.Kid, key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }
}

internal sealed record NewSigningKey(string Kid, string PublicJwk, byte[] PrivateSealed);

internal sealed record SealedSigningKey(string Kid, byte[] PrivateSealed);
