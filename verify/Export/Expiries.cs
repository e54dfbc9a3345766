using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Verify.Json;

namespace Bulkhead.Verify.Export;

/// <summary>
/// Entries whose bodies are said to have expired, and the sealed entries <c>audit.expire</c> that announced it: one that nothing announced
/// did not expire, somebody took it out.
/// </summary>
internal sealed class Expiries(ExportHeader header, Findings findings)
{
    private const int MostRanges = 1_000_000;

    private readonly List<Member> members = [];
    private readonly List<(ulong From, ulong To)> expired = [];
    private readonly List<(ulong Position, ulong From, ulong To, string At)> announced = [];

    public ulong Count { get; private set; }

    /// <summary>By which entries; only of meaning where nothing was found wrong.</summary>
    public IEnumerable<(ulong Position, string At)> Announcements => announced
        .Where(a => IsOfExpired(a.From, a.To)).Select(a => (a.Position, a.At)).Distinct().OrderBy(a => a.Position);

    public void Add(ulong position)
    {
        Count++;
        if (expired.Count > 0 && expired[^1].To == position)
        {
            expired[^1] = (expired[^1].From, position + 1);
        }
        else if (expired.Count < MostRanges)
        {
            expired.Add((position, position + 1));
        }
        else
        {
            findings.Break(Flaw.Expiry, $"entry {position}: expired entries lie in more than {MostRanges} places, which is more than this program follows");
        }
    }

    /// <summary>An entry of the log that is shown; most announce nothing.</summary>
    public void Observe(ulong position, EntryBody body)
    {
        if (!body["action"u8].SequenceEqual("\"audit.expire\""u8) || !body["result"u8].SequenceEqual("\"ok\""u8)
            || Within(body["actor"u8], "kind") != "\"platform\"" || Within(body["actor"u8], "id") != "\"audit retention\"")
        {
            return;
        }

        if (Within(body["details"u8], "positions") is not ['"', .. var positions, '"'] || Ranges(positions, position) is not { } ranges)
        {
            return;
        }

        var at = Encoding.UTF8.GetString(body["at"u8]).Trim('"');
        announced.AddRange(ranges.Select(range => (position, range.From, range.To, at)));
    }

    /// <summary>An entry outside of the export's positions, with what shows that it is in the log.</summary>
    public void Add(LineMembers line, Notes.Checkpoint? checkpoint)
    {
        var position = line.Number("position");
        var body = Encoding.UTF8.GetBytes(line.Text("body"));
        var proof = line.Hashes("proof");
        if (position >= header.From && position < header.To)
        {
            throw new FormatException("an expiry of a position that the export has is not a line of its own");
        }

        members.Clear();
        if (CanonicalJson.Fault(body, members) is not null || body[0] != '{')
        {
            throw new FormatException("the body of an expiry is not canonical JSON of an object");
        }

        // Without a checkpoint nothing holds anyway.
        if (checkpoint is null)
        {
            return;
        }

        var leaf = Hash.Leaf(SHA256.HashData(body));
        if (!Proofs.Includes(position, checkpoint.Size, leaf, proof, checkpoint.Root))
        {
            findings.Break(Flaw.Expiry, $"the expiry at position {position} is not in the log: its proof does not lead to the checkpoint's root");
            return;
        }

        Observe(position, new(body, members));
    }

    /// <summary>Both rise, so one walk over them together is enough, however many there are.</summary>
    public void End()
    {
        var union = Union();
        var next = 0;
        foreach (var (from, to) in expired)
        {
            var at = from;
            for (; next < union.Count && union[next].From < to; next++)
            {
                var (begin, end) = union[next];
                if (begin > at)
                {
                    Break(at, begin);
                }

                at = Math.Max(at, Math.Min(to, end));
                if (end > to)
                {
                    break;
                }
            }

            if (at < to)
            {
                Break(at, to);
            }
        }
    }

    private bool IsOfExpired(ulong from, ulong to)
    {
        // The first that ends behind where this begins.
        var (low, high) = (0, expired.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = expired[middle].To > from ? (low, middle) : (middle + 1, high);
        }

        return low < expired.Count && expired[low].From < to;
    }

    /// <summary>Of all that was announced, without overlaps.</summary>
    private List<(ulong From, ulong To)> Union()
    {
        var union = new List<(ulong From, ulong To)>();
        foreach (var (_, from, to, _) in announced.OrderBy(a => a.From))
        {
            if (union.Count > 0 && from <= union[^1].To)
            {
                union[^1] = (union[^1].From, Math.Max(union[^1].To, to));
            }
            else
            {
                union.Add((from, to));
            }
        }

        return union;
    }

    private void Break(ulong from, ulong to)
    {
        var words = to - from == 1
            ? string.Create(CultureInfo.InvariantCulture, $"entry {from} is")
            : string.Create(CultureInfo.InvariantCulture, $"entries {from} to {to - 1} are");
        findings.Break(Flaw.Expiry, $"{words} said to have expired, and no sealed entry audit.expire announced it: taken out by somebody");
    }

    private static string Within(ReadOnlySpan<byte> json, string name)
    {
        var inner = new List<Member>();
        return json.IsEmpty || json[0] != '{' || CanonicalJson.Fault(json, inner) is not null
            ? ""
            : Encoding.UTF8.GetString(new EntryBody(json, inner)[Encoding.UTF8.GetBytes(name)]);
    }

    /// <summary>Of <c>0-4,6,8-999</c>; null where they do not rise, touch each other, or do not lie before the entry itself.</summary>
    private static List<(ulong From, ulong To)>? Ranges(string positions, ulong before)
    {
        var ranges = new List<(ulong From, ulong To)>();
        foreach (var text in positions.Split(','))
        {
            var ends = text.Split('-');
            if (ends.Length > 2 || Position(ends[0]) is not { } from || Position(ends[^1]) is not { } last || last < from || last >= before
                || (ranges.Count > 0 && from <= ranges[^1].To))
            {
                return null;
            }

            ranges.Add((from, last + 1));
        }

        return ranges;
    }

    private static ulong? Position(string digits) =>
        ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var position) ? position : null;
}
