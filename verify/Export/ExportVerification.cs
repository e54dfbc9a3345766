using System.Collections.Immutable;
using System.Text.Json;
using Bulkhead.Verify.Notes;

namespace Bulkhead.Verify.Export;

/// <summary>An export from its first line to its last, as docs/formats/audit-log.md says under "Verifying".</summary>
internal sealed class ExportVerification
{
    // In this order; those at the same place may mix.
    private static readonly Dictionary<string, int> Places = new(StringComparer.Ordinal)
    {
        ["header"] = 0,
        ["entry"] = 1,
        ["tile"] = 1,
        ["checkpoint"] = 2,
        ["range"] = 3,
        ["expiry"] = 4,
        ["earlier"] = 5,
        ["head"] = 6,
        ["heads"] = 7,
        ["total"] = 8,
        ["end"] = 9,
    };

    private static readonly HashSet<string> Single = new(["header", "checkpoint", "range", "end"], StringComparer.Ordinal);

    private readonly Trust trust;
    private readonly Findings findings;
    private readonly Entries entries;
    private readonly TotalCheck totals;
    private readonly HashSet<string> seen = new(StringComparer.Ordinal);
    private ImmutableArray<VerifierKey> headsKeys = [];
    private ImmutableArray<VerifierKey> logKeys = [];
    private SignedCheckpoint? signed;
    private ImmutableArray<Hash> proof = [];
    private Histories? histories;
    private Heads? heads;
    private int place;

    private ExportVerification(ExportHeader header, Trust trust, IReadOnlyList<IEntryObserver> observers, Findings findings)
    {
        (Header, this.trust, this.findings) = (header, trust, findings);
        entries = new(header, observers, findings);
        totals = new(header, findings);
    }

    private ExportHeader Header { get; }

    /// <summary>Reads the file once, and its entries once more where a second look tells more. Null where nothing can be said of it.</summary>
    public static Verified Run(
        Func<ExportLines> open, Trust trust, IReadOnlyList<IEntryObserver> observers, Findings findings, Action<ExportLines>? progress = null)
    {
        using var lines = open();
        var verification = new ExportVerification(ReadHeader(lines), trust, observers, findings);
        verification.Begin();
        verification.ReadLines(lines, progress);
        verification.Conclude(open);
        return verification.Summary();
    }

    private static ExportHeader ReadHeader(ExportLines lines)
    {
        if (!lines.Next(out var line))
        {
            throw new UnreadableException("it is not an export: it has no first line");
        }

        try
        {
            return new EntryLine().Read(line) == "header" ? ExportHeader.Read(line) : throw new FormatException("its first line is no header");
        }
        catch (Exception fault) when (fault is FormatException or JsonException or InvalidOperationException)
        {
            throw new UnreadableException($"it is not an export: {fault.Message}");
        }
    }

    private void Begin()
    {
        seen.Add("header");
        if (trust.Origin is { } origin && origin != Header.Origin)
        {
            findings.Break(Flaw.Origin, $"the export is of {Header.Origin}, and {origin} was asked for");
        }

        logKeys = Keys(trust.Log, Header.LogKeys, Header.Origin, "--log");
        headsKeys = Header.HeadsOrigin is { } headsOrigin ? Keys(trust.Heads, Header.HeadsKeys, headsOrigin, "--heads") : trust.Heads;
        foreach (var witness in trust.Witnesses?.Witnesses ?? [])
        {
            if (witness.Keys.Any(k => logKeys.Concat(headsKeys).Any(l => l.PublicKey.AsSpan().SequenceEqual(k.PublicKey))))
            {
                findings.Break(Flaw.Witnesses, $"witness {witness.Name} has the key of the log itself: it witnesses nothing");
            }
        }
    }

    private ImmutableArray<VerifierKey> Keys(
        ImmutableArray<VerifierKey> trusted,
        ImmutableArray<string> offered,
        string origin,
        string option)
    {
        if (trusted.Length > 0)
        {
            if (!trusted.Any(k => k.Name == origin))
            {
                findings.Break(Flaw.Origin, $"none of the keys given with {option} is of {origin}");
            }

            return trusted;
        }

        findings.Remark($"Nobody vouches for the keys of {origin}: they come from the export itself. Give those that you trust with {option}.");
        var keys = ImmutableArray.CreateBuilder<VerifierKey>();
        foreach (var text in offered)
        {
            if (VerifierKey.TryParse(text, out var why) is { } key)
            {
                keys.Add(key);
            }
            else
            {
                findings.Break(Flaw.Key, $"a key in the header cannot be used: {why}");
            }
        }

        return keys.ToImmutable();
    }

    private void ReadLines(ExportLines lines, Action<ExportLines>? progress)
    {
        var entry = new EntryLine();
        while (lines.Next(out var line))
        {
            try
            {
                ReadLine(lines, line, entry);
            }
            catch (Exception fault) when (fault is FormatException or JsonException or InvalidOperationException)
            {
                findings.Break(
                    Flaw.Line,
                    $"line {lines.Number}: {(fault is JsonException ? "it is not JSON as it should be" : fault.Message)}");
            }

            if ((lines.Number & 0xFFF) == 0)
            {
                progress?.Invoke(lines);
            }
        }

        if (lines.IsCut)
        {
            findings.Break(
                Flaw.Truncated,
                $"after line {lines.Number} the file is cut, or a line is longer than {ExportLines.LongestLine >> 20} MiB");
        }

        foreach (var type in Single.Where(t => !seen.Contains(t)))
        {
            findings.Break(
                Flaw.Truncated, $"the line of type {type} is missing{(type == "end" ? $": the file ends with line {lines.Number}, it is cut" : "")}");
        }
    }

