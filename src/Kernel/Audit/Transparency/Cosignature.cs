using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>
/// Timestamped signatures of checkpoints (C2SP tlog-cosignature): 8 bytes of seconds since 1970, big endian, then the signature. One of
/// Ed25519 covers the whole text; one of ML-DSA-44 covers origin, size and root and the signer's name, and no extension lines.
/// </summary>
internal static class Cosignature
{
    /// <summary>The last second that a <see cref="DateTimeOffset"/> can say, in 9999.</summary>
    public const long MaxSeconds = 253_402_300_799;

    private const int TimeLength = 8;

    private static ReadOnlySpan<byte> SubtreeLabel => "subtree/v1\n\0"u8;

    /// <exception cref="ArgumentException">The key does not cosign, the time is before 1970, or the text is no checkpoint.</exception>
    public static byte[] Sign(string text, NoteKey key, ReadOnlySpan<byte> seed, DateTimeOffset at)
    {
        var seconds = at.ToUnixTimeSeconds();
        if (!key.Cosigns || seconds < 0 || MessageOf(text, key, seconds) is not { } message)
        {
            throw new ArgumentException("A key of cosignatures signs checkpoints, at a time since 1970.", nameof(key));
        }

        var signature = key.Kind == NoteSignatureKind.CosignatureMLDsa44 ? MLDsa44.Sign(seed, message) : Ed25519.Sign(seed, message);
        var bytes = new byte[TimeLength + signature.Length];
        BinaryPrimitives.WriteInt64BigEndian(bytes, seconds);
        signature.CopyTo(bytes, TimeLength);
        return bytes;
    }

    public static NoteVerdict Verify(string text, NoteKey key, ReadOnlySpan<byte> bytes, out DateTimeOffset? at)
    {
        at = null;
        var isMLDsa = key.Kind == NoteSignatureKind.CosignatureMLDsa44;
        if (bytes.Length != TimeLength + (isMLDsa ? MLDsa44.SignatureLength : Ed25519.SignatureLength))
        {
            return NoteVerdict.Wrong;
        }

        var seconds = BinaryPrimitives.ReadInt64BigEndian(bytes);
        if (seconds is < 0 or > MaxSeconds || MessageOf(text, key, seconds) is not { } message)
        {
            return NoteVerdict.Wrong;
        }

        if (isMLDsa && !PostQuantumSupport.HasMLDsa)
        {
            return NoteVerdict.NotChecked;
        }

        var signature = bytes[TimeLength..];
        var isGenuine = isMLDsa
            ? MLDsa44.Verify(key.PublicKey, message, signature)
            : Ed25519.Verify(key.PublicKey, message, signature);
        at = isGenuine ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;
        return isGenuine ? NoteVerdict.Genuine : NoteVerdict.Wrong;
    }

    /// <summary>What an ML-DSA-44 cosignature signs, of the leaves [start, end).</summary>
    /// <param name="seconds">0 makes no statement about time; it must be 0 when start is not.</param>
    internal static byte[] SubtreeMessage(string signer, long seconds, string origin, long start, long end, ReadOnlySpan<byte> root)
    {
        var (name, log) = (Encoding.UTF8.GetBytes(signer), Encoding.UTF8.GetBytes(origin));
        var message = new byte[SubtreeLabel.Length + 1 + name.Length + 8 + 1 + log.Length + 8 + 8 + MerkleTree.HashLength];
        var rest = message.AsSpan();
        SubtreeLabel.CopyTo(rest);
        rest = rest[SubtreeLabel.Length..];
        rest = Prefixed(rest, name);
        BinaryPrimitives.WriteInt64BigEndian(rest, seconds);
        rest = Prefixed(rest[8..], log);
        BinaryPrimitives.WriteInt64BigEndian(rest, start);
        BinaryPrimitives.WriteInt64BigEndian(rest[8..], end);
        root.CopyTo(rest[16..]);
        return message;
    }

    private static byte[]? MessageOf(string text, NoteKey key, long seconds)
    {
        if (Checkpoint.Parse(text) is not { } checkpoint)
        {
            return null;
        }

        return key.Kind == NoteSignatureKind.CosignatureMLDsa44
            ? SubtreeMessage(key.Name, seconds, checkpoint.Origin, 0, checkpoint.Size, checkpoint.Root)
            : Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"cosignature/v1\ntime {seconds}\n{text}"));
    }

    private static Span<byte> Prefixed(Span<byte> to, byte[] bytes)
    {
        to[0] = checked((byte)bytes.Length);
        bytes.CopyTo(to[1..]);
        return to[(1 + bytes.Length)..];
    }
}
