using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// 32 secret bytes, pinned so that the garbage collector leaves no copies behind, and zeroed when disposed. Its text says nothing:
/// it cannot slip into a log or a dump of settings.
/// </summary>
internal sealed class SecretKey : IDisposable
{
    public const int Length = 32;

    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(Length, pinned: true);

    private SecretKey()
    {
    }

    ~SecretKey() => CryptographicOperations.ZeroMemory(_bytes);

    public ReadOnlySpan<byte> Bytes => _bytes;

    public static SecretKey Random()
    {
        var key = new SecretKey();
        RandomNumberGenerator.Fill(key._bytes);
        return key;
    }

    /// <summary>Copies the bytes; the source stays the caller's to zero.</summary>
    public static SecretKey CopyOf(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Length)
        {
            throw new ArgumentException($"A key has {Length} bytes.", nameof(bytes));
        }

        var key = new SecretKey();
        bytes.CopyTo(key._bytes);
        return key;
    }

    /// <summary>A key for one use (HKDF-SHA-256, RFC 5869). Parts are length-prefixed, so that no two uses share one.</summary>
    public SecretKey Derive(string label, params ReadOnlySpan<string> parts)
    {
        var info = new KeyContext(label);
        foreach (var part in parts)
        {
            info.Add(part);
        }

        var key = new SecretKey();
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _bytes, key._bytes, salt: "bulkhead/v1"u8, info: info.Bytes);
        return key;
    }

    /// <summary>A key that nobody can make without both (HKDF-SHA-256 with the other as salt).</summary>
    public SecretKey With(SecretKey other, string label)
    {
        var key = new SecretKey();
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _bytes, key._bytes, salt: other._bytes, info: new KeyContext(label).Bytes);
        return key;
    }

    /// <summary>
    /// HMAC-SHA-256 of a constant under the key. AES-GCM does not commit to its key: whoever wraps one keeps this beside it and
    /// compares after unwrapping.
    /// </summary>
    public byte[] Commitment() => HMACSHA256.HashData(_bytes, "bulkhead/v1 commit"u8);

    public bool Matches(ReadOnlySpan<byte> commitment) => CryptographicOperations.FixedTimeEquals(Commitment(), commitment);

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_bytes);
        GC.SuppressFinalize(this);
    }

    public override string ToString() => "(a key)";
}
