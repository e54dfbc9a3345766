using Bulkhead.Verify.Export;

namespace Bulkhead.Verify.Counting;

/// <summary>Counts entries that meet all conditions, while they are verified.</summary>
internal sealed class Counting(IReadOnlyList<Condition> conditions, Grouping? grouping) : IEntryObserver
{
    private const int MostNamed = 20;
    private const string Whole = "Next step: count in an export of the whole log, or ask about a time, with at>= and at<";

    private readonly bool onTime = conditions.Any(c => c.IsOnTime);
    private readonly List<ulong> positions = [];
    private long seen;
    private long timeless;
    private string? begun;

    public long Count { get; private set; }

    public void Observe(ulong position, EntryBody body)
    {
        seen++;
        begun ??= position == 0 ? System.Text.Encoding.UTF8.GetString(body["at"u8]).Trim('"') : null;
        timeless += onTime && !Condition.IsTime(body["at"u8]) ? 1 : 0;
        var all = true;
        foreach (var condition in conditions)
        {
            all &= condition.Matches(body);
        }

        if (all)
        {
            Count++;
            grouping?.Add(body);
            if (positions.Count < MostNamed)
            {
                positions.Add(position);
            }
        }
    }

    /// <summary>The answer, and what makes it complete: of an export that holds, and of the time that was asked about.</summary>
    public void Conclude(Verified verified, Findings findings)
    {
        if (timeless > 0)
        {
            findings.Break(
                Flaw.Completeness,
                $"{Plural.Words(timeless, "entry has", "entries have")} no time of the form that times have: whether they lie in the time that was asked about cannot be said");
        }

        if (verified.Hidden > 0)
        {
            findings.Break(
                Flaw.Completeness,
                $"Of {Plural.Words(verified.Entries, "entry", "entries")}, {verified.Hidden} are not shown, only as digests: whether they meet the conditions cannot be seen");
        }

        foreach (var condition in conditions)
        {
            findings.Remark($"Of {seen} entries, {condition.Matched} have {condition.Text}.");
        }

        if (positions.Count > 0)
        {
            findings.Remark($"They stand at positions {string.Join(", ", positions)}{(Count > MostNamed ? " and others" : "")}.");
        }

        if (verified.Checkpoint is not null && findings.Holds)
        {
            SayCompleteness(verified, findings);
        }
    }

    private void SayCompleteness(Verified verified, Findings findings)
    {
        var (from, to) = (verified.Header.From, verified.Header.To);
        var asked = conditions.Where(c => c.Instant is not null).ToList();
        var notBefore = asked.Where(c => c.Comparison == Comparison.AtLeast).Max(c => c.Instant);
        var before = asked.Where(c => c.Comparison == Comparison.Below).Min(c => c.Instant);
        if (notBefore is null && from > 0)
        {
            findings.Break(Flaw.Completeness, $"the export begins at position {from}, and no time was asked about that begins there. {Whole}");
        }

        if (before is null && to < verified.Checkpoint!.Size)
        {
            findings.Break(Flaw.Completeness, $"the export ends before position {to} of {verified.Checkpoint.Size}, and no time was asked about that ends there. {Whole}");
        }

        if (from == 0 && to > 0)
        {
            findings.Hold($"Nothing precedes: position 0 is the log's first{(begun is null ? "" : $", of an act of {begun}")}.");
            if (begun is not null && notBefore is { } since && string.CompareOrdinal(begun, Condition.Spell(since)) > 0)
            {
                findings.Remark($"The log begins at {begun}, after {since:yyyy-MM-dd HH:mm:ss}Z: of what was before, it tells nothing.");
            }
        }
        else if (to > 0)
        {
            // A time is in whole seconds: what was sealed by then was sealed before the next.
            var sealedBy = verified.Sightings.Where(s => s.Size >= from).ToList();
            var inTime = sealedBy.Where(s => notBefore is null || Time(s).AddSeconds(1) <= notBefore).ToList();
            var first = Best(inTime.Count > 0 ? inTime : sealedBy, s => -(long)s.Time);
            findings.Hold($"Entries before position {from} were sealed by {Words(first)}.");
            if (notBefore is { } start && inTime.Count == 0)
            {
                findings.Break(
                    Flaw.Completeness,
                    $"the export begins at position {from}, and not all entries before it are shown to be older than {start:yyyy-MM-dd HH:mm:ss}Z. Next step: export from that time on");
            }
        }

        var known = verified.Sightings.Where(s => s.Size <= to && s.IsNewest).ToList();
        if (known.Count > 0)
        {
            var late = known.Where(s => before is null || Time(s) >= before).ToList();
            var last = Best(late.Count > 0 ? late : known, s => (long)s.Time);
            findings.Hold($"Entries from position {to} on were sealed after {Words(last)}. An act is sealed within seconds of its commit.");
            if (before is { } end && Time(last) < end)
            {
                findings.Break(Flaw.Completeness, $"the export ends before the time that was asked about: {end:yyyy-MM-dd HH:mm:ss}Z. Next step: export again, when something was sealed after it");
            }
        }
        else if (before is not null)
        {
            findings.Break(
                Flaw.Completeness,
                $"the export does not show when position {to} was reached: later entries may be of the time that was asked about. Next step: export until that time");
        }
    }

    // What witnesses saw comes before what the log says of itself.
    private static Sighting Best(IEnumerable<Sighting> sightings, Func<Sighting, long> order) =>
        sightings.OrderByDescending(s => !s.Witnesses.IsEmpty).ThenByDescending(order).First();

    private static DateTimeOffset Time(Sighting sighting) => DateTimeOffset.FromUnixTimeSeconds((long)sighting.Time);

    private static string Words(Sighting sighting) =>
        $"{Notes.Instant.Words(sighting.Time)} ({(sighting.Witnesses.IsEmpty ? "as the log itself says" : $"as {string.Join(
            ", ",
            sighting.Witnesses)} saw")})";
}
