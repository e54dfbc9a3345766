using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <param name="Bytes">After the key's id: what the kind of signature says.</param>
public sealed record NoteSignature(string Name, uint KeyId, byte[] Bytes);

/// <summary>
/// A text with signatures (C2SP signed-note): the text ends in a newline, an empty line follows, then a line for each signature:
/// <c>— name base64(key id, signature)</c>.
/// </summary>
public sealed class SignedNote
{
    /// <summary>Bytes of a note in UTF-8, at most.</summary>
    public const int MaxLength = 64 * 1024;

    private const int MaxSignatures = 100;
    private const string Dash = "— ";

    private SignedNote(string text, List<NoteSignature> signatures)
    {
        Text = text;
        Signatures = signatures;
    }

    /// <summary>With its last newline: what is signed.</summary>
    public string Text { get; }

    public IReadOnlyList<NoteSignature> Signatures { get; }

    /// <summary>Null for what is no note.</summary>
    public static SignedNote? Parse(string note)
    {
        if (note.Length is 0 or > MaxLength || note[^1] != '\n' || note.Any(c => c != '\n' && char.IsControl(c)))
        {
            return null;
        }

        var split = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (split < 1)
        {
            return null;
        }

        var lines = note[(split + 2)..].Split('\n');
        if (lines.Length < 2 || lines.Length > MaxSignatures + 1 || lines[^1].Length != 0)
        {
            return null;
        }

        var signatures = new List<NoteSignature>();
        foreach (var line in lines.SkipLast(1))
        {
            var parts = line.StartsWith(Dash, StringComparison.Ordinal) ? line[Dash.Length..].Split(' ') : [];
            if (parts.Length != 2 || !NoteKey.IsName(parts[0]))
            {
                return null;
            }

            var bytes = new byte[(parts[1].Length * 3 / 4) + 3];
            if (!Convert.TryFromBase64String(parts[1], bytes, out var length) || length < 5
                || Convert.ToBase64String(bytes, 0, length) != parts[1])
            {
                return null;
            }

            signatures.Add(new(parts[0], BinaryPrimitives.ReadUInt32BigEndian(bytes), bytes[4..length]));
        }

        return new(note[..(split + 1)], signatures);
    }

    /// <param name="text">Ends in a newline.</param>
    public static SignedNote Of(string text) => new(text, []);

    /// <summary>A signature by the seed of the key.</summary>
    public static NoteSignature Sign(string text, NoteKey key, ReadOnlySpan<byte> seed) =>
        new(key.Name, key.Id, Ed25519.Sign(seed, Encoding.UTF8.GetBytes(text)));

    /// <summary>A cosignature: that the signer saw this checkpoint at the time, and no other history before.</summary>
    public static NoteSignature Cosign(string text, NoteKey key, ReadOnlySpan<byte> seed, DateTimeOffset at)
    {
        var seconds = at.ToUnixTimeSeconds();
        var bytes = new byte[8 + Ed25519.SignatureLength];
        BinaryPrimitives.WriteInt64BigEndian(bytes, seconds);
        Ed25519.Sign(seed, CosignedMessage(text, seconds)).CopyTo(bytes, 8);
        return new(key.Name, key.Id, bytes);
    }

    public SignedNote With(IEnumerable<NoteSignature> signatures) => new(Text, [.. Signatures, .. signatures]);

    /// <summary>
    /// When the key signed: false where it did not; a signature that says it is the key's and is not genuine is worse than none, and is no
    /// signature either.
    /// </summary>
    /// <param name="at">Of a cosignature; otherwise null.</param>
    public bool IsSignedBy(NoteKey key, out DateTimeOffset? at)
    {
        at = null;
        var found = false;
        foreach (var signature in Signatures)
        {
            if (signature.Name != key.Name || signature.KeyId != key.Id)
            {
                continue;
            }

            if (!IsGenuine(key, signature.Bytes, out at))
            {
                return false;
            }

            found = true;
        }

        return found;
    }

    public override string ToString()
    {
        var note = new StringBuilder(Text).Append('\n');
        foreach (var signature in Signatures)
        {
            var bytes = new byte[4 + signature.Bytes.Length];
            BinaryPrimitives.WriteUInt32BigEndian(bytes, signature.KeyId);
            signature.Bytes.CopyTo(bytes, 4);
            note.Append(Dash).Append(signature.Name).Append(' ').Append(Convert.ToBase64String(bytes)).Append('\n');
        }

        return note.ToString();
    }

    private static byte[] CosignedMessage(string text, long seconds) =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"cosignature/v1\ntime {seconds}\n{text}"));

    private bool IsGenuine(NoteKey key, byte[] signature, out DateTimeOffset? at)
    {
        at = null;
        if (key.Kind == NoteSignatureKind.Ed25519)
        {
            return Ed25519.Verify(key.PublicKey, Encoding.UTF8.GetBytes(Text), signature);
        }

        if (signature.Length != 8 + Ed25519.SignatureLength)
        {
            return false;
        }

        var seconds = BinaryPrimitives.ReadInt64BigEndian(signature);
        if (seconds is < 0 or > 253_402_300_799 || !Ed25519.Verify(key.PublicKey, CosignedMessage(Text, seconds), signature.AsSpan(8)))
        {
            return false;
        }

        at = DateTimeOffset.FromUnixTimeSeconds(seconds);
        return true;
    }
}
