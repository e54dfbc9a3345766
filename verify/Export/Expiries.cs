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
        .Where(a => expired.Exists(e => e.From < a.To && a.From < e.To)).OrderBy(a => a.Position).Select(a => (a.Position, a.At));

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

        var details = body["details"u8];
        if (Position(Within(details, "from")) is { } from && Position(Within(details, "to")) is { } to && from < to && to <= position)
        {
            announced.Add((position, from, to, Encoding.UTF8.GetString(body["at"u8]).Trim('"')));
        }
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

    public void End()
    {
        foreach (var (from, to) in expired)
        {
            var at = from;
            foreach (var (_, begin, end, _) in announced.OrderBy(a => a.From))
            {
                if (begin <= at && end > at)
                {
                    at = Math.Min(to, end);
                }
                else if (begin > at && begin < to)
                {
                    Break(at, begin);
                    at = Math.Min(to, end);
                }
            }

            if (at < to)
            {
                Break(at, to);
            }
        }
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

    private static ulong? Position(string spelled) =>
        spelled is ['"', .. var digits, '"'] && ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var position)
            ? position
            : null;
}
