using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Kernel.Audit.Transparency;

public enum NoteSignatureKind
{
    /// <summary>Ed25519 of the note's text.</summary>
    Ed25519 = 0x01,

    /// <summary>cosignature/v1: Ed25519 of a time and the note's text.</summary>
    CosignatureEd25519 = 0x04,

    /// <summary>subtree/v1: ML-DSA-44 of a time, the signer's name, and the checkpoint's origin, size and root.</summary>
    CosignatureMLDsa44 = 0x06,
}

/// <summary>A public key that signs notes, with its name (C2SP signed-note, tlog-cosignature).</summary>
public sealed class NoteKey
{
    /// <summary>Bytes of a name in UTF-8, at most: what an ML-DSA-44 cosignature can say (one byte of length).</summary>
    public const int MaxNameLength = 255;

    private const int MaxText = MaxNameLength + 10 + ((1 + MLDsa44.PublicKeyLength + 2) / 3 * 4);

    private NoteKey(string name, NoteSignatureKind kind, byte[] publicKey)
    {
        Name = name;
        Kind = kind;
        PublicKey = publicKey;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData([.. Encoding.UTF8.GetBytes(name), (byte)'\n', (byte)kind, .. publicKey], hash);
        Id = BinaryPrimitives.ReadUInt32BigEndian(hash);
    }

    public string Name { get; }

    public NoteSignatureKind Kind { get; }

    public byte[] PublicKey { get; }

    /// <summary>First four bytes of SHA-256 of name, newline, kind and key: tells keys of one name apart, and proves nothing.</summary>
    public uint Id { get; }

    /// <summary>Whether its signatures say when they were made.</summary>
    public bool Cosigns => Kind != NoteSignatureKind.Ed25519;

    public static NoteKey Of(string name, NoteSignatureKind kind, byte[] publicKey) =>
        IsName(name) && Enum.IsDefined(kind) && publicKey.Length == PublicKeyLength(kind)
            ? new(name, kind, publicKey)
            : throw new ArgumentException("A key has a name without spaces and '+', and as many bytes as its kind has.", nameof(name));

    /// <summary>The key of a seed of 32 bytes, which both algorithms have.</summary>
    /// <exception cref="Keys.PostQuantum.AlgorithmFault">This platform does not have the algorithm.</exception>
    public static NoteKey OfSeed(string name, NoteSignatureKind kind, ReadOnlySpan<byte> seed) =>
        Of(name, kind, kind == NoteSignatureKind.CosignatureMLDsa44 ? MLDsa44.PublicKey(seed) : Ed25519.PublicKey(seed));

    /// <summary>Reads <c>name+id+base64(kind, key)</c>; null for what is none, or of a kind that is not known here.</summary>
    public static NoteKey? Parse(string vkey)
    {
        var parts = vkey.Length <= MaxText ? vkey.Split('+', 3) : [];
        if (parts.Length != 3 || !IsName(parts[0]) || parts[1].Length != 8
            || LogText.FromBase64(parts[2]) is not { Length: > 1 } bytes
            || !Enum.IsDefined((NoteSignatureKind)bytes[0])
            || bytes.Length != 1 + PublicKeyLength((NoteSignatureKind)bytes[0]))
        {
            return null;
        }

        // The id is what the rest hashes to, in lower case, or somebody mixed two keys up.
        var key = new NoteKey(parts[0], (NoteSignatureKind)bytes[0], bytes[1..]);
        return key.ToString() == vkey ? key : null;
    }

    public static bool IsName(string name) =>
        name.Length > 0 && LogText.IsPlain(name, MaxNameLength)
        && !name.Any(c => c == '+' || char.IsWhiteSpace(c) || char.IsControl(c));

    public override string ToString() => $"{Name}+{Id:x8}+{Convert.ToBase64String([(byte)Kind, .. PublicKey])}";

    private static int PublicKeyLength(NoteSignatureKind kind) =>
        kind == NoteSignatureKind.CosignatureMLDsa44 ? MLDsa44.PublicKeyLength : Ed25519.PublicKeyLength;
}
