using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys.PostQuantum;

/// <summary>
/// The key pair that signs receipts and reports: ECDSA P-256, and beside it ML-DSA-65 where the platform has it. Encoded: form (1 byte),
/// P-256 scalar (32), and in form 2 the seed of ML-DSA-65 (32: ξ of FIPS 204). The seed is wrapped by the key store like any key, also
/// where that is an HSM, and is in the process's memory while it signs; it is not resident in the HSM.
/// </summary>
internal sealed class ReceiptKey : IDisposable
{
    public const int MLDsaPublicKeyLength = 1952;

    private const int SeedLength = 32;
    private const byte Classical = 1;
    private const byte Both = 2;

    private readonly SecretBytes _encoding;
    private readonly byte[] _publicKey;

    private ReceiptKey(SecretBytes encoding)
    {
        _encoding = encoding;
        _publicKey = DerivePublicKey();
    }

    public bool HasMLDsa => _encoding.Bytes[0] == Both;

    /// <summary>For the key store to wrap.</summary>
    public ReadOnlySpan<byte> Encoding => _encoding.Bytes;

    /// <summary>Form (1 byte), uncompressed point (65), and in form 2 the public key of ML-DSA-65 (1,952).</summary>
    public ReadOnlySpan<byte> PublicKey => _publicKey;

    /// <summary>A new pair with all that this platform has.</summary>
    public static ReceiptKey Generate() => Generate(PostQuantumSupport.HasMLDsa);

    /// <exception cref="AlgorithmFault">ML-DSA is wanted, and not available here.</exception>
    public static ReceiptKey Generate(bool withMLDsa)
    {
        MustBeAvailable(withMLDsa);
        var encoding = new SecretBytes(PrivateLength(withMLDsa));
        encoding.Fill[0] = withMLDsa ? Both : Classical;
        P256.GenerateScalar(encoding.Fill.Slice(1, P256.ScalarLength));
        if (withMLDsa)
        {
            using var key = MLDsa.GenerateKey(MLDsaAlgorithm.MLDsa65);
            key.ExportMLDsaPrivateSeed(encoding.Fill[(1 + P256.ScalarLength)..]);
        }

        return new(encoding);
    }

    /// <summary>
    /// Of a pair with ML-DSA on a platform without it the classical half is usable; <see cref="PublicKey"/> is then classical too.
    /// </summary>
    /// <exception cref="AlgorithmFault">The form is unknown, or this is no key of it.</exception>
    public static ReceiptKey Import(ReadOnlySpan<byte> encoding)
    {
        var withMLDsa = ReadForm(encoding);
        if (encoding.Length != PrivateLength(withMLDsa))
        {
            throw AlgorithmFault.NoKey("receipts");
        }

        var copy = SecretBytes.CopyOf(encoding);
        try
        {
            return new(copy);
        }
        catch (CryptographicException fault)
        {
            copy.Dispose();
            throw AlgorithmFault.NoKey("receipts", fault);
        }
    }

    public void Dispose() => _encoding.Dispose();

    public override string ToString() => "(a private key)";

    /// <summary>Point and ML-DSA key of an encoded public key; the latter is empty in the classical form.</summary>
    /// <exception cref="AlgorithmFault">The form is unknown, or this is no key of it.</exception>
    internal static (ECParameters Point, byte[] MLDsa) ReadPublic(ReadOnlySpan<byte> publicKey)
    {
        var withMLDsa = ReadForm(publicKey);
        var point = 1 + P256.PointLength;
        if (publicKey.Length != point + (withMLDsa ? MLDsaPublicKeyLength : 0))
        {
            throw AlgorithmFault.NoKey("receipts");
        }

        try
        {
            return (P256.Public(publicKey[1..point]), publicKey[point..].ToArray());
        }
        catch (CryptographicException fault)
        {
            throw AlgorithmFault.NoKey("receipts", fault);
        }
    }

    internal ECDsa OpenEcdsa() => P256.WithPrivate(_encoding.Bytes.Slice(1, P256.ScalarLength), ECDsa.Create);

    internal MLDsa OpenMLDsa() => MLDsa.ImportMLDsaPrivateSeed(MLDsaAlgorithm.MLDsa65, _encoding.Bytes[(1 + P256.ScalarLength)..]);

    private static int PrivateLength(bool withMLDsa) => 1 + P256.ScalarLength + (withMLDsa ? SeedLength : 0);

    private static bool ReadForm(ReadOnlySpan<byte> encoding) => (encoding.IsEmpty ? 0 : encoding[0]) switch
    {
        Classical => false,
        Both => true,
        var unknown => throw AlgorithmFault.Unknown((byte)unknown),
    };

    private static void MustBeAvailable(bool withMLDsa)
    {
        if (withMLDsa && !PostQuantumSupport.HasMLDsa)
        {
            throw AlgorithmFault.Unavailable(ReceiptSigning.MLDsa65);
        }
    }

    private byte[] DerivePublicKey()
    {
        var withMLDsa = HasMLDsa && PostQuantumSupport.HasMLDsa;
        var key = new byte[1 + P256.PointLength + (withMLDsa ? MLDsaPublicKeyLength : 0)];
        key[0] = withMLDsa ? Both : Classical;
        using var ecdsa = OpenEcdsa();
        P256.WritePoint(ecdsa.ExportParameters(includePrivateParameters: false).Q, key.AsSpan(1, P256.PointLength));
        if (withMLDsa)
        {
            using var mlDsa = OpenMLDsa();
            mlDsa.ExportMLDsaPublicKey(key.AsSpan(1 + P256.PointLength));
        }

        return key;
    }
}
