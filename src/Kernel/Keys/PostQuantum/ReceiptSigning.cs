using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Kernel.Keys.PostQuantum;

/// <summary>
/// Signs receipts and reports twice: with ECDSA, which everybody can verify, and with ML-DSA, for the day when ECDSA proves nothing
/// any more. What is signed: a line <c>bulkhead/v1 receipt</c>, a line for each algorithm that says whether it is there, an empty line,
/// the receipt. So OpenSSL's own tool verifies both (<c>openssl dgst -verify</c>, <c>openssl pkeyutl -verify</c>).
/// </summary>
/// <param name="requirePostQuantum">The installation's setting: what cannot be signed by both is refused.</param>
internal sealed class ReceiptSigning(bool requirePostQuantum)
{
    public const string EcdsaP256 = "ecdsa-p256-sha256";
    public const string MLDsa65 = "ml-dsa-65";

    internal const string Present = "present";

    private const string Label = "bulkhead/v1 receipt";

    /// <summary>The context string of ML-DSA (FIPS 204 section 5.2): a signature for anything else is none for a receipt.</summary>
    internal static ReadOnlySpan<byte> Context => "bulkhead/v1 receipt"u8;

    /// <exception cref="AlgorithmFault">Post-quantum is demanded, and the platform or the key does not have it.</exception>
    public ReceiptSignatures Sign(ReceiptKey key, ReadOnlySpan<byte> receipt)
    {
        var why = WhyNot(key);
        if (why is not null && requirePostQuantum)
        {
            throw PostQuantumSupport.HasMLDsa ? AlgorithmFault.Refused(EcdsaP256) : AlgorithmFault.Unavailable(MLDsa65);
        }

        var data = Signed(ReceiptSignatures.Describe(why ?? Present), receipt);
        using var ecdsa = key.OpenEcdsa();
        var classical = ecdsa.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        if (why is not null)
        {
            return new(classical, null, why);
        }

        using var mlDsa = key.OpenMLDsa();
        var postQuantum = new byte[MLDsaAlgorithm.MLDsa65.SignatureSizeInBytes];
        mlDsa.SignData(data, postQuantum, Context);
        return new(classical, postQuantum, null);
    }

    /// <param name="publicKey">As of <see cref="ReceiptKey.PublicKey"/>.</param>
    /// <param name="requireBoth">A receipt without an ML-DSA signature that was checked is then not genuine.</param>
    /// <exception cref="AlgorithmFault">The public key is none.</exception>
    public static ReceiptVerdict Verify(
        ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> receipt, ReceiptSignatures signatures, bool requireBoth)
    {
        var (point, mlDsaKey) = ReceiptKey.ReadPublic(publicKey);
        if (!signatures.IsWellFormed)
        {
            return new(false, SignatureState.Wrong, SignatureState.Wrong);
        }

        var data = Signed(signatures.Words, receipt);
        var classical = VerifyEcdsa(point, data, signatures.EcdsaP256) ? SignatureState.Verified : SignatureState.Wrong;
        var postQuantum = CheckMLDsa(mlDsaKey, data, signatures.MLDsa65);
        var isGenuine = classical == SignatureState.Verified
            && postQuantum != SignatureState.Wrong
            && (!requireBoth || postQuantum == SignatureState.Verified);
        return new(isGenuine, classical, postQuantum);
    }

    private static string? WhyNot(ReceiptKey key)
    {
        if (!PostQuantumSupport.HasMLDsa)
        {
            return $"unavailable ({PostQuantumSupport.OpenSsl})";
        }

        return key.HasMLDsa ? null : "unavailable (the key pair was made without it)";
    }

    private static bool VerifyEcdsa(ECParameters point, byte[] data, byte[] signature)
    {
        try
        {
            using var key = ECDsa.Create(point);
            return P256.Verify(key, data, signature);
        }
        catch (CryptographicException fault)
        {
            throw AlgorithmFault.NoKey(EcdsaP256, fault);
        }
    }

    // A signature of which the public key knows nothing cannot be vouched for: it is wrong, not absent.
    private static SignatureState CheckMLDsa(byte[] publicKey, byte[] data, byte[]? signature)
    {
        if (signature is null)
        {
            return SignatureState.Absent;
        }

        if (publicKey.Length == 0)
        {
            return SignatureState.Wrong;
        }

        if (!PostQuantumSupport.HasMLDsa)
        {
            return SignatureState.NotChecked;
        }

        using var key = MLDsa.ImportMLDsaPublicKey(MLDsaAlgorithm.MLDsa65, publicKey);
        return key.VerifyData(data, signature, Context) ? SignatureState.Verified : SignatureState.Wrong;
    }

    private static byte[] Signed(string words, ReadOnlySpan<byte> receipt) =>
        [.. Encoding.ASCII.GetBytes($"{Label}\n{words}\n"), .. receipt];
}
