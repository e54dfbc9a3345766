using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>
/// What a witness is asked (C2SP tlog-witness, add-checkpoint): to sign a checkpoint that continues the one of the old size.
/// </summary>
public sealed class AddCheckpoint
{
    /// <summary>Bytes of a request in UTF-8, at most.</summary>
    public const int MaxLength = SignedNote.MaxLength + 4096;

    /// <summary>Content type of the answer 409, which says a size.</summary>
    public const string SizeType = "text/x.tlog.size";

    private const string Old = "old ";
    private const int MaxHashes = 63;

    private AddCheckpoint(long oldSize, ImmutableArray<byte[]> proof, SignedNote note, Checkpoint checkpoint)
    {
        OldSize = oldSize;
        Proof = proof;
        Note = note;
        Checkpoint = checkpoint;
    }

    public long OldSize { get; }

    /// <summary>Of consistency, from the old size.</summary>
    public ImmutableArray<byte[]> Proof { get; }

    public SignedNote Note { get; }

    /// <summary>What the note says.</summary>
    public Checkpoint Checkpoint { get; }

    /// <exception cref="ArgumentException">The note is no signed checkpoint, or the rest cannot be asked.</exception>
    public static AddCheckpoint Of(long oldSize, IEnumerable<byte[]> proof, SignedNote note)
    {
        ImmutableArray<byte[]> hashes = [.. proof];
        return oldSize >= 0 && hashes.Length <= MaxHashes && note.Signatures.Count > 0 && Checkpoint.Parse(note.Text) is { } checkpoint
            ? new(oldSize, hashes, note, checkpoint)
            : throw new ArgumentException("A request has a size, at most 63 hashes and a signed checkpoint.", nameof(note));
    }

    /// <summary>Null for what is none.</summary>
    public static AddCheckpoint? Parse(string body)
    {
        var end = body.Length <= MaxLength ? body.IndexOf("\n\n", StringComparison.Ordinal) : -1;
        if (end < 0 || SignedNote.Parse(body[(end + 2)..]) is not { } note || Checkpoint.Parse(note.Text) is not { } checkpoint)
        {
            return null;
        }

        ReadOnlySpan<string> lines = body[..end].Split('\n', MaxHashes + 2);
        return lines[0].StartsWith(Old, StringComparison.Ordinal) && LogText.TryNumber(lines[0].AsSpan(Old.Length), out var oldSize)
            && LogText.Hashes(lines[1..], MaxHashes) is { } proof
            ? new(oldSize, [.. proof], note, checkpoint)
            : null;
    }

    /// <summary>The size in an answer 409; null when it says none.</summary>
    public static long? SizeOf(string answer) =>
        answer is [.. var digits, '\n'] && LogText.TryNumber(digits, out var size) ? size : null;

    /// <summary>The checkpoint with the signatures of an answer 200; null when those are none.</summary>
    public static SignedNote? Cosigned(SignedNote note, string answer) =>
        SignedNote.Parse($"{note.Text}\n{answer}") is { } cosigned && cosigned.Text == note.Text ? note.With(cosigned.Signatures) : null;

    public override string ToString() => new StringBuilder()
        .Append(CultureInfo.InvariantCulture, $"{Old}{OldSize}\n").AppendHashes(Proof).Append('\n').Append(Note).ToString();
}
