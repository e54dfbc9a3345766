namespace Bulkhead.Verify.Export;

/// <summary>
/// The seam for proofs of totals (docs/formats/total-proof.md). Whoever fills it adds up the commitments in an IEntryObserver and checks the
/// proof against that sum, the origin and the checkpoint. Until then a total is not waved through: what cannot be checked does not hold.
/// </summary>
internal static class TotalLine
{
    public static void Check(Findings findings) =>
        findings.Break(
            Flaw.Total,
            $"a proof of a total stands there, and this version cannot check it: take a newer one, or export without totals");
}
