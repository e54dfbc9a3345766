using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <param name="Bytes">After the key's id: what the kind of signature says.</param>
public sealed record NoteSignature(string Name, uint KeyId, byte[] Bytes);

public enum NoteVerdict
{
    /// <summary>The key did not sign.</summary>
    Absent,

    Genuine,

    /// <summary>It says that it is the key's, and is not.</summary>
    Wrong,

    /// <summary>This platform's OpenSSL cannot check it.</summary>
    NotChecked,
}

/// <summary>
/// A text with signatures (C2SP signed-note): the text ends in a newline, an empty line follows, then a line for each signature:
/// <c>— name base64(key id, signature)</c>.
/// </summary>
public sealed class SignedNote
{
    /// <summary>Bytes of a note in UTF-8, at most: 16 post-quantum signatures, which a verifier must take, have about 100 KiB.</summary>
    public const int MaxLength = 256 * 1024;

    /// <summary>Lines of signatures, at most; a verifier must take 16.</summary>
    public const int MaxSignatures = 100;

    private const string Dash = "— ";

    private SignedNote(string text, List<NoteSignature> signatures)
    {
        Text = text;
        Signatures = signatures;
    }

    /// <summary>With its last newline: what is signed.</summary>
    public string Text { get; }

    public IReadOnlyList<NoteSignature> Signatures { get; }

    /// <summary>Null for what is no note, or not UTF-8.</summary>
    public static SignedNote? Parse(ReadOnlySpan<byte> note) =>
        note.Length <= MaxLength && Utf8.IsValid(note) ? Parse(Encoding.UTF8.GetString(note)) : null;

    /// <summary>Null for what is no note.</summary>
    public static SignedNote? Parse(string note)
    {
        if (note.Length is 0 or > MaxLength || note[^1] != '\n' || !LogText.IsPlain(note, MaxLength))
        {
            return null;
        }

        var split = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (split < 1)
        {
            return null;
        }

        var lines = note[(split + 2)..].Split('\n', MaxSignatures + 2);
        if (lines.Length is < 2 or > MaxSignatures + 1 || lines[^1].Length != 0)
        {
            return null;
        }

        var signatures = new List<NoteSignature>();
        foreach (var line in lines.AsSpan(..^1))
        {
            var parts = line.StartsWith(Dash, StringComparison.Ordinal) ? line[Dash.Length..].Split(' ', 3) : [];
            if (parts.Length != 2 || !NoteKey.IsName(parts[0]) || LogText.FromBase64(parts[1]) is not { Length: > 4 } bytes)
            {
                return null;
            }

            signatures.Add(new(parts[0], BinaryPrimitives.ReadUInt32BigEndian(bytes), bytes[4..]));
        }

        return new(note[..(split + 1)], signatures);
    }

    /// <param name="text">Ends in a newline.</param>
    public static SignedNote Of(string text) => new(text, []);

    /// <summary>A signature of the text by the seed of the key.</summary>
    /// <exception cref="ArgumentException">It is a key of cosignatures, which sign a time too.</exception>
    public static NoteSignature Sign(string text, NoteKey key, ReadOnlySpan<byte> seed) => key.Kind == NoteSignatureKind.Ed25519
        ? new(key.Name, key.Id, Ed25519.Sign(seed, Encoding.UTF8.GetBytes(text)))
        : throw new ArgumentException("A key of cosignatures signs a time too.", nameof(key));

    /// <summary>
    /// A cosignature: that the signer saw this checkpoint at the time, and no other history before. A log's own signature of ML-DSA-44 is
    /// one, too: the key's name is then the origin.
    /// </summary>
    /// <exception cref="ArgumentException">The key does not cosign, or the text is no checkpoint.</exception>
    /// <exception cref="Keys.PostQuantum.AlgorithmFault">This platform does not have the algorithm.</exception>
    public static NoteSignature Cosign(string text, NoteKey key, ReadOnlySpan<byte> seed, DateTimeOffset at) =>
        new(key.Name, key.Id, Cosignature.Sign(text, key, seed, at));

    public SignedNote With(IEnumerable<NoteSignature> signatures) => new(Text, [.. Signatures, .. signatures]);

    /// <summary>Whether the key signed; a signature that cannot be checked here is none.</summary>
    /// <param name="at">Of a cosignature; otherwise null.</param>
    public bool IsSignedBy(NoteKey key, out DateTimeOffset? at) => Check(key, out at) == NoteVerdict.Genuine;

    /// <summary>
    /// What is to be said of the key's signatures. One that says it is the key's and is not genuine is worse than none: then all of them
    /// are wrong. Those of other keys are passed by.
    /// </summary>
    /// <param name="at">The earliest time of its cosignatures; null otherwise.</param>
    public NoteVerdict Check(NoteKey key, out DateTimeOffset? at)
    {
        at = null;
        var found = NoteVerdict.Absent;
        foreach (var signature in Signatures)
        {
            if (signature.Name != key.Name || signature.KeyId != key.Id)
            {
                continue;
            }

            found = Verify(key, signature.Bytes, out var signedAt);
            if (found != NoteVerdict.Genuine)
            {
                at = null;
                return found;
            }

            at = at is { } earlier && earlier < signedAt ? earlier : signedAt;
        }

        return found;
    }

    /// <summary>The lines of signatures alone, as a witness answers them.</summary>
    public string SignatureLines()
    {
        var lines = new StringBuilder();
        foreach (var signature in Signatures)
        {
            var bytes = new byte[4 + signature.Bytes.Length];
            BinaryPrimitives.WriteUInt32BigEndian(bytes, signature.KeyId);
            signature.Bytes.CopyTo(bytes, 4);
            lines.Append(Dash).Append(signature.Name).Append(' ').Append(Convert.ToBase64String(bytes)).Append('\n');
        }

        return lines.ToString();
    }

    public override string ToString() => $"{Text}\n{SignatureLines()}";

    private NoteVerdict Verify(NoteKey key, byte[] signature, out DateTimeOffset? at)
    {
        if (key.Cosigns)
        {
            return Cosignature.Verify(Text, key, signature, out at);
        }

        at = null;
        return Ed25519.Verify(key.PublicKey, Encoding.UTF8.GetBytes(Text), signature) ? NoteVerdict.Genuine : NoteVerdict.Wrong;
    }
}