    private void ReadLine(ExportLines lines, ReadOnlySpan<byte> line, EntryLine entry)
    {
        var type = entry.Read(line);
        if (!Places.TryGetValue(type, out var here))
        {
            throw new FormatException($"lines of type {type} are not known");
        }

        if (here < place || (!seen.Add(type) && Single.Contains(type)) || place == Places["end"])
        {
            throw new FormatException($"a line of type {type} does not belong here");
        }

        place = here;
        switch (type)
        {
            case "entry":
                entries.Add(entry);
                break;
            case "tile":
                AddTile(LineMembers.Read(line, "index", "hashes"));
                break;
            case "checkpoint":
                AddCheckpoint(LineMembers.Read(line, "note"));
                break;
            case "range":
                AddRange(LineMembers.Read(line, "from", "to", "size", "proof"));
                break;
            case "expiry":
                entries.Expired.Add(LineMembers.Read(line, "position", "body", "proof"), signed?.Checkpoint);
                break;
            case "earlier":
                AddEarlier(LineMembers.Read(line, "note", "proof"));
                break;
            case "head":
                heads?.Add(LineMembers.Read(line, "position", "leaf", "proof", "note"));
                break;
            case "heads":
                heads?.AddLeaves(LineMembers.Read(line, "leaves").Texts("leaves"));
                break;
            case "total":
                totals.Add(TotalLine.Read(line));
                break;
            case "end":
                CheckEnd(lines, LineMembers.Read(line, "entries", "sha256"));
                break;
            default:
                throw new FormatException($"a line of type {type} does not belong here");
        }
    }

    private void AddTile(LineMembers line)
    {
        if (entries.Count > 0 && !entries.Tiles.AreGiven)
        {
            throw new FormatException("tiles begin after entries: each stands before the entries that it is of");
        }

        entries.Tiles.Add(
            line.Number("index"),
            StrictBase64.Decode(line.Text("hashes")) ?? throw new FormatException("hashes is not base64"));
    }

    private void AddCheckpoint(LineMembers line)
    {
        signed = NoteVerification.Verify(line.Text("note"), Header.Origin, logKeys, out var why);
        if (signed is null)
        {
            findings.Break(Flaw.Signature, $"the checkpoint does not hold: {why}");
            return;
        }

        histories = new(signed.Checkpoint, findings);
        heads = new(Header, headsKeys, trust.Witnesses, histories, findings);
        if (signed.Checkpoint.Size < Header.To)
        {
            findings.Break(
                Flaw.Root,
                $"the checkpoint is of size {signed.Checkpoint.Size}, and the export goes to position {Header.To - 1}");
        }
    }

    private void AddRange(LineMembers line)
    {
        proof = line.Hashes("proof");
        if (line.Number("from") != Header.From || line.Number("to") != Header.To
            || (signed is not null && line.Number("size") != signed.Checkpoint.Size))
        {
            findings.Break(Flaw.RangeProof, $"the range is not that of the header and the checkpoint");
        }
    }

    private void AddEarlier(LineMembers line)
    {
        var hashes = line.Hashes("proof");
        if (NoteVerification.Verify(line.Text("note"), Header.Origin, logKeys, out var why) is { } earlier)
        {
            histories?.AddEarlier(earlier.Checkpoint, hashes);
        }
        else
        {
            findings.Break(Flaw.Signature, $"an earlier checkpoint does not hold: {why}");
        }
    }

    private void CheckEnd(ExportLines lines, LineMembers line)
    {
        if (line.Number("entries") != entries.Count)
        {
            findings.Break(Flaw.Digest, $"the end counts {line.Number("entries")} entries, and there are {entries.Count}");
        }

        if (line.Text("sha256") != lines.DigestBefore())
        {
            findings.Break(Flaw.Digest, $"the SHA-256 at the end is not that of the lines before it");
        }
    }

    private void Conclude(Func<ExportLines> open)
    {
        entries.End();
        entries.Expired.End();
        heads?.End();
        if (trust.Witnesses is { } policy && heads is not { Count: > 0 })
        {
            findings.Break(
                Flaw.Witnesses,
                $"not witnessed: the export holds no head of the log of heads, and {policy.Threshold} witnesses must have cosigned one");
        }

        if (signed is null || histories is null)
        {
            return;
        }

        new RootCheck(Header, entries, signed.Checkpoint, proof, histories, findings).Run(open);
        entries.Replays.Conclude(open);
        new ExportSentences(Header, entries, signed, histories, heads!, trust.Witnesses, findings).Say();
        totals.Run(open, signed.Checkpoint, histories, entries);
    }

    private Verified Summary() => new(Header, entries.Count, entries.Hidden, signed?.Checkpoint, Sightings());

    private ImmutableArray<Sighting> Sightings()
    {
        if (signed is null || histories is null)
        {
            return [];
        }

        return
        [
            new(signed.Checkpoint.Size, signed.Checkpoint.Time, [], true),
            .. histories.Claims.Where(c => c.IsCheckpoint).Select(c => new Sighting(c.Size, c.Time, [], true)),
            .. histories.Claims.Where(c => !c.Cosignatures.IsEmpty).Select(c => new Sighting(
                c.Size, ByThreshold(c.Cosignatures), [.. c.Cosignatures.Select(s => s.Witness)], c.IsNewest)),
        ];
    }

    /// <summary>By then as many witnesses as the policy asks for had seen it.</summary>
    private ulong ByThreshold(ImmutableArray<Cosignature> cosignatures) =>
        cosignatures.Select(c => c.Time).Order().ElementAt(trust.Witnesses!.Threshold - 1);
}
