using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Kernel.Keys.PostQuantum;

/// <summary>
/// Seals for a public key what must stay closed for longer than classical key agreement may last: an ephemeral P-256 agreement
/// together with ML-KEM-768, then XAES-256-GCM. Where ML-KEM is not available, P-256 alone; the first byte says which.
/// <para>
/// The key of a message is HKDF-SHA-256 (RFC 5869) of the two secrets one after the other, ML-KEM's first (NIST SP 800-227 section
/// 4.6, SP 800-56C rev. 2 section 2), with everything that both sides saw as info: the algorithm's name, the recipient's whole public
/// key, the ephemeral point and ML-KEM's ciphertext. Binding them is the manner of X-Wing (draft-connolly-cfrg-xwing-kem) and of
/// composite ML-KEM (draft-ietf-lamps-pq-composite-kem); it is not one of those, and does not interoperate with them.
/// </para>
/// <para>
/// Shape: algorithm (1 byte), ephemeral point (65), ML-KEM ciphertext (1,088, hybrid only), commitment to the key (32), nonce (24),
/// ciphertext, tag (16). It shows its length, and not for whom it is.
/// </para>
/// </summary>
/// <param name="requirePostQuantum">The installation's setting: classical ones are refused, for sealing and for opening.</param>
internal sealed class HybridSealing(bool requirePostQuantum)
{
    /// <summary>Bytes. A backup of a key store of 100,000 tenants has about 30 MiB.</summary>
    public const int MaxTextLength = 64 << 20;

    private const int CommitmentLength = 32;
    private const int SecretLength = 32;

    /// <summary>A key pair of the strongest algorithm that this platform has.</summary>
    /// <exception cref="AlgorithmFault">That is a classical one, and post-quantum is demanded.</exception>
    public HybridPrivateKey GenerateKey()
    {
        MustBeAllowed(SealingAlgorithms.Best);
        return HybridPrivateKey.Generate(SealingAlgorithms.Best);
    }

    /// <summary>How many bytes the sealed text has more than the text.</summary>
    public static int Overhead(SealingAlgorithm algorithm) =>
        1 + algorithm.EncapsulationLength + CommitmentLength + Xaes.NonceLength + Xaes.TagLength;

    /// <param name="associated">What it is for; it opens only with the same bytes. Not part of the sealed text.</param>
    /// <exception cref="AlgorithmFault">The public key is none, or of an algorithm that is unknown, refused or not available.</exception>
    public byte[] Seal(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> text, ReadOnlySpan<byte> associated)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(text.Length, MaxTextLength);
        var algorithm = Allowed(publicKey);
        if (publicKey.Length != algorithm.PublicKeyLength)
        {
            throw AlgorithmFault.NoKey(algorithm.Name);
        }

