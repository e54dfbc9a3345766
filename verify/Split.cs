using System.Collections.Immutable;
using Bulkhead.Verify.Notes;

namespace Bulkhead.Verify;

/// <summary>Two checkpoints of one log: of one history, or the two notes that prove a split view.</summary>
internal static class Split
{
    /// <summary>The proof, where one is given, is that of RFC 6962 section 2.1.2 from the smaller size to the larger.</summary>
    public static void Compare(string one, string other, ImmutableArray<VerifierKey> keys, ImmutableArray<Hash>? proof, Findings findings)
    {
        var first = Verify("the first note", one, keys, findings);
        var second = Verify("the second note", other, keys, findings);
        if (first is null || second is null)
        {
            return;
        }

        var (small, large) = first.Size <= second.Size ? (first, second) : (second, first);
        if (small.Origin != large.Origin)
        {
            findings.Break(Flaw.Origin, $"the notes are of two logs: {small.Origin} and {large.Origin}");
        }
        else if (small.Size == large.Size)
        {
            if (small.Root != large.Root)
            {
                findings.Break(
                    Flaw.SplitView,
                    $"both checkpoints are of size {small.Size} and their roots differ: split view. The two notes prove it");
            }
            else
            {
                findings.Hold($"Both checkpoints are of size {small.Size} and have one root.");
            }
        }
        else if (small.Size == 0)
        {
            findings.Hold($"The empty log is a prefix of every other: this holds by definition and says nothing.");
        }
        else if (proof is null)
        {
            findings.Break(
                Flaw.Consistency,
                $"nothing is shown yet, neither one history nor a split view: whether the checkpoint of size {small.Size} is a prefix of that of size {
                    large.Size} a proof shows. Next step: --proof FILE, with what GET /api/v1/audit/log?since={small.Size} has");
        }
        else if (Proofs.Consistent(small.Size, large.Size, proof, small.Root, large.Root))
        {
            findings.Hold($"One history: the checkpoint of size {small.Size} is a prefix of that of size {large.Size}.");
        }
        else
        {
            findings.Break(
                Flaw.Consistency,
                $"the proof does not show that the checkpoint of size {small.Size} is a prefix of that of size {
                    large.Size}: if the log has no other, this is a split view");
        }
    }

    private static Checkpoint? Verify(string name, string text, ImmutableArray<VerifierKey> keys, Findings findings)
    {
        // The origin is that of a trusted key, whichever: a note of another log finds no key that signs for it.
        var origin = text.Split('\n')[0];
        if (NoteVerification.Verify(text, origin, keys, out var why) is not { } signed)
        {
            findings.Break(Flaw.Signature, $"{name} does not hold: {why}");
            return null;
        }

        var checkpoint = signed.Checkpoint;
        findings.Hold($"Signed by {checkpoint.Origin}: size {checkpoint.Size} of {Instant.Words(checkpoint.Time)}, root {checkpoint.Root}.");
        if (signed.MLDsaNotChecked)
        {
            findings.Remark($"Not checked here: ML-DSA-44 signatures, which this platform cannot verify.");
        }

        return checkpoint;
    }
}
