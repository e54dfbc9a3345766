using System.Globalization;
using System.Text;
using System.Text.Json;
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

    // A name that no entry has would count nothing, and that would read as "nobody did".
    private static readonly HashSet<string> Names = new(StringComparer.Ordinal)
    {
        "action", "actor", "app", "assurance", "at", "commitments", "credential", "details", "entity", "fields", "id", "onBehalfOf", "policy",
        "purpose", "reason", "records", "request", "result", "source", "tenant", "ticket", "values",
    };

    private readonly byte[][] path;
    private readonly byte[] value;
    private readonly List<Member> members = [];

    private Condition(string text, string[] path, Comparison comparison, string value, DateTimeOffset? instant)
    {
        (Text, Comparison, Instant) = (text, comparison, instant);
        this.path = [.. path.Select(CanonicalJson.Spell)];
        this.value = CanonicalJson.Spell(value);
    }

    public string Text { get; }

    public Comparison Comparison { get; }

    /// <summary>Of a condition on `at`: which.</summary>
    public DateTimeOffset? Instant { get; }

    public bool IsOnTime => path.Length == 1 && path[0].AsSpan().SequenceEqual("at"u8);

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
        var path = text[..end].Split('.');
        if (!Names.Contains(path[0]) || path.Contains("")
            || (path[0] == "actor" && (path.Length != 2 || path[1] is not ("id" or "kind" or "roles"))))
        {
            why = $"entries have no member {text[..end]}";
            return null;
        }

        if (comparison is Comparison.Equal or Comparison.Prefix)
        {
            return new(text, path, comparison, value, null);
        }

        if (path is not ["at"] || value.StartsWith('='))
        {
            return null;
        }

        string[] forms = ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ss'Z'", AtForm];
        if (!DateTimeOffset.TryParseExact(value, forms, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var instant))
        {
            why = $"{value} is not a day (2026-05-01) or an instant in UTC (2026-05-01T10:00:00Z)";
            return null;
        }

        return new(text, path, comparison, Spell(instant), instant);
    }

    /// <summary>As entries have it.</summary>
    public static string Spell(DateTimeOffset instant) => instant.ToString(AtForm, CultureInfo.InvariantCulture);

    /// <summary>Times are compared as text, so they must have the one form that docs/formats/audit-log.md gives them.</summary>
    public static bool IsTime(ReadOnlySpan<byte> spelled) =>
        spelled.Length == 29 && spelled[0] == '"' && DateTimeOffset.TryParseExact(
            Encoding.ASCII.GetString(spelled[1..^1]), AtForm, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _);

    public bool Matches(EntryBody body)
    {
        var found = body[path[0]];
        for (var i = 1; i < path.Length && !found.IsEmpty; i++)
        {
            members.Clear();
            CanonicalJson.Fault(found, members);
            found = new EntryBody(found, members)[path[i]];
        }

        var matches = !found.IsEmpty && AnyMatches(found);
        Matched += matches ? 1 : 0;
        return matches;
    }

    private bool AnyMatches(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = CanonicalJson.Deepest + 1 });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.StartObject)
            {
                reader.Skip();
            }
            else if (reader.TokenType is not (JsonTokenType.StartArray or JsonTokenType.EndArray) && IsMatch(reader.ValueSpan))
            {
                return true;
            }
        }

        return false;
    }

    private bool IsMatch(ReadOnlySpan<byte> found) => Comparison switch
    {
        Comparison.Equal => found.SequenceEqual(value),
        Comparison.Prefix => found.StartsWith(value),
        Comparison.AtLeast => found.SequenceCompareTo(value) >= 0,
        _ => found.SequenceCompareTo(value) < 0,
    };
}
