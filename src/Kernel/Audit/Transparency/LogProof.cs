using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Bulkhead.Kernel.Audit.Transparency;

public enum LogProofVerdict
{
    Holds,

    /// <summary>The checkpoint is of another log than the key's.</summary>
    OtherLog,

    /// <summary>No genuine signature of the log.</summary>
    NotSigned,

    /// <summary>Fewer witnesses than the policy demands.</summary>
    NotWitnessed,

    /// <summary>The leaf is not at the position in the tree of the checkpoint.</summary>
    NotIncluded,
}

/// <summary>
/// That a leaf stands in a log, for whoever is offline (C2SP tlog-proof): its position, its path, the checkpoint and who signed it.
/// </summary>
public sealed class LogProof
{
    /// <summary>Bytes of a proof in UTF-8, at most.</summary>
    public const int MaxLength = SignedNote.MaxLength + (128 * 1024);

    /// <summary>Bytes of extra data, at most.</summary>
    public const int MaxExtra = 64 * 1024;

    private const string Header = "c2sp.org/tlog-proof@v1";
    private const string ExtraWord = "extra ";
    private const string IndexWord = "index ";
    private const int MaxHashes = 63;

    /// <param name="extra">Nobody signs it. Null for none.</param>
    /// <exception cref="ArgumentException">The note is no checkpoint, or a part is too large.</exception>
    public LogProof(long index, IEnumerable<byte[]> hashes, SignedNote note, byte[]? extra = null)
        : this(index, [.. hashes], note, Checkpoint.Parse(note.Text) ?? throw NoCheckpoint(nameof(note)), extra)
    {
        if (index < 0 || Hashes.Length > MaxHashes || Hashes.Any(h => h.Length != MerkleTree.HashLength)
            || extra?.Length is 0 or > MaxExtra || note.Signatures.Count == 0)
        {
            throw new ArgumentException(
                "A proof has an index, at most 63 hashes, a signed checkpoint, and extra data or none.", nameof(index));
        }
    }

    private LogProof(long index, ImmutableArray<byte[]> hashes, SignedNote note, Checkpoint checkpoint, byte[]? extra)
    {
        Index = index;
        Hashes = hashes;
        Note = note;
        Checkpoint = checkpoint;
        Extra = extra;
    }

    /// <summary>Position of the leaf.</summary>
    public long Index { get; }

    /// <summary>The audit path, lowest first.</summary>
    public ImmutableArray<byte[]> Hashes { get; }

    public SignedNote Note { get; }

    /// <summary>What the note says.</summary>
    public Checkpoint Checkpoint { get; }

    public byte[]? Extra { get; }

    /// <summary>Null for what is none.</summary>
    public static LogProof? Parse(string text)
    {
        var end = text.Length <= MaxLength ? text.IndexOf("\n\n", StringComparison.Ordinal) : -1;
        if (end < 0 || SignedNote.Parse(text[(end + 2)..]) is not { } note || Checkpoint.Parse(note.Text) is not { } checkpoint)
        {
            return null;
        }

        ReadOnlySpan<string> lines = text[..end].Split('\n', MaxHashes + 4);
        if (lines is not [Header, var second, ..])
        {
            return null;
        }

        byte[]? extra = null;
        if (second.StartsWith(ExtraWord, StringComparison.Ordinal))
        {
            extra = LogText.FromBase64(second.AsSpan(ExtraWord.Length));
            if (extra is not { Length: > 0 and <= MaxExtra })
            {
                return null;
            }

            lines = lines[1..];
        }

        return lines.Length > 1 && lines[1].StartsWith(IndexWord, StringComparison.Ordinal)
            && LogText.TryNumber(lines[1].AsSpan(IndexWord.Length), out var index)
            && LogText.Hashes(lines[2..], MaxHashes) is { } hashes
            ? new(index, [.. hashes], note, checkpoint, extra)
            : null;
    }

    /// <param name="log">Its name is the log's origin.</param>
    /// <param name="policy">Null when no witnesses are asked for.</param>
    public LogProofVerdict Verify(ReadOnlySpan<byte> leafHash, NoteKey log, WitnessPolicy? policy)
    {
        if (Checkpoint.Origin != log.Name)
        {
            return LogProofVerdict.OtherLog;
        }

        if (!Note.IsSignedBy(log, out _))
        {
            return LogProofVerdict.NotSigned;
        }

        if (policy is not null && !policy.Judge(Note).IsMet)
        {
            return LogProofVerdict.NotWitnessed;
        }

        return MerkleTree.VerifyInclusion(Index, Checkpoint.Size, leafHash, Hashes, Checkpoint.Root)
            ? LogProofVerdict.Holds
            : LogProofVerdict.NotIncluded;
    }

    public override string ToString()
    {
        var text = new StringBuilder(Header).Append('\n');
        if (Extra is not null)
        {
            text.Append(ExtraWord).Append(Convert.ToBase64String(Extra)).Append('\n');
        }

        return text.Append(CultureInfo.InvariantCulture, $"{IndexWord}{Index}\n").AppendHashes(Hashes).Append('\n').Append(Note).ToString();
    }

    private static ArgumentException NoCheckpoint(string name) => new("The note is no checkpoint.", name);
}
