using Bulkhead.Verify.Totals;

namespace Bulkhead.Verify.Export;

/// <summary>What the auditor wants to see proven: over all positions of the export, so that a part of them does not pass for the whole.</summary>
internal sealed record WantedTotal(string Attribute, bool OfEach, UInt128? Below)
{
    public void Conclude(Verified verified, Findings findings)
    {
        if (!findings.Holds || findings.Totals.Any(t => IsMetBy(t.Line, verified.Header)))
        {
            return;
        }

        var others = findings.Totals.Where(t => t.Line.Attribute == Attribute).Select(t => t.Line.Claim).Take(3).ToList();
        findings.Break(
            Flaw.Total,
            $"the export does not prove what was asked for: {(OfEach ? "that each" : "the total of")} {Attribute} at all its positions, {
                verified.Header.From} to {verified.Header.To} (exclusive){(Below is { } bound ? FormattableString.Invariant($", is below {bound}") : "")}. Of {
                Attribute} it proves {(others.Count == 0 ? "nothing" : $"that {string.Join("; ", others)}")}");
    }

    private bool IsMetBy(TotalLine line, ExportHeader header) =>
        line.Attribute == Attribute && line.From == header.From && line.To == header.To && line.Kind switch
        {
            TotalKind.Total => !OfEach && (Below is not { } bound || line.Number < bound),
            TotalKind.Below => !OfEach && line.Number <= Below,
            _ => OfEach && line.Number <= Below,
        };
}
