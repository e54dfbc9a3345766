using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;

namespace Bulkhead.Verify.Merkle;

/// <summary>SHA-256 as RFC 6962 section 2.1 uses it: leaves and nodes are told apart by their first byte.</summary>
internal readonly record struct Hash(UInt128 High, UInt128 Low)
{
    public const int Size = 32;

    /// <summary>The root of the empty tree.</summary>
    public static Hash Empty { get; } = Of([]);

    public static Hash Of(ReadOnlySpan<byte> bytes)
    {
        Span<byte> digest = stackalloc byte[Size];
        SHA256.HashData(bytes, digest);
        return Read(digest);
    }

    public static Hash Leaf(ReadOnlySpan<byte> leaf)
    {
        var rented = ArrayPool<byte>.Shared.Rent(leaf.Length + 1);
        rented[0] = 0;
        leaf.CopyTo(rented.AsSpan(1));
        var hash = Of(rented.AsSpan(0, leaf.Length + 1));
        ArrayPool<byte>.Shared.Return(rented);
        return hash;
    }

    public static Hash Node(Hash left, Hash right)
    {
        Span<byte> node = stackalloc byte[1 + (2 * Size)];
        node[0] = 1;
        left.Write(node[1..]);
        right.Write(node[(1 + Size)..]);
        return Of(node);
    }

    public static Hash Read(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt128BigEndian(bytes), BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]));

    /// <summary>From base64 with padding; only the one spelling that each hash has.</summary>
    public static Hash? FromBase64(string text) => StrictBase64.Decode(text) is { Length: Size } bytes ? Read(bytes) : null;

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt128BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt128BigEndian(bytes[16..], Low);
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        Write(bytes);
        return Convert.ToBase64String(bytes);
    }
}

internal static class StrictBase64
{
    /// <summary>RFC 4648 section 4 with padding. What would not be written the same again is refused: no spaces, no stray bits.</summary>
    public static byte[]? Decode(string text)
    {
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length) + 3];
        return Convert.TryFromBase64String(text, bytes, out var written)
            && Convert.ToBase64String(bytes.AsSpan(0, written)).Equals(text, StringComparison.Ordinal)
                ? bytes[..written]
                : null;
    }

    /// <summary>RFC 4648 section 5 without padding, as disclosures use it.</summary>
    public static byte[]? DecodeUrl(ReadOnlySpan<byte> text)
    {
        var bytes = new byte[Base64Url.GetMaxDecodedLength(text.Length)];
        return Base64Url.DecodeFromUtf8(text, bytes, out var consumed, out var written) == OperationStatus.Done
            && consumed == text.Length && Base64Url.EncodeToUtf8(bytes.AsSpan(0, written)).AsSpan().SequenceEqual(text)
                ? bytes[..written]
                : null;
    }
}
