using System.Globalization;
using System.Text;

namespace Bulkhead.Kernel.Audit;

/// <summary>Writes the subset of JSON that entries need in the canonical form of RFC 8785: sorted by the caller, minimal escapes.</summary>
public static class CanonicalJson
{
    /// <summary>A text as a JSON string.</summary>
    public static string Quote(string text) => new StringBuilder(text.Length + 2).AppendString(text).ToString();

    internal static StringBuilder AppendName(this StringBuilder json, string name)
    {
        if (json[^1] is not ('{' or '['))
        {
            json.Append(',');
        }

        return json.Append('"').Append(name).Append("\":");
    }

    internal static StringBuilder AppendMember(this StringBuilder json, string name, string? value) =>
        value is null ? json : json.AppendName(name).AppendString(value);

    internal static StringBuilder AppendStrings(this StringBuilder json, IEnumerable<string> values)
    {
        json.Append('[');
        foreach (var value in values)
        {
            if (json[^1] != '[')
            {
                json.Append(',');
            }

            json.AppendString(value);
        }

        return json.Append(']');
    }

    internal static StringBuilder AppendString(this StringBuilder json, string value)
    {
        json.Append('"');
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => json.Append("\\\""),
                '\\' => json.Append("\\\\"),
                '\b' => json.Append("\\b"),
                '\t' => json.Append("\\t"),
                '\n' => json.Append("\\n"),
                '\f' => json.Append("\\f"),
                '\r' => json.Append("\\r"),
                < ' ' => json.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => json.Append(c),
            };
        }

        return json.Append('"');
    }
}
