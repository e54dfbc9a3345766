using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys.OwnKeyService;

/// <summary>
/// The public key of a service that holds a tenant's key, and how a key is sealed to it without a call: ephemeral-static ECDH on P-256
/// (NIST SP 800-56A r3, section 6.2.2.2), HKDF-SHA-256 (RFC 5869), XAES-256-GCM. Shape: algorithm (1 byte, 3), ephemeral point (65,
/// uncompressed, SEC 1 section 2.3.3), nonce (24), ciphertext (32), tag (16). The only place that knows the algorithm.
/// </summary>
internal sealed class RecipientKey
{
    /// <summary>Longest public key taken, in characters of PEM.</summary>
    public const int LongestPem = 8_192;

    public const int SealedLength = 1 + PointLength + Xaes.NonceLength + SecretKey.Length + Xaes.TagLength;

    // 1 and 2 are taken by other seals, and no number is used twice.
    private const byte Algorithm = 3;
    private const int PointLength = 65;
    private const string PublicKeyLabel = "PUBLIC KEY";
    private const string P256 = "1.2.840.10045.3.1.7";

    private readonly ECParameters _key;

    private RecipientKey(ECParameters key, string id) => (_key, Id) = (key, id);

    /// <summary>SHA-256 of its SubjectPublicKeyInfo (RFC 5480: named curve, uncompressed point), lowercase hex.</summary>
    public string Id { get; }

    /// <param name="fault">Why it is none; null when it is one.</param>
    public static RecipientKey? TryRead(string pem, out string? fault)
    {
        fault = null;
        if (pem.Length > LongestPem || !PemEncoding.TryFind(pem, out var found))
        {
            fault = $"is not PEM of at most {LongestPem} characters";
            return null;
        }

        if (pem.Contains("PRIVATE KEY", StringComparison.Ordinal))
        {
            fault = "holds a private key; that must never leave its service: make a new one, and give only its public key";
            return null;
        }

        try
        {
            using var key = ECDiffieHellman.Create();
            if (pem[found.Label] == PublicKeyLabel)
            {
                key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(pem[found.Base64Data]), out _);
                var parameters = key.ExportParameters(includePrivateParameters: false);
                if (parameters.Curve is { IsNamed: true, Oid.Value: P256 })
                {
                    return new RecipientKey(parameters, Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo())));
                }
            }
        }
        catch (CryptographicException)
        {
            // Said below.
        }

        fault = $"is not a '{PublicKeyLabel}' on P-256";
        return null;
    }

    public byte[] Seal(SecretKey key, ReadOnlySpan<byte> associated)
    {
        using var recipient = ECDiffieHellman.Create(_key);
        using var ephemeral = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var output = new byte[SealedLength];
        output[0] = Algorithm;
        var point = output.AsSpan(1, PointLength);
        WritePoint(ephemeral.ExportParameters(includePrivateParameters: false).Q, point);
        var nonce = output.AsSpan(1 + PointLength, Xaes.NonceLength);
        RandomNumberGenerator.Fill(nonce);

        // Both points go into the key, so that nobody can pass off a sealed text as one for another recipient.
        var label = "bulkhead/v1 held-key"u8;
        var info = new byte[label.Length + 1 + (2 * PointLength)];
        label.CopyTo(info);
        info[label.Length] = Algorithm;
        point.CopyTo(info.AsSpan(label.Length + 1));
        WritePoint(_key.Q, info.AsSpan(label.Length + 1 + PointLength));

        var shared = ephemeral.DeriveRawSecretAgreement(recipient.PublicKey);
        Span<byte> sealing = stackalloc byte[SecretKey.Length];
        try
        {
            HKDF.DeriveKey(HashAlgorithmName.SHA256, shared, sealing, salt: "bulkhead/v1"u8, info: info);
            using var cipher = new Xaes(sealing);
            cipher.Seal(nonce, key.Bytes, associated, output.AsSpan(1 + PointLength + Xaes.NonceLength));
            return output;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(shared);
            CryptographicOperations.ZeroMemory(sealing);
        }
    }

    private static void WritePoint(ECPoint point, Span<byte> output)
    {
        output[0] = 4;
        point.X.CopyTo(output[1..]);
        point.Y.CopyTo(output[33..]);
    }
}
