using System.Security.Cryptography;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>
/// ML-DSA-44 (FIPS 204) with an empty context, as cosignatures of transparency logs are made (C2SP tlog-cosignature). It is there from
/// OpenSSL 3.5 on: ask <see cref="PostQuantumSupport.HasMLDsa"/>.
/// </summary>
public static class MLDsa44
{
    public const int SeedLength = 32;
    public const int PublicKeyLength = 1312;
    public const int SignatureLength = 2420;

    /// <exception cref="AlgorithmFault">This platform does not have it.</exception>
    public static byte[] PublicKey(ReadOnlySpan<byte> seed)
    {
        using var key = Private(seed);
        return key.ExportMLDsaPublicKey();
    }

    /// <exception cref="AlgorithmFault">This platform does not have it.</exception>
    public static byte[] Sign(ReadOnlySpan<byte> seed, ReadOnlySpan<byte> message)
    {
        using var key = Private(seed);
        var signature = new byte[SignatureLength];
        key.SignData(message, signature);
        return signature;
    }

    /// <summary>False also for what is no key and no signature.</summary>
    /// <exception cref="AlgorithmFault">This platform does not have it.</exception>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        MustBeAvailable();
        if (publicKey.Length != PublicKeyLength || signature.Length != SignatureLength)
        {
            return false;
        }

        using var key = MLDsa.ImportMLDsaPublicKey(MLDsaAlgorithm.MLDsa44, publicKey);
        return key.VerifyData(message, signature);
    }

    private static MLDsa Private(ReadOnlySpan<byte> seed)
    {
        MustBeAvailable();
        return seed.Length == SeedLength
            ? MLDsa.ImportMLDsaPrivateSeed(MLDsaAlgorithm.MLDsa44, seed)
            : throw new ArgumentException($"A seed has {SeedLength} bytes.", nameof(seed));
    }

    private static void MustBeAvailable()
    {
        if (!PostQuantumSupport.HasMLDsa)
        {
            throw AlgorithmFault.Unavailable("ML-DSA-44");
        }
    }
}
