using System.Text.Json;
using Bulkhead.Verify.Export;
using Bulkhead.Verify.Json;

namespace Bulkhead.Verify.Counting;

/// <summary>A name of an entry's body, dotted into it: <c>actor.kind</c>.</summary>
internal sealed class EntryName
{
    // A name that no entry has would count nothing, and that would read as "nobody did".
    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        "action", "actor", "app", "assurance", "at", "commitments", "credential", "details", "entity", "fields", "id", "onBehalfOf", "policy",
        "purpose", "reason", "records", "request", "result", "source", "tenant", "ticket", "values",
    };

    private readonly byte[][] path;
    private readonly List<Member> members = [];

    private EntryName(string[] parts)
    {
        Text = string.Join('.', parts);
        path = [.. parts.Select(CanonicalJson.Spell)];
    }

    public delegate bool Visit(JsonTokenType type, ReadOnlySpan<byte> value);

    public string Text { get; }

    public static EntryName? TryParse(string text, out string why)
    {
        var parts = text.Split('.');
        why = "";
        if (!Known.Contains(parts[0]) || parts.Contains("")
            || (parts[0] == "actor" && (parts.Length != 2 || parts[1] is not ("id" or "kind" or "roles"))))
        {
            why = $"entries have no member {text}";
            return null;
        }

        return new(parts);
    }

    /// <summary>Empty where the entry has no such member.</summary>
    public ReadOnlySpan<byte> In(EntryBody body)
    {
        var found = body[path[0]];
        for (var i = 1; i < path.Length && !found.IsEmpty; i++)
        {
            members.Clear();
            CanonicalJson.Fault(found, members);
            found = new EntryBody(found, members)[path[i]];
        }

        return found;
    }

    /// <summary>The value, or each of an array, as it is spelled, without quotes; objects are passed over. True as soon as a visit is.</summary>
    public static bool Any(ReadOnlySpan<byte> json, Visit visit)
    {
        if (json.IsEmpty)
        {
            return false;
        }

        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = CanonicalJson.Deepest + 1 });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.StartObject)
            {
                reader.Skip();
            }
            else if (reader.TokenType is not (JsonTokenType.StartArray or JsonTokenType.EndArray) && visit(reader.TokenType, reader.ValueSpan))
            {
                return true;
            }
        }

        return false;
    }
}
