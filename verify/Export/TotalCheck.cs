using System.Text.Json;
using Bulkhead.Verify.Notes;
using Bulkhead.Verify.Totals;

namespace Bulkhead.Verify.Export;

/// <summary>
/// Proofs over committed numbers. Which positions they are of is known only after the entries, so the file is read once more: of each claim
/// a sum and a digest are kept, whatever the number of entries. That it is the same file, its root tells.
/// </summary>
internal sealed class TotalCheck(ExportHeader header, Findings findings)
{
    public const int MostLines = 1_000;
    public const int MostProofs = 50_000;

    private const int MostNames = 20;

    private readonly List<TotalLine> lines = [];
    private readonly SortedSet<string> names = new(StringComparer.Ordinal);
    private int proofs;

    public void Add(TotalLine line)
    {
        proofs += line.Proofs.Length;
        if (lines.Count == MostLines || proofs > MostProofs)
        {
            throw new FormatException($"there are more than {MostLines} lines of totals, or they hold more than {MostProofs} proofs");
        }

        lines.Add(line);
    }

    /// <summary>To be called when all else of the export was looked at.</summary>
    public void Run(Func<ExportLines> open, Checkpoint checkpoint, Histories histories, Entries entries)
    {
        if (lines.Count == 0)
        {
            return;
        }

        if (!findings.Holds)
        {
            findings.Break(Flaw.Total, $"no proof of a total was looked at: what it is about does not hold");
            return;
        }

        var claims = lines.Select(l => Begin(l, checkpoint, histories)).OfType<TotalClaim>().ToList();
        try
        {
            using var again = open();
            if (!Feed(again, claims.ToLookup(c => c.Line.Attribute, StringComparer.Ordinal), entries.Range))
            {
                findings.Break(Flaw.Total, $"no proof of a total was looked at: the file was changed while it was read");
                return;
            }

            claims.ForEach(Conclude);
        }
        finally
        {
            claims.ForEach(c => c.Dispose());
        }
    }

    private TotalClaim? Begin(TotalLine line, Checkpoint checkpoint, Histories histories)
    {
        var older = histories.Claims.FirstOrDefault(c => c.IsCheckpoint && c.Size == line.Older);
        if (line.Older > 0 && older is null)
        {
            return Refuse($"no earlier checkpoint of size {line.Older} stands in the export");
        }

        var statement = new Statement(
            line.Kind, header.Tenant, header.Origin, new(line.Older, older?.Root ?? Hash.Empty), new(checkpoint.Size, checkpoint.Root),
            line.From, line.To, line.Attribute, line.Number);
        if (statement.Fault() is { } fault)
        {
            return Refuse(fault);
        }

        return line.From >= header.From && line.To <= header.To
            ? new(line, statement, line.Older == 0 ? null : older!.Time, checkpoint.Time, why => findings.Break(Flaw.Total, $"{line.Claim}: not shown: {why}"))
            : Refuse("not all of its positions are in the export");

        TotalClaim? Refuse(string why)
        {
            findings.Break(Flaw.Total, $"{line.Claim}: not shown: {why}");
            return null;
        }
    }

    private bool Feed(ExportLines again, ILookup<string, TotalClaim> claims, CompactRange range)
    {
        var (seen, entry) = (new CompactRange(header.From), new EntryLine());
        try
        {
            while (seen.End < header.To && again.Next(out var line))
            {
                if (entry.Read(line) == "entry")
                {
                    Feed(entry, claims);
                    seen.Append(entry.Leaf());
                }
            }
        }
        catch (Exception fault) when (fault is FormatException or JsonException or InvalidOperationException)
        {
            return false;
        }

        return seen.End == range.End && seen.Subtrees.SequenceEqual(range.Subtrees);
    }

    private void Feed(EntryLine entry, ILookup<string, TotalClaim> claims)
    {
        foreach (var (attribute, bytes) in entry.Commitments)
        {
            if (names.Count < MostNames)
            {
                names.Add(attribute);
            }

            Point? point = null;
            foreach (var claim in claims[attribute].Where(c => c.Line.From <= entry.Position && entry.Position < c.Line.To))
            {
                if ((point ??= Point.Read(bytes)) is { } committed)
                {
                    claim.Add(entry.Position, bytes, committed);
                }
                else
                {
                    claim.Break($"the commitment of entry {entry.Position} is no point of the curve");
                }
            }
        }
    }

    private void Conclude(TotalClaim claim)
    {
        if (claim.Proven() is not { } proven)
        {
            return;
        }

        var line = claim.Line;
        findings.Prove(proven);
        findings.Hold($"{line.Claim} ({(proven.Entries == 0 ? "NO ENTRY HAS IT" : Plural.Words(proven.Entries, "entry has it", "entries have it"))}), between {
            (proven.OlderTime is { } time ? $"the checkpoint of size {line.Older} of {Instant.Words(time)}" : "the log's beginning")} and that of size {
            proven.NewerSize} of {Instant.Words(proven.NewerTime)}.");
        if (proven.Entries == 0)
        {
            findings.Remark($"NO ENTRY has a number named {line.Attribute} there, so what was proven of it says nothing. Names that entries have: {
                (names.Count == 0 ? "none" : string.Join(", ", names))}{(names.Count == MostNames ? " and perhaps others" : "")}.");
        }

        if (line.Older < line.From || line.To < proven.NewerSize)
        {
            findings.Remark($"{line.Subject}: of the log from position {line.Older} to {proven.NewerSize - 1}, only positions {line.From} to {line.To} (exclusive) are in it.");
        }

        if (line.Kind == TotalKind.Total && proven.Entries > 0)
        {
            findings.Remark($"A total takes it for granted that each number is from 0 to 2^64 - 1, as the platform makes them; a proof of kind each with the bound 2^64 shows it.");
        }
    }
}
