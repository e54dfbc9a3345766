using System.Buffers.Binary;
using System.Collections.Immutable;
using Bulkhead.Verify.Notes;

namespace Bulkhead.Verify.Export;

/// <summary>The log of heads, as far as the export shows it: who cosigned which, and what it says of this tenant's log.</summary>
internal sealed class Heads(
    ExportHeader header,
    ImmutableArray<VerifierKey> keys,
    WitnessPolicy? policy,
    Histories histories,
    Findings findings)
{
    public const int LeafSize = 80;

    private readonly SortedDictionary<ulong, Hash> noteRoots = [];
    private readonly CompactRange leaves = new(0);
    private string? lastText;
    private SignedCheckpoint? last;
    private ImmutableArray<Cosignature> cosignatures = [];
    private (ulong Size, Hash Root, ulong Time, ulong Position)? newestOfLabel;

    public int Count { get; private set; }

    public int OfLabel { get; private set; }

    public bool LeavesAreGiven { get; private set; }

    public bool MLDsaNotChecked { get; private set; }

    public void Add(LineMembers line)
    {
        Count++;
        var position = line.Number("position");
        var proof = line.Hashes("proof");
        if (StrictBase64.Decode(line.Text("leaf")) is not { Length: LeafSize } leaf)
        {
            throw new FormatException("the leaf of a head is not the base64 of 80 bytes");
        }

        if (!Accept(line.Text("note"), position))
        {
            return;
        }

        if (!leaf.AsSpan(0, Hash.Size).SequenceEqual(header.Label))
        {
            findings.Break(Flaw.Head, $"head {position}: its label is that of another log");
            return;
        }

        if (!Proofs.Includes(position, last!.Checkpoint.Size, Hash.Leaf(leaf), proof, last.Checkpoint.Root))
        {
            findings.Break(
                Flaw.Head,
                $"head {position}: it is not in the log of heads of size {last.Checkpoint.Size}: its proof does not lead to that root");
            return;
        }

        if (Parse(leaf) is not { } head)
        {
            throw new FormatException($"head {position}: its size or its time is beyond what a checkpoint can have");
        }

        histories.AddHead(new($"the head at position {position} (size {head.Size})", head.Size, head.Root, head.Time, false, cosignatures));
    }

    /// <summary>All leaves from 0 on; several such lines go on where the one before ended.</summary>
    public void AddLeaves(ImmutableArray<string> texts)
    {
        LeavesAreGiven = true;
        foreach (var text in texts)
        {
            if (StrictBase64.Decode(text) is not { Length: LeafSize } leaf)
            {
                throw new FormatException($"leaf {leaves.End} of the log of heads is not the base64 of 80 bytes");
            }

            if (leaf.AsSpan(0, Hash.Size).SequenceEqual(header.Label))
            {
                AddOfLabel(leaf);
            }

            leaves.Append(Hash.Leaf(leaf));
            if (noteRoots.TryGetValue(leaves.End, out var root) && root != leaves.Root())
            {
                findings.Break(
                    Flaw.SplitView,
                    $"the log of heads of size {leaves.End} is not a prefix of the leaves that are shown: split view of the log of heads");
            }
        }
    }

    public void End()
    {
        if (LeavesAreGiven && (last is null || leaves.End != last.Checkpoint.Size))
        {
            findings.Break(
                Flaw.Head,
                $"the leaves of the log of heads are {leaves.End}, and the last head's note is of size {last?.Checkpoint.Size ?? 0}");
        }

        if (LeavesAreGiven && newestOfLabel is { } newest && !cosignatures.IsEmpty)
        {
            histories.AddHead(new(
                $"the newest head, at position {newest.Position} (size {newest.Size})", newest.Size, newest.Root, newest.Time, false, cosignatures)
            {
                IsNewest = true,
            });
        }

        if (!LeavesAreGiven && noteRoots.Count > 1)
        {
            findings.Remark($"That the {noteRoots.Count} checkpoints of the log of heads are of one history is not shown here: its leaves are not in the export.");
        }
    }

    private void AddOfLabel(byte[] leaf)
    {
        OfLabel++;
        if (Parse(leaf) is not { } head)
        {
            throw new FormatException($"leaf {leaves.End} of the log of heads: its size or its time is beyond what a checkpoint can have");
        }

        if (newestOfLabel is { } before && (head.Size < before.Size || (head.Size == before.Size && head.Root != before.Root)))
        {
            findings.Break(
                Flaw.SplitView,
                $"the heads of this log at position {leaves.End} (size {head.Size}) and before it (size {before.Size}) are not of one history: split view");
        }

        newestOfLabel = (head.Size, head.Root, head.Time, leaves.End);
        histories.AddHead(new($"the head at position {leaves.End} (size {head.Size})", head.Size, head.Root, head.Time, false, []));
    }

    private bool Accept(string text, ulong position)
    {
        if (text == lastText)
        {
            return last is not null;
        }

        (lastText, last, cosignatures) = (text, null, []);
        if (header.HeadsOrigin is null)
        {
            throw new FormatException("the header names no headsOrigin");
        }

        if (NoteVerification.Verify(text, header.HeadsOrigin, keys, out var why) is not { } signed)
        {
            findings.Break(Flaw.Signature, $"head {position}: the checkpoint of the log of heads does not hold: {why}");
            return false;
        }

        var size = signed.Checkpoint.Size;
        if (noteRoots.TryGetValue(size, out var root) && root != signed.Checkpoint.Root)
        {
            findings.Break(
                Flaw.SplitView,
                $"there are two checkpoints of the log of heads of size {size} with different roots: split view of the log of heads");
            return false;
        }

        (last, noteRoots[size]) = (signed, signed.Checkpoint.Root);
        MLDsaNotChecked |= signed.MLDsaNotChecked;
        if (policy is not null)
        {
            CheckWitnesses(policy, signed, position);
        }

        return true;
    }

    private void CheckWitnesses(WitnessPolicy needed, SignedCheckpoint signed, ulong position)
    {
        var witnessing = needed.Check(signed);
        foreach (var name in witnessing.Invalid)
        {
            findings.Break(Flaw.Witnesses, $"head {position}: the cosignature of witness {name} is not valid");
        }

        foreach (var name in witnessing.NotChecked)
        {
            findings.Remark($"Not checked here: ML-DSA-44 cosignatures of witness {name}, which this platform cannot verify. They are not counted.");
        }

        if (witnessing.Cosignatures.Length < needed.Threshold)
        {
            findings.Break(
                Flaw.Witnesses,
                $"head {position}: {witnessing.Cosignatures.Length} of {needed.Witnesses.Length} witnesses cosigned it, and {needed.Threshold} must");
            return;
        }

        cosignatures = witnessing.Cosignatures;
    }

    private static (ulong Size, Hash Root, ulong Time)? Parse(byte[] leaf)
    {
        var size = BinaryPrimitives.ReadUInt64BigEndian(leaf.AsSpan(32));
        var time = BinaryPrimitives.ReadUInt64BigEndian(leaf.AsSpan(72));
        return size <= Checkpoint.LargestSize && time <= Checkpoint.LatestTime ? (size, Hash.Read(leaf.AsSpan(40)), time) : null;
    }
}
