using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Audit.Retention;

/// <summary>
/// What an entry <c>audit.expire</c> says: bodies of these positions are about to go. It is sealed before the first of them goes, and never
/// expires: a position without a body and without one of these did not expire, somebody took it out.
/// </summary>
/// <param name="Ranges">Positions, exactly these: rising, to exclusive. What was held between them is not announced.</param>
public sealed record ExpiryAnnouncement(ImmutableArray<(long From, long To)> Ranges)
{
    /// <summary>More places are announced by further entries.</summary>
    internal const int MostRanges = 1_000;

    internal const string Action = "audit.expire";

    internal static readonly Actor Self = new(ActorKind.Platform, "audit retention", []);

    /// <summary>As the entry has it: <c>0-4,6,8-999</c>, both ends included.</summary>
    public string Positions => string.Join(',', Ranges.Select(range => range.To - range.From == 1
        ? string.Create(CultureInfo.InvariantCulture, $"{range.From}")
        : string.Create(CultureInfo.InvariantCulture, $"{range.From}-{range.To - 1}")));

    /// <summary>Of positions that rise, as many of the first as are announced at once.</summary>
    internal static (ExpiryAnnouncement Announcement, int Count) Of(IReadOnlyList<long> positions)
    {
        var ranges = ImmutableArray.CreateBuilder<(long From, long To)>();
        var count = 0;
        foreach (var position in positions)
        {
            if (ranges.Count > 0 && ranges[^1].To == position)
            {
                ranges[^1] = (ranges[^1].From, position + 1);
            }
            else if (ranges.Count < MostRanges)
            {
                ranges.Add((position, position + 1));
            }
            else
            {
                break;
            }

            count++;
        }

        return (new(ranges.ToImmutable()), count);
    }

    /// <param name="chosen">Position of the entry by which the tenant chose for how long entries are kept.</param>
    internal AuditEvent ToEvent(long chosen) => new(Action)
    {
        Records = AuditRecords.None,
        Details = AuditDetails.Of(
            ("chosen", chosen.ToString(CultureInfo.InvariantCulture)), ("entries", Ranges.Sum(range => range.To - range.From).ToString(CultureInfo.InvariantCulture)), ("positions", Positions)),
    };

    /// <summary>Of all that several announce, rising and without overlaps.</summary>
    internal static List<(long From, long To)> Union(IEnumerable<ExpiryAnnouncement> announced)
    {
        var union = new List<(long From, long To)>();
        foreach (var (from, to) in announced.SelectMany(a => a.Ranges).Order())
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

    public bool Overlaps(long from, long to) => Ranges.Any(range => range.From < to && from < range.To);

    internal bool Is(ExpiryAnnouncement other) => Ranges.SequenceEqual(other.Ranges);

    /// <summary>What a body announces; null when it is no such entry.</summary>
    /// <param name="position">Where it stands: it tells only of what is before it. Null while it has none.</param>
    public static ExpiryAnnouncement? Of(string body, long? position)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            var entry = json.RootElement;
            var actor = entry.GetProperty("actor");
            return entry.GetProperty("action").GetString() == Action && entry.GetProperty("result").GetString() == "ok"
                && actor.GetProperty("kind").GetString() == "platform" && actor.GetProperty("id").GetString() == Self.Id
                && entry.GetProperty("details").GetProperty("positions").GetString() is { } positions
                ? Parse(positions, position ?? long.MaxValue)
                : null;
        }
        catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException or FormatException
            or OverflowException)
        {
            return null;
        }
    }

    private static ExpiryAnnouncement? Parse(string positions, long end)
    {
        var ranges = ImmutableArray.CreateBuilder<(long From, long To)>();
        foreach (var text in positions.Split(','))
        {
            var ends = text.Split('-');
            var (from, to) = (Number(ends[0]), Number(ends[^1]) + 1);
            if (ends.Length > 2 || from >= to || to > end || (ranges.Count > 0 && from <= ranges[^1].To) || ranges.Count == MostRanges)
            {
                return null;
            }

            ranges.Add((from, to));
        }

        return new(ranges.ToImmutable());
    }

    private static long Number(string text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
