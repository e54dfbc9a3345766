using System.Globalization;
using Bulkhead.Verify.Notes;

namespace Bulkhead.Verify.Export;

/// <summary>What holds, in plain words. Each sentence is said only if nothing speaks against it.</summary>
internal sealed class ExportSentences(
    ExportHeader header, Entries entries, SignedCheckpoint signed, Histories histories, Heads heads, WitnessPolicy? policy, Findings findings)
{
    private static readonly Flaw[] OfEntries =
    [
        Flaw.Line, Flaw.Truncated, Flaw.Digest, Flaw.EntryMissing, Flaw.EntryDoubled, Flaw.EntryOrder, Flaw.EntryForm, Flaw.EntryTenant,
        Flaw.EntryChanged, Flaw.EntryReplayed, Flaw.Expiry, Flaw.RangeProof, Flaw.Root, Flaw.Tile,
    ];

    private Checkpoint Checkpoint => signed.Checkpoint;

    public void Say()
    {
        findings.Hold($"Signed by {Checkpoint.Origin}: Ed25519{(signed.HasMLDsa ? " and ML-DSA-44" : "")}; checkpoint of size {Checkpoint.Size} of {
            Instant.Words(Checkpoint.Time)}.");
        if (signed.MLDsaNotChecked || heads.MLDsaNotChecked)
        {
            findings.Remark($"Not checked here: ML-DSA-44 signatures, which this platform cannot verify. The Ed25519 signatures beside them hold.");
        }

        if (!OfEntries.Any(findings.Has))
        {
            SayEntries();
        }

        if (!findings.Has(Flaw.Disclosure) && entries.DisclosuresMatched > 0)
        {
            findings.Hold($"Disclosures: {Plural.Words(entries.DisclosuresMatched, "matches a digest that was", "match digests that were")} sealed.");
        }

        if (!OfEntries.Any(findings.Has) && !findings.Has(Flaw.Disclosure))
        {
            entries.Shown.ForEach(shown => findings.Hold($"{shown}"));
            if (entries.Shown.Count < entries.DisclosuresMatched)
            {
                findings.Remark($"Of the disclosures, {entries.Shown.Count} are shown here; the others stand in the export.");
            }
        }

        SayEarlier();
        SayHeads();
    }

    private void SayEntries()
    {
        if (entries.Count == 0)
        {
            findings.Hold($"No entries, as positions {header.From} to {header.To} have none.");
            return;
        }

        findings.Hold($"Entries: {entries.Count}, at positions {header.From} to {header.To - 1} without a gap, exactly as they were sealed; {Shown()}.");
        SayExpired();
        if (Checkpoint.Size > header.To || header.From > 0)
        {
            findings.Remark($"The log of that checkpoint has {Plural.Words(Checkpoint.Size, "entry", "entries")}; this export says nothing of those outside of its positions.");
        }
    }

    private void SayExpired()
    {
        if (entries.Expired.Count == 0 || findings.Has(Flaw.Expiry))
        {
            return;
        }

        var by = entries.Expired.Announcements.ToList();
        findings.Remark($"{Plural.Words(entries.Expired.Count, "entry has", "entries have")} expired: the bodies are no longer kept. The digests hold, and {Plural.Words(by.Count, "sealed entry", "sealed entries")} audit.expire announced it before, position {by[0].Position} ({by[0].At}) to {by[^1].Position} ({by[^1].At}). That their time had passed is yours to compare with your retention.");
    }

    private static string Sizes(List<Claim> earlier) => earlier.Count == 1
        ? $"of size {earlier[0].Size} ({Instant.Words(earlier[0].Time)})"
        : $"of sizes {earlier[0].Size} ({Instant.Words(earlier[0].Time)}) to {earlier[^1].Size} ({Instant.Words(earlier[^1].Time)})";

    // Whose an entry is stands in its body.
    private string Shown() => entries.Hidden == 0 ? $"all of tenant {header.Tenant}"
        : entries.Hidden == entries.Count ? "none of them is shown"
        : string.Create(CultureInfo.InvariantCulture, $"{entries.Count - entries.Hidden} of them are shown, all of tenant {header.Tenant}");

    private void SayEarlier()
    {
        var earlier = histories.Claims.Where(c => c.IsCheckpoint).OrderBy(c => c.Size).ToList();
        if (earlier.Count == 0 || findings.Has(Flaw.Consistency) || findings.Has(Flaw.SplitView))
        {
            return;
        }

        findings.Hold($"One history with {Plural.Words(earlier.Count, "earlier checkpoint")}, {Sizes(earlier)}: nothing of it was rewritten since.");
    }

    private void SayHeads()
    {
        if (heads.Count > 0 && !findings.Has(Flaw.Head) && !findings.Has(Flaw.SplitView) && !findings.Has(Flaw.Signature))
        {
            findings.Hold($"In the log of heads {header.HeadsOrigin}: {Plural.Words(heads.Count, "head")} of this log, of one history with its checkpoint.");
            if (heads.LeavesAreGiven)
            {
                findings.Hold($"Whole log of heads: {heads.OfLabel} of its leaves are of this log, all of one history.");
            }
            else
            {
                findings.Remark($"That no other history of this log stands in the log of heads is not shown here: its leaves are not in the export (an export of the whole log has them, up to 200000; whoever reads GET /api/v1/audit/heads/tile/entries/… has them all).");
            }
        }

        if (policy is null)
        {
            findings.Remark($"Not witnessed: no policy of witnesses was given (--witnesses).");
            return;
        }

        if (findings.Has(Flaw.Witnesses) || findings.Has(Flaw.Head))
        {
            return;
        }

        var cosigned = histories.Claims.Where(c => !c.Cosignatures.IsEmpty)
            .Select(c => (c.Size, By: string.Join(", ", c.Cosignatures.Select(w => $"{w.Witness} at {Instant.Words(w.Time)}")), c.Cosignatures.Length));
        foreach (var (size, by, count) in cosigned.Distinct())
        {
            findings.Hold($"Witnessed, {count} of {policy.Witnesses.Length} and {policy.Threshold} are needed: size {size}, by {by}.");
        }

        var upTo = histories.Claims.Where(c => !c.Cosignatures.IsEmpty).Select(c => c.Size).DefaultIfEmpty(0UL).Max();
        if (upTo < header.To)
        {
            findings.Remark($"Entries from position {upTo} on are not witnessed yet.");
        }
    }
}
