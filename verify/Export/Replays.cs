using System.Buffers.Text;
using System.Text.Json;
using Bulkhead.Verify.Counting;
using Bulkhead.Verify.Json;

namespace Bulkhead.Verify.Export;

/// <summary>
/// Each entry has an id of its own: one that stands there twice was sealed once more, by whoever could. Ids are kept of the last hour, at most
/// 200,000; an entry from before them is late, and looked for in a second reading.
/// </summary>
internal sealed class Replays(Findings findings)
{
    private const int Most = 200_000;
    private const int MostNamed = 20;

    private static readonly TimeSpan Window = TimeSpan.FromHours(1);

    private readonly Dictionary<Guid, ulong> recent = [];
    private readonly Queue<(Guid Id, DateTime At)> order = [];
    private readonly Dictionary<Guid, ulong> late = [];
    private readonly List<string> named = [];
    private DateTime newest = DateTime.MinValue;
    private DateTime forgotten = DateTime.MinValue;
    private ulong lateByAnHour;
    private ulong unknown;

    public void Observe(ulong position, EntryBody body)
    {
        if (IdOf(body) is not { } id)
        {
            findings.Break(Flaw.EntryForm, $"entry {position}: its id is not a UUID in lower case");
            return;
        }

        if (recent.TryGetValue(id, out var first) || late.TryGetValue(id, out first))
        {
            Break(position, first, id);
        }
        else if (Condition.TimeOf(body["at"u8]) is not { } at || at >= Horizon)
        {
            Keep(position, id, Condition.TimeOf(body["at"u8]) ?? newest);
        }
        else
        {
            AddLate(position, id, at);
        }
    }

    /// <summary>To be called where the entries hold. Reads the file again if something is late.</summary>
    public void Conclude(Func<ExportLines> open)
    {
        if (lateByAnHour > 0)
        {
            findings.Remark($"{Plural.Words(lateByAnHour, "entry is", "entries are")} late: sealed behind acts that began more than an hour later. Ask why: {
                string.Join("; ", named)}{(lateByAnHour > MostNamed ? "; and others" : "")}.");
        }

        if (unknown > 0)
        {
            findings.Remark($"Of {unknown} late entries it was not looked whether they stand there twice: they are too many.");
        }

        if (late.Count == 0)
        {
            return;
        }

        using var again = open();
        var (entry, members) = (new EntryLine(), new List<Member>());
        try
        {
            while (again.Next(out var line))
            {
                if (entry.Read(line) != "entry" || !entry.IsShown)
                {
                    continue;
                }

                members.Clear();
                CanonicalJson.Fault(entry.Body, members);
                if (IdOf(new(entry.Body, members)) is { } id && late.TryGetValue(id, out var position) && entry.Position < position)
                {
                    Break(position, entry.Position, id);
                }
            }
        }
        catch (Exception fault) when (fault is FormatException or JsonException or InvalidOperationException)
        {
            // Of the lines behind the entries, as it is not said twice.
        }
    }

    private DateTime WindowBegin => newest - DateTime.MinValue < Window ? DateTime.MinValue : newest - Window;

    private DateTime Horizon => forgotten > WindowBegin ? forgotten : WindowBegin;

    private static Guid? IdOf(EntryBody body)
    {
        var spelled = body["id"u8];
        return spelled.Length == 38 && spelled.IndexOfAnyInRange((byte)'A', (byte)'Z') < 0
            && Utf8Parser.TryParse(spelled[1..^1], out Guid id, out var read, 'D') && read == 36 ? id : null;
    }

    private void Keep(ulong position, Guid id, DateTime at)
    {
        newest = at > newest ? at : newest;
        recent[id] = position;
        order.Enqueue((id, at));
        while (order.Peek() is var (oldest, then) && (order.Count > Most || then < WindowBegin))
        {
            order.Dequeue();
            recent.Remove(oldest);
            // What is from before it cannot be compared with all that there was.
            forgotten = order.Count >= Most && then > forgotten ? then : forgotten;
        }
    }

    private void AddLate(ulong position, Guid id, DateTime at)
    {
        if (late.Count < Most)
        {
            late[id] = position;
        }
        else
        {
            unknown++;
        }

        if (at >= WindowBegin)
        {
            return;
        }

        lateByAnHour++;
        if (named.Count < MostNamed)
        {
            named.Add($"entry {position}, of {at:yyyy-MM-dd'T'HH:mm:ss'Z'}");
        }
    }

    private void Break(ulong position, ulong first, Guid id) =>
        findings.Break(Flaw.EntryReplayed, $"entry {position} is entry {first} once more: both have the id {id}");
}
