using System.Buffers.Binary;
using System.Text;

namespace Bulkhead.Verify.Notes;

internal sealed record SignatureLine(string Name, uint Id, byte[] Signature)
{
    public bool IsOf(VerifierKey key) => key.Id == Id && key.Name.Equals(Name, StringComparison.Ordinal);
}

/// <summary>C2SP signed-note: a text, an empty line, and lines of signatures.</summary>
internal sealed record SignedNote(string Text, IReadOnlyList<SignatureLine> Signatures)
{
    private const int Longest = 1 << 20;
    private const int MostSignatures = 128;
    private const int LongestName = 255;

    public static bool IsKeyName(string name) =>
        name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= LongestName && !name.Any(c => char.IsWhiteSpace(c) || c < ' ' || c == '+');

    public static SignedNote? TryParse(string note, out string why)
    {
        why = "it is no signed note";
        var split = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (note.Length > Longest || split < 1 || !note.EndsWith('\n') || note.Any(c => c < ' ' && c != '\n'))
        {
            return null;
        }

        var lines = note[(split + 2)..].Split('\n')[..^1];
        if (lines.Length is 0 or > MostSignatures)
        {
            why = "it bears no signature, or more than 128";
            return null;
        }

        var signatures = new List<SignatureLine>(lines.Length);
        foreach (var line in lines)
        {
            var parts = line.Split(' ');
            if (parts.Length != 3 || parts[0] != "\u2014" || !IsKeyName(parts[1]) || StrictBase64.Decode(parts[2]) is not { Length: > 4 } bytes)
            {
                why = "one of its signature lines is malformed";
                return null;
            }

            signatures.Add(new(parts[1], BinaryPrimitives.ReadUInt32BigEndian(bytes), bytes[4..]));
        }

        return new(note[..(split + 1)], signatures);
    }
}