        var output = new byte[Overhead(algorithm) + text.Length];
        output[0] = (byte)algorithm;
        var parts = new Parts(output, algorithm);
        using var key = Encapsulate(algorithm, publicKey, parts.Encapsulation);
        key.Commitment().CopyTo(parts.Commitment);
        RandomNumberGenerator.Fill(parts.Nonce);
        using var cipher = new Xaes(key.Bytes);
        cipher.Seal(parts.Nonce, text, associated, parts.SealedText);
        return output;
    }

    /// <summary>False when it was changed, sealed for another key, by another algorithm, or with other associated bytes.</summary>
    /// <param name="text">The caller's to dispose.</param>
    /// <exception cref="AlgorithmFault">The algorithm is unknown, or refused by the installation's setting.</exception>
    public bool TryOpen(
        HybridPrivateKey privateKey,
        ReadOnlySpan<byte> sealedText,
        ReadOnlySpan<byte> associated,
        [NotNullWhen(true)] out SecretBytes? text)
    {
        text = null;
        // The key's word counts: who changes a hybrid one's first byte to classical gets nothing opened.
        var algorithm = Allowed(sealedText);
        if (algorithm != privateKey.Algorithm
            || sealedText.Length < Overhead(algorithm)
            || sealedText.Length > Overhead(algorithm) + MaxTextLength)
        {
            return false;
        }

        var parts = new ReadOnlyParts(sealedText, algorithm);
        using var key = Decapsulate(privateKey, parts.Encapsulation);
        if (key is null || !key.Matches(parts.Commitment))
        {
            return false;
        }

        var opened = new SecretBytes(sealedText.Length - Overhead(algorithm));
        using var cipher = new Xaes(key.Bytes);
        if (!cipher.TryOpen(parts.Nonce, parts.SealedText, associated, opened.Fill))
        {
            opened.Dispose();
            return false;
        }

        text = opened;
        return true;
    }

    private SealingAlgorithm Allowed(ReadOnlySpan<byte> encoding)
    {
        var algorithm = SealingAlgorithms.Parse(encoding.IsEmpty ? (byte)0 : encoding[0]);
        MustBeAllowed(algorithm);
        algorithm.MustBeAvailable();
        return algorithm;
    }

    private void MustBeAllowed(SealingAlgorithm algorithm)
    {
        if (requirePostQuantum && !algorithm.IsPostQuantum)
        {
            throw AlgorithmFault.Refused(algorithm.Name);
        }
    }

    private static SecretKey Encapsulate(SealingAlgorithm algorithm, ReadOnlySpan<byte> publicKey, Span<byte> encapsulation)
    {
        Span<byte> secrets = stackalloc byte[2 * SecretLength];
        var point = 1 + P256.PointLength;
        try
        {
            if (algorithm.IsPostQuantum)
            {
                using var kem = MLKem.ImportEncapsulationKey(MLKemAlgorithm.MLKem768, publicKey[point..]);
                kem.Encapsulate(encapsulation[P256.PointLength..], secrets[..SecretLength]);
            }

            using var recipient = ECDiffieHellman.Create(P256.Public(publicKey[1..point]));
            using var ephemeral = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
            P256.WritePoint(ephemeral.ExportParameters(includePrivateParameters: false).Q, encapsulation[..P256.PointLength]);
            Agree(ephemeral, recipient, secrets[SecretLength..]);
            return Combine(algorithm, secrets, publicKey, encapsulation);
        }
        catch (CryptographicException fault)
        {
            throw AlgorithmFault.NoKey(algorithm.Name, fault);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secrets);
        }
    }

    // Null when the point is none. A changed ciphertext of ML-KEM gives another secret (FIPS 203 section 6.3), and so another key.
    private static SecretKey? Decapsulate(HybridPrivateKey privateKey, ReadOnlySpan<byte> encapsulation)
    {
        Span<byte> secrets = stackalloc byte[2 * SecretLength];
        try
        {
            using var ephemeral = ECDiffieHellman.Create(P256.Public(encapsulation[..P256.PointLength]));
            using var own = privateKey.OpenAgreement();
            Agree(own, ephemeral, secrets[SecretLength..]);
            if (privateKey.Algorithm.IsPostQuantum)
            {
                using var kem = privateKey.OpenKem();
                kem.Decapsulate(encapsulation[P256.PointLength..], secrets[..SecretLength]);
            }

            return Combine(privateKey.Algorithm, secrets, privateKey.PublicKey, encapsulation);
        }
        catch (CryptographicException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secrets);
        }
    }

    private static void Agree(ECDiffieHellman own, ECDiffieHellman other, Span<byte> secret)
    {
        using var publicKey = other.PublicKey;
        var raw = own.DeriveRawSecretAgreement(publicKey);
        raw.CopyTo(secret);
        CryptographicOperations.ZeroMemory(raw);
    }

    // The first half of the secrets is ML-KEM's; the classical algorithm has the second half only.
    private static SecretKey Combine(
        SealingAlgorithm algorithm, ReadOnlySpan<byte> secrets, ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> encapsulation)
    {
        // Of one algorithm all parts have one length, so that no two lists of parts are the same bytes.
        var name = Encoding.ASCII.GetBytes(algorithm.Name);
        ReadOnlySpan<byte> info = [(byte)name.Length, .. name, .. publicKey, .. encapsulation];
        Span<byte> key = stackalloc byte[SecretKey.Length];
        var material = algorithm.IsPostQuantum ? secrets : secrets[SecretLength..];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, material, key, salt: "bulkhead/v1 hybrid sealing"u8, info: info);
        var secret = SecretKey.CopyOf(key);
        CryptographicOperations.ZeroMemory(key);
        return secret;
    }

    private readonly ref struct Parts(Span<byte> sealedText, SealingAlgorithm algorithm)
    {
        private readonly Span<byte> _rest = sealedText[(1 + algorithm.EncapsulationLength)..];

        public Span<byte> Encapsulation { get; } = sealedText.Slice(1, algorithm.EncapsulationLength);

        public Span<byte> Commitment => _rest[..CommitmentLength];

        public Span<byte> Nonce => _rest.Slice(CommitmentLength, Xaes.NonceLength);

        public Span<byte> SealedText => _rest[(CommitmentLength + Xaes.NonceLength)..];
    }

    private readonly ref struct ReadOnlyParts(ReadOnlySpan<byte> sealedText, SealingAlgorithm algorithm)
    {
        private readonly ReadOnlySpan<byte> _rest = sealedText[(1 + algorithm.EncapsulationLength)..];

        public ReadOnlySpan<byte> Encapsulation { get; } = sealedText.Slice(1, algorithm.EncapsulationLength);

        public ReadOnlySpan<byte> Commitment => _rest[..CommitmentLength];

        public ReadOnlySpan<byte> Nonce => _rest.Slice(CommitmentLength, Xaes.NonceLength);

        public ReadOnlySpan<byte> SealedText => _rest[(CommitmentLength + Xaes.NonceLength)..];
    }
}
