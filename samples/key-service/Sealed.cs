using System.Security.Cryptography;

namespace Samples.KeyService;

/// <summary>
/// Opens what the platform sealed to the public key. Algorithm 3: algorithm (1 byte), ephemeral point (65), nonce (24),
/// ciphertext (32), tag (16).
/// </summary>
internal static class Sealed
{
    public const int KeyLength = 32;

    private const byte Algorithm = 3;
    private const int PointLength = 65;
    private const int NonceLength = 24;
    private const int TagLength = 16;
    private const int Length = 1 + PointLength + NonceLength + KeyLength + TagLength;

    /// <summary>False when the bytes were changed, are not for this key, or were bound to other associated bytes.</summary>
    public static bool TryOpen(ECDiffieHellman own, ReadOnlySpan<byte> wrapped, ReadOnlySpan<byte> associated, Span<byte> key)
    {
        if (wrapped.Length != Length || wrapped[0] != Algorithm)
        {
            return false;
        }

        var point = wrapped.Slice(1, PointLength);
        var nonce = wrapped.Slice(1 + PointLength, NonceLength);
        var text = wrapped.Slice(1 + PointLength + NonceLength, KeyLength);
        Span<byte> shared = stackalloc byte[32];
        try
        {
            if (!TryAgree(own, point, shared))
            {
                return false;
            }

            // info: algorithm, ephemeral point, own point. A key for this exchange and no other.
            var mine = own.ExportParameters(false).Q;
            byte[] info = [.. "bulkhead/v1 held-key"u8, Algorithm, .. point, 4, .. mine.X!, .. mine.Y!];
            HKDF.DeriveKey(HashAlgorithmName.SHA256, shared, shared, salt: "bulkhead/v1"u8, info: info);
            using var cipher = Xaes(shared, nonce[..12]);
            cipher.Decrypt(nonce[12..], text, wrapped[^TagLength..], key, associated);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(shared);
        }
    }

    private static bool TryAgree(ECDiffieHellman own, ReadOnlySpan<byte> point, Span<byte> shared)
    {
        if (point[0] != 4)
        {
            return false;
        }

        try
        {
            // Importing refuses a point that is not on the curve.
            using var other = ECDiffieHellman.Create(new ECParameters
            {
                Curve = ECCurve.NamedCurves.nistP256,
                Q = new ECPoint { X = point[1..33].ToArray(), Y = point[33..].ToArray() },
            });
            var agreed = own.DeriveRawSecretAgreement(other.PublicKey);
            agreed.CopyTo(shared);
            CryptographicOperations.ZeroMemory(agreed);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM under a key derived from the first half of the nonce.</summary>
    private static AesGcm Xaes(ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce)
    {
        using var aes = Aes.Create();
        aes.SetKey(key);
        var mask = aes.EncryptEcb(new byte[16], PaddingMode.None);
        var carry = 0;
        for (var i = 15; i >= 0; i--)
        {
            (mask[i], carry) = ((byte)((mask[i] << 1) | carry), mask[i] >> 7);
        }

        mask[15] ^= (byte)(0x87 & -carry);
        byte[] blocks = [0, 1, (byte)'X', 0, .. nonce, 0, 2, (byte)'X', 0, .. nonce];
        for (var i = 0; i < blocks.Length; i++)
        {
            blocks[i] ^= mask[i % 16];
        }

        var derived = aes.EncryptEcb(blocks, PaddingMode.None);
        try
        {
            return new AesGcm(derived, TagLength);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(derived);
        }
    }
}
