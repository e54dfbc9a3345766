using System.Globalization;
using Bulkhead.Verify.Export;

namespace Bulkhead.Verify;

/// <summary>The names of what does not hold, for programs; each stands beside a sentence for people.</summary>
internal enum Flaw
{
    Line,
    Truncated,
    Digest,
    Origin,
    Key,
    Signature,
    EntryMissing,
    EntryDoubled,
    EntryOrder,
    EntryForm,
    EntryTenant,
    EntryChanged,
    EntryReplayed,
    Expiry,
    Disclosure,
    Tile,
    RangeProof,
    Root,
    Consistency,
    SplitView,
    Head,
    Witnesses,
    Total,
    Completeness,
}

internal sealed record Broken(Flaw Flaw, string Text);

/// <summary>What holds, what does not, and what whoever reads this must know. Bounded: of each flaw so many are named and the rest are counted.</summary>
internal sealed class Findings
{
    internal const int NamedOfEach = 200;

    private readonly List<string> held = [];
    private readonly List<string> remarks = [];
    private readonly List<ProvenTotal> totals = [];
    private readonly List<Broken> broken = [];
    private readonly Dictionary<Flaw, long> counts = [];

    public bool Holds => counts.Count == 0;

    public IReadOnlyList<string> Held => held;

    public IReadOnlyList<string> Remarks => remarks;

    public IEnumerable<Broken> Broken => broken.Concat(counts.Where(c => c.Value > NamedOfEach)
        .Select(c => new Broken(c.Key, string.Create(CultureInfo.InvariantCulture, $"and {c.Value - NamedOfEach} more of this kind ({c.Key})"))));

    /// <summary>What was proven of committed numbers.</summary>
    public IReadOnlyList<ProvenTotal> Totals => totals;

    public bool Has(Flaw flaw) => counts.ContainsKey(flaw);

    public void Hold(FormattableString text) => held.Add(text.ToString(CultureInfo.InvariantCulture));

    public void Prove(ProvenTotal total) => totals.Add(total);

    public void Remark(FormattableString text)
    {
        var words = text.ToString(CultureInfo.InvariantCulture);
        if (remarks.Count < NamedOfEach && !remarks.Contains(words))
        {
            remarks.Add(words);
        }
    }

    public void Break(Flaw flaw, FormattableString text)
    {
        if ((counts[flaw] = counts.GetValueOrDefault(flaw) + 1) <= NamedOfEach)
        {
            broken.Add(new(flaw, text.ToString(CultureInfo.InvariantCulture)));
        }
    }
}

/// <summary>What was handed in is not what this program reads at all: exit code 2.</summary>
internal sealed class UnreadableException(string message) : Exception(message);
