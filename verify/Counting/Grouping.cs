using System.Text;
using System.Text.Json;
using Bulkhead.Verify.Export;

namespace Bulkhead.Verify.Counting;

/// <summary>How many of the counted entries have which value of one name. Of a list each element counts.</summary>
internal sealed class Grouping(EntryName name)
{
    // Finite, whatever an export has; more than anybody reads.
    private const int Most = 10_000;

    private readonly Dictionary<string, long> counts = new(StringComparer.Ordinal);

    public string Name => name.Text;

    /// <summary>Entries with values beyond the first 10,000.</summary>
    public long Others { get; private set; }

    /// <summary>Most entries first. Null is the value of who has no such member.</summary>
    public IEnumerable<(string? Value, long Count)> Counts =>
        counts.OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal).Select(c => ((string?)c.Key, c.Value))
            .Concat(Without > 0 ? [(null, Without)] : []);

    private long Without { get; set; }

    public void Add(EntryBody body)
    {
        var some = false;
        EntryName.Any(name.In(body), (type, value) =>
        {
            some = true;
            Add(type == JsonTokenType.String ? Text(value) : Encoding.UTF8.GetString(value));
            return false;
        });
        Without += some ? 0 : 1;
    }

    // Quoted again, as a document of its own, it is read as JSON reads it.
    private static string Text(ReadOnlySpan<byte> spelled) => JsonSerializer.Deserialize<string>([(byte)'"', .. spelled, (byte)'"'])!;

    private void Add(string value)
    {
        if (counts.Count < Most || counts.ContainsKey(value))
        {
            counts[value] = counts.GetValueOrDefault(value) + 1;
        }
        else
        {
            Others++;
        }
    }
}
