using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys.PostQuantum;

/// <summary>
/// Secret bytes of any length, held like a <see cref="SecretKey"/>: pinned, zeroed when disposed, and without words of their own.
/// </summary>
internal sealed class SecretBytes : IDisposable
{
    private readonly byte[] _bytes;

    /// <summary>So many zero bytes, for the caller to fill.</summary>
    public SecretBytes(int length) => _bytes = GC.AllocateArray<byte>(length, pinned: true);

    ~SecretBytes() => CryptographicOperations.ZeroMemory(_bytes);

    public ReadOnlySpan<byte> Bytes => _bytes;

    public Span<byte> Fill => _bytes;

    /// <summary>Copies the bytes; the source stays the caller's to zero.</summary>
    public static SecretBytes CopyOf(ReadOnlySpan<byte> bytes)
    {
        var copy = new SecretBytes(bytes.Length);
        bytes.CopyTo(copy._bytes);
        return copy;
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_bytes);
        GC.SuppressFinalize(this);
    }

    public override string ToString() => "(secret)";
}
