using System.Globalization;
using System.Text;
using Bulkhead.Verify.Export;
using Bulkhead.Verify.Json;

namespace Bulkhead.Verify.Counting;

internal enum Comparison
{
    Equal,
    Prefix,
    AtLeast,
    Below,
}

/// <summary>One --where: a name of an entry's body, dotted into it, and what it must be. Of an array, one element that is so is enough.</summary>
internal sealed class Condition
{
    private const string AtForm = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";

    private readonly EntryName name;
    private readonly byte[] value;

    private Condition(string text, EntryName name, Comparison comparison, string value, DateTimeOffset? instant)
    {
        (Text, Comparison, Instant) = (text, comparison, instant);
        this.name = name;
        this.value = CanonicalJson.Spell(value);
    }

    public string Text { get; }

    public Comparison Comparison { get; }

    /// <summary>Of a condition on `at`: which.</summary>
    public DateTimeOffset? Instant { get; }

    public bool IsOnTime => name.Text == "at";

    public long Matched { get; private set; }

    public static Condition? TryParse(string text, out string why)
    {
        why = "a condition is NAME=VALUE, NAME~PREFIX, at>=TIME or at<TIME";
        var end = text.AsSpan().IndexOfAny("=~<>");
        if (end < 1)
        {
            return null;
        }

        var comparison = text[end] switch { '=' => Comparison.Equal, '~' => Comparison.Prefix, '<' => Comparison.Below, _ => Comparison.AtLeast };
        if (comparison == Comparison.AtLeast && (end + 1 >= text.Length || text[end + 1] != '='))
        {
            return null;
        }

        var value = text[(end + (comparison == Comparison.AtLeast ? 2 : 1))..];
        if (EntryName.TryParse(text[..end], out var unknown) is not { } name)
        {
            why = unknown;
            return null;
        }

        if (comparison is Comparison.Equal or Comparison.Prefix)
        {
            return new(text, name, comparison, value, null);
        }

        if (name.Text != "at" || value.StartsWith('='))
        {
            return null;
        }

        string[] forms = ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ss'Z'", AtForm];
        if (!DateTimeOffset.TryParseExact(value, forms, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var instant))
        {
            why = $"{value} is not a day (2026-05-01) or an instant in UTC (2026-05-01T10:00:00Z)";
            return null;
        }

        return new(text, name, comparison, Spell(instant), instant);
    }

    /// <summary>As entries have it.</summary>
    public static string Spell(DateTimeOffset instant) => instant.ToString(AtForm, CultureInfo.InvariantCulture);

    /// <summary>Times are compared as text, so they must have the one form that docs/formats/audit-log.md gives them.</summary>
    public static bool IsTime(ReadOnlySpan<byte> spelled) => TimeOf(spelled) is not null;

    /// <summary>Null for what is no time of that form.</summary>
    public static DateTime? TimeOf(ReadOnlySpan<byte> spelled) =>
        spelled.Length == 29 && spelled[0] == '"' && DateTimeOffset.TryParseExact(
            Encoding.ASCII.GetString(spelled[1..^1]), AtForm, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time.UtcDateTime : null;

    public bool Matches(EntryBody body)
    {
        var matches = EntryName.Any(name.In(body), (_, found) => IsMatch(found));
        Matched += matches ? 1 : 0;
        return matches;
    }

    private bool IsMatch(ReadOnlySpan<byte> found) => Comparison switch
    {
        Comparison.Equal => found.SequenceEqual(value),
        Comparison.Prefix => found.StartsWith(value),
        Comparison.AtLeast => found.SequenceCompareTo(value) >= 0,
        _ => found.SequenceCompareTo(value) < 0,
    };
}
