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
}

/// <summary>A public key that signs notes, with its name (C2SP signed-note).</summary>
public sealed class NoteKey
{
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

    public static NoteKey Of(string name, NoteSignatureKind kind, byte[] publicKey) =>
        IsName(name) && publicKey.Length == Ed25519.PublicKeyLength && Enum.IsDefined(kind)
            ? new(name, kind, publicKey)
            : throw new ArgumentException("A key has a name without spaces and '+', and 32 bytes.", nameof(name));

    /// <summary>Reads <c>name+id+base64(kind, key)</c>; null for what is none, or of a kind that is not known here.</summary>
    public static NoteKey? Parse(string vkey)
    {
        var parts = vkey.Split('+', 3);
        var bytes = new byte[1 + Ed25519.PublicKeyLength + 3];
        if (parts.Length != 3 || !IsName(parts[0]) || parts[1].Length != 8
            || !Convert.TryFromBase64String(parts[2], bytes, out var length) || length != 1 + Ed25519.PublicKeyLength
            || !Enum.IsDefined((NoteSignatureKind)bytes[0]))
        {
            return null;
        }

        var key = new NoteKey(parts[0], (NoteSignatureKind)bytes[0], bytes[1..length]);
        return key.ToString() == vkey ? key : null;
    }

    public static bool IsName(string name) =>
        name.Length is > 0 and <= 255 && !name.Any(c => c == '+' || char.IsWhiteSpace(c) || char.IsControl(c));

    public override string ToString() => $"{Name}+{Id:x8}+{Convert.ToBase64String([(byte)Kind, .. PublicKey])}";
}
