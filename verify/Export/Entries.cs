using System.Text;
using Bulkhead.Verify.Json;

namespace Bulkhead.Verify.Export;

/// <summary>An entry's body and where its members stand in it.</summary>
internal readonly ref struct EntryBody(ReadOnlySpan<byte> text, List<Member> members)
{
    public ReadOnlySpan<byte> Text { get; } = text;

    /// <summary>The value of a member, as it is spelled; empty where there is none.</summary>
    public ReadOnlySpan<byte> this[ReadOnlySpan<byte> spelledName]
    {
        get
        {
            foreach (var (name, value) in members)
            {
                if (Text[name][1..^1].SequenceEqual(spelledName))
                {
                    return Text[value];
                }
            }

            return default;
        }
    }
}

/// <summary>Sees each entry that is shown and whose form is right, in the order of the file. What it makes of them counts only if the whole export holds.</summary>
internal interface IEntryObserver
{
    void Observe(ulong position, EntryBody body);
}

/// <summary>The entries one after another: positions, form, tenant, disclosures; and what they hash to.</summary>
internal sealed class Entries(ExportHeader header, IReadOnlyList<IEntryObserver> observers, Findings findings)
{
    private const int MostGaps = 1000;
    private const int MostShown = 100;
    private const int MostLetters = 2000;

    private readonly List<(ulong From, ulong To)> gaps = [];
    private readonly List<Member> members = [];
    private readonly byte[] tenant = Encoding.UTF8.GetBytes($"\"{header.Tenant}\"");
    private ulong expected = header.From;
    private bool inOrder = true;

    public ulong Count { get; private set; }

    /// <summary>Of how many only the digest is there.</summary>
    public ulong Hidden { get; private set; }

    /// <summary>Those of them that are said to have expired.</summary>
    public Expiries Expired { get; } = new(header, findings);

    public Replays Replays { get; } = new(findings);

    public CompactRange Range { get; } = new(header.From);

    public Tiles Tiles { get; } = new(header, findings);

    /// <summary>All positions, each once, in order: only then is Range what it should be.</summary>
    public bool AreWhole => inOrder && expected == header.To;

    public void Add(EntryLine line)
    {
        Count++;
        var leaf = line.Leaf();
        if (Place(line.Position) && inOrder)
        {
            Range.Append(leaf);
        }

        Tiles.Check(line.Position, leaf);
        if (line.IsShown)
        {
            CheckBody(line);
        }
        else
        {
            Hidden++;
            if (line.IsExpired)
            {
                Expired.Add(line.Position);
            }
        }
    }

    public void End()
    {
        if (expected < header.To)
        {
            inOrder = false;
            findings.Break(
                Flaw.EntryMissing,
                $"{Words(expected, header.To)} at the end: the header says that positions go to {header.To - 1}");
        }

        foreach (var (from, to) in gaps)
        {
            findings.Break(Flaw.EntryMissing, $"{Words(from, to)}: positions jump from {Before(from)} to {to}");
        }
    }

    private string Before(ulong position) => position == header.From ? "the beginning" : $"{position - 1}";

    private static string Words(ulong from, ulong to) => to - from == 1 ? $"entry {from} is missing" : $"entries {from} to {to - 1} are missing";

    private bool Place(ulong position)
    {
        if (position == expected && position < header.To)
        {
            expected++;
            return true;
        }

        inOrder = false;
        if (position < header.From || position >= header.To)
        {
            findings.Break(
                Flaw.EntryOrder,
                $"entry {position} is outside of the positions {header.From} to {header.To - 1} that the header names");
        }
        else if (position > expected)
        {
            AddGap(expected, position);
            expected = position + 1;
        }
        else if (gaps.FindIndex(g => g.From <= position && position < g.To) is >= 0 and var index)
        {
            findings.Break(Flaw.EntryOrder, $"entry {position} is out of order: it stands after entry {expected - 1}");
            var (from, to) = gaps[index];
            gaps.RemoveAt(index);
            AddGap(position + 1, to);
            AddGap(from, position);
        }
        else
        {
            findings.Break(Flaw.EntryDoubled, $"entry {position} stands there twice");
        }

        return false;
    }

    private void AddGap(ulong from, ulong to)
    {
        if (from >= to)
        {
            return;
        }

        if (gaps.Count < MostGaps)
        {
            gaps.Add((from, to));
        }
        else
        {
            findings.Break(Flaw.EntryMissing, $"{Words(from, to)}");
        }
    }

    private void CheckBody(EntryLine line)
    {
        members.Clear();
        var fault = CanonicalJson.Fault(line.Body, members);
        if (fault is null && line.Body[0] != '{')
        {
            fault = "it is not an object";
        }

        if (fault is not null)
        {
            findings.Break(Flaw.EntryForm, $"entry {line.Position}: its body is not canonical JSON: {fault}");
            return;
        }

        var body = new EntryBody(line.Body, members);
        if (!body["tenant"u8].SequenceEqual(tenant))
        {
            findings.Break(Flaw.EntryTenant, $"entry {line.Position}: its tenant is not that of the log, {header.Tenant}");
        }

        if (Disclosures.Fault(body["values"u8], line.Disclosures) is { } wrong)
        {
            findings.Break(Flaw.Disclosure, $"entry {line.Position}: {wrong}");
        }
        else
        {
            Show(line, body);
        }

        DisclosuresMatched += line.Disclosures.Count;
        Expired.Observe(line.Position, body);
        Replays.Observe(line.Position, body);
        foreach (var observer in observers)
        {
            observer.Observe(line.Position, body);
        }
    }

    /// <summary>What was disclosed, for the reader; of a single entry, the entry too.</summary>
    private void Show(EntryLine line, EntryBody body)
    {
        if (header.To - header.From == 1)
        {
            Shown.Add($"The entry: {Shorten(Encoding.UTF8.GetString(body.Text))}");
        }

        foreach (var disclosure in line.Disclosures)
        {
            if (Shown.Count >= MostShown)
            {
                return;
            }

            var (field, before, after) = Disclosures.Read(disclosure);
            Shown.Add($"Entry {line.Position}, {Encoding.UTF8.GetString(body["action"u8]).Trim('"')} of {Encoding.UTF8.GetString(body["at"u8]).Trim('"')}: {
                field} was {Shorten(before)} and became {Shorten(after)}.");
        }
    }

    private static string Shorten(string text) => text.Length <= MostLetters ? text : $"{text[..MostLetters]}… ({text.Length} characters)";

    /// <summary>Only of meaning where everything holds.</summary>
    public List<string> Shown { get; } = [];

    /// <summary>Only of meaning where no disclosure was found wrong.</summary>
    public long DisclosuresMatched { get; private set; }
}
