using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys.PostQuantum;

/// <summary>
/// A private key that opens what was sealed for its public key. Encoded: algorithm (1 byte), P-256 scalar (32), and of a hybrid one
/// the seed of ML-KEM-768 (64: d, z of FIPS 203). The seed is wrapped by the key store like any key, also where that is an HSM, and is
/// in the process's memory while it is used: HSMs that we reach through PKCS#11 2.40 have no ML-KEM, so it is not resident in one.
/// </summary>
internal sealed class HybridPrivateKey : IDisposable
{
    private readonly SecretBytes _encoding;
    private readonly byte[] _publicKey;

    private HybridPrivateKey(SecretBytes encoding)
    {
        _encoding = encoding;
        Algorithm = (SealingAlgorithm)encoding.Bytes[0];
        _publicKey = DerivePublicKey();
    }

    public SealingAlgorithm Algorithm { get; }

    /// <summary>For the key store to wrap.</summary>
    public ReadOnlySpan<byte> Encoding => _encoding.Bytes;

    /// <summary>Algorithm (1 byte), uncompressed point (65), and of a hybrid one the encapsulation key (1,184).</summary>
    public ReadOnlySpan<byte> PublicKey => _publicKey;

    /// <exception cref="AlgorithmFault">This platform does not have the algorithm.</exception>
    public static HybridPrivateKey Generate(SealingAlgorithm algorithm)
    {
        algorithm.MustBeAvailable();
        var encoding = new SecretBytes(algorithm.PrivateKeyLength);
        encoding.Fill[0] = (byte)algorithm;
        P256.GenerateScalar(encoding.Fill.Slice(1, P256.ScalarLength));
        if (algorithm.IsPostQuantum)
        {
            using var key = MLKem.GenerateKey(MLKemAlgorithm.MLKem768);
            key.ExportPrivateSeed(encoding.Fill[(1 + P256.ScalarLength)..]);
        }

        return new(encoding);
    }

    /// <exception cref="AlgorithmFault">The algorithm is unknown or not available here, or this is no key of it.</exception>
    public static HybridPrivateKey Import(ReadOnlySpan<byte> encoding)
    {
        var algorithm = SealingAlgorithms.Parse(encoding.IsEmpty ? (byte)0 : encoding[0]);
        algorithm.MustBeAvailable();
        if (encoding.Length != algorithm.PrivateKeyLength)
        {
            throw AlgorithmFault.NoKey(algorithm.Name);
        }

        var copy = SecretBytes.CopyOf(encoding);
        try
        {
            return new(copy);
        }
        catch (CryptographicException fault)
        {
            copy.Dispose();
            throw AlgorithmFault.NoKey(algorithm.Name, fault);
        }
    }

    public void Dispose() => _encoding.Dispose();

    public override string ToString() => "(a private key)";

    internal ECDiffieHellman OpenAgreement() => P256.WithPrivate(_encoding.Bytes.Slice(1, P256.ScalarLength), ECDiffieHellman.Create);

    internal MLKem OpenKem() => MLKem.ImportPrivateSeed(MLKemAlgorithm.MLKem768, _encoding.Bytes[(1 + P256.ScalarLength)..]);

    private byte[] DerivePublicKey()
    {
        var key = new byte[Algorithm.PublicKeyLength];
        key[0] = (byte)Algorithm;
        using var agreement = OpenAgreement();
        P256.WritePoint(agreement.ExportParameters(includePrivateParameters: false).Q, key.AsSpan(1, P256.PointLength));
        if (Algorithm.IsPostQuantum)
        {
            using var kem = OpenKem();
            kem.ExportEncapsulationKey(key.AsSpan(1 + P256.PointLength));
        }

        return key;
    }
}
