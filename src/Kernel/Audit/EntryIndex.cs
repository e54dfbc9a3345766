using System.Globalization;
using System.Text.Json;
using Npgsql;

namespace Bulkhead.Kernel.Audit;

/// <summary>
/// What stands beside an entry's body for whoever searches, and is not sealed: the body decides. Whoever acts on these columns compares them
/// first.
/// </summary>
internal sealed record EntryIndex(Guid Id, DateTime At, string Actor, string Action, string? Entity, string Result, Guid? Record)
{
    /// <summary>Of an entry <c>e</c>, in the order of <see cref="Read"/>.</summary>
    public const string Columns = "e.id, e.at, e.actor, e.action, e.entity, e.result, e.record";

    /// <param name="from">Where <see cref="Columns"/> begin.</param>
    public static EntryIndex Read(NpgsqlDataReader row, int from) => new(
        row.GetGuid(from),
        row.GetDateTime(from + 1),
        row.GetString(from + 2),
        row.GetString(from + 3),
        row.IsDBNull(from + 4) ? null : row.GetString(from + 4),
        row.GetString(from + 5),
        row.IsDBNull(from + 6) ? null : row.GetGuid(from + 6));

    /// <summary>What a body says; null for one that is not an entry's.</summary>
    /// <param name="body">Of one that was edited, anything.</param>
    public static IndexedBody? Of(string body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            var entry = json.RootElement;
            var records = Ids(entry);
            return new(
                new(
                    entry.GetProperty("id").GetGuid(),
                    DateTime.Parse(
                        entry.GetProperty("at").GetString()!, CultureInfo.InvariantCulture,
                        DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal),
                    entry.GetProperty("actor").GetProperty("id").GetString()!,
                    entry.GetProperty("action").GetString()!,
                    entry.TryGetProperty("entity", out var entity) ? entity.GetString() : null,
                    entry.GetProperty("result").GetString()!,
                    records.Count == 1 ? records[0] : null),
                records.Count > 1 ? [.. records.Distinct()] : [],
                entry.TryGetProperty("values", out var values) && values.GetArrayLength() > 0);
        }
        catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private static List<Guid> Ids(JsonElement entry) =>
        entry.TryGetProperty("records", out var records) && records.TryGetProperty("ids", out var ids)
            ? [.. ids.EnumerateArray().Select(id => id.GetGuid())]
            : [];
}

/// <param name="Index">As the columns must be.</param>
/// <param name="Records">Of an act on several, each once: those that <c>audit_record</c> must name.</param>
/// <param name="HasValues">It has digests of values, so that something must disclose them.</param>
internal sealed record IndexedBody(EntryIndex Index, IReadOnlyList<Guid> Records, bool HasValues);
