using System.Collections.Immutable;
using Bulkhead.Verify.Notes;

namespace Bulkhead.Verify.Export;

/// <summary>
/// Somebody's signed word that the log had this root at this size. Settled: shown to be of one history with the checkpoint. Cosignatures: who
/// else had seen it, and when.
/// </summary>
internal sealed record Claim(string Words, ulong Size, Hash Root, ulong Time, bool IsCheckpoint, ImmutableArray<Cosignature> Cosignatures)
{
    public bool IsSettled { get; set; }

    /// <summary>Of a head: the log of heads that was cosigned then has no newer one of this log.</summary>
    public bool IsNewest { get; init; }
}

/// <summary>All that was ever signed of one log, as far as the export tells, must be of one history.</summary>
internal sealed class Histories(Checkpoint checkpoint, Findings findings)
{
    private const int MostClaims = 200_000;

    private readonly Dictionary<ulong, Hash> roots = new() { [checkpoint.Size] = checkpoint.Root };
    private readonly List<Claim> claims = [];

    public IReadOnlyList<Claim> Claims => claims;

    /// <summary>An older checkpoint with its proof.</summary>
    public void AddEarlier(Checkpoint earlier, IReadOnlyList<Hash> proof)
    {
        var claim = new Claim($"the checkpoint of size {earlier.Size}", earlier.Size, earlier.Root, earlier.Time, true, []);
        if (!Add(claim))
        {
            return;
        }

        if (earlier.Size > checkpoint.Size)
        {
            claim.IsSettled = true;
            findings.Break(Flaw.Consistency, $"{claim.Words} is not earlier than that of size {checkpoint.Size}");
        }
        else if (earlier.Size == 0)
        {
            // Its root is that of the empty tree, or it would be no checkpoint: it is a prefix of everything but of itself.
            claim.IsSettled = true;
            if (proof.Count > 0 || checkpoint.Size == 0)
            {
                findings.Break(Flaw.Consistency, $"{claim.Words}: nothing can be proven of an empty log, and this is handed in as a proof");
            }
        }
        else if (Proofs.Consistent(earlier.Size, checkpoint.Size, proof, earlier.Root, checkpoint.Root))
        {
            claim.IsSettled = true;
            roots[earlier.Size] = earlier.Root;
        }
    }

    /// <summary>A head: it has no proof of its own, it must be of a size that is known or can be retraced.</summary>
    public void AddHead(Claim head) => Add(head);

    /// <summary>Sizes at which the entries' own root would settle something.</summary>
    public IEnumerable<ulong> Open(ulong from, ulong to) => claims.Where(c => !c.IsSettled && c.Size >= from && c.Size <= to).Select(c => c.Size);

    /// <summary>Roots that are signed and of one history: where they leave the entries' own, an entry is not what was sealed.</summary>
    public IEnumerable<ulong> Known(ulong from, ulong to) => roots.Keys.Where(size => size >= from && size <= to);

    public bool IsRoot(ulong size, Hash root) => roots[size] == root;

    /// <summary>What the entries, known to be those of the checkpoint, say of the sizes that were open.</summary>
    public void Settle(IReadOnlyDictionary<ulong, Hash> retraced)
    {
        var loose = new List<Claim>();
        foreach (var claim in claims.Where(c => !c.IsSettled))
        {
            if (roots.TryGetValue(claim.Size, out var root) || retraced.TryGetValue(claim.Size, out root))
            {
                claim.IsSettled = true;
                if (root != claim.Root)
                {
                    BreakSplit(claim);
                }
                else if (claim.IsCheckpoint)
                {
                    findings.Break(Flaw.Consistency, $"{claim.Words}: its proof is not one, though the entries show that it is a prefix");
                }
            }
            else if (claim.IsCheckpoint)
            {
                findings.Break(
                    Flaw.Consistency,
                    $"{claim.Words} is not shown to be a prefix of that of size {checkpoint.Size}: the proof was damaged, or this is a split view");
            }
            else
            {
                loose.Add(claim);
            }
        }

        if (loose.Count > 0)
        {
            // One sentence: where the entries' own root does not hold, it settles none of them.
            var words = loose.Count == 1 ? loose[0].Words : $"{loose[0].Words} and {loose.Count - 1} others, to {loose[^1].Words}";
            findings.Break(Flaw.Head, $"{words}: nothing in this export shows that {(loose.Count == 1 ? "it is" : "they are")} of one history with the checkpoint");
        }
    }

    private bool Add(Claim claim)
    {
        if (claims.Count == MostClaims)
        {
            throw new FormatException("there are more than 200000 checkpoints and heads");
        }

        claims.Add(claim);
        if (roots.TryGetValue(claim.Size, out var root) && claim.Size > 0)
        {
            if (root != claim.Root)
            {
                claim.IsSettled = true;
                BreakSplit(claim);
                return false;
            }

            // A root that is known settles a head; a checkpoint comes with a proof, and that is looked at all the same.
            claim.IsSettled = !claim.IsCheckpoint;
            return claim.IsCheckpoint;
        }

        claim.IsSettled = claim.Size == 0 && !claim.IsCheckpoint && claim.Root == Hash.Empty;
        return true;
    }

    private void BreakSplit(Claim claim) => findings.Break(
        Flaw.SplitView, $"{claim.Words} and the checkpoint of size {checkpoint.Size} are not of one history: split view");
}
