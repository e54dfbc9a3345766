using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Bulkhead.Platform.Data;

/// <summary>
/// The form of a json value that PostgreSQL's jsonb would give back, without its spaces: names by length and then by
/// bytes, numbers without exponent. So an answer to a create is the record as it will be read, and equal values have
/// equal text.
/// </summary>
internal static class CanonicalJson
{
    // Digits of one number: jsonb would keep thousands, and expand an exponent to them.
    private const int MaxNumberLength = 400;

    private static readonly JsonWriterOptions Relaxed = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    /// <summary>The canonical text, or null with the code of what is wrong.</summary>
    public static string? Of(ref Utf8JsonReader reader, int maxBytes, out string? fault)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, Relaxed))
        {
            fault = Write(document.RootElement, json);
        }

        fault ??= buffer.WrittenCount > maxBytes ? "too-long" : null;
        return fault is null ? Encoding.UTF8.GetString(buffer.WrittenSpan) : null;
    }

    /// <summary>What jsonb gave back, without its spaces.</summary>
    public static string FromStored(string stored)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(stored));
        reader.Read();
        return Of(ref reader, int.MaxValue, out _) ?? stored;
    }

    private static string? Write(JsonElement element, Utf8JsonWriter json)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                return WriteObject(element, json);
            case JsonValueKind.Array:
                json.WriteStartArray();
                foreach (var item in element.EnumerateArray())
                {
                    if (Write(item, json) is { } fault)
                    {
                        return fault;
                    }
                }

                json.WriteEndArray();
                return null;
            case JsonValueKind.String:
                var text = Text(element.GetString);
                json.WriteStringValue(text);
                return text is null ? "invalid-format" : null;
            case JsonValueKind.Number:
                var number = ExpandNumber(element.GetRawText());
                json.WriteRawValue(number ?? "0", skipInputValidation: true);
                return number is null ? "out-of-range" : null;
            default:
                element.WriteTo(json);
                return null;
        }
    }

    private static string? WriteObject(JsonElement element, Utf8JsonWriter json)
    {
        var members = new List<(byte[] Key, string Name, JsonElement Value)>();
        foreach (var member in element.EnumerateObject())
        {
            if (Text(() => member.Name) is not { } name)
            {
                return "invalid-format";
            }

            members.Add((Encoding.UTF8.GetBytes(name), name, member.Value));
        }

        members.Sort(static (a, b) => a.Key.Length != b.Key.Length
            ? a.Key.Length.CompareTo(b.Key.Length)
            : a.Key.AsSpan().SequenceCompareTo(b.Key));
        json.WriteStartObject();
        for (var i = 0; i < members.Count; i++)
        {
            if (i > 0 && members[i].Name == members[i - 1].Name)
            {
                return "duplicate-name";
            }

            json.WritePropertyName(members[i].Name);
            if (Write(members[i].Value, json) is { } fault)
            {
                return fault;
            }
        }

        json.WriteEndObject();
        return null;
    }

    /// <summary>Null for what jsonb cannot hold: U+0000 and half a surrogate pair.</summary>
    private static string? Text(Func<string?> read)
    {
        try
        {
            var text = read();
            return text is null || text.Contains('\0') ? null : text;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>As numeric writes it: 1.5e1 is 15, 1e-2 is 0.01, 1.50 stays; null when that is too long.</summary>
    private static string? ExpandNumber(string raw)
    {
        var exponentAt = raw.AsSpan().IndexOfAny('e', 'E');
        var exponent = 0;
        if (exponentAt >= 0 && (!int.TryParse(
            raw.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent)
            || Math.Abs((long)exponent) > MaxNumberLength))
        {
            return null;
        }

        var negative = raw[0] == '-';
        var mantissa = raw[(negative ? 1 : 0)..(exponentAt < 0 ? raw.Length : exponentAt)];
        var point = mantissa.IndexOf('.', StringComparison.Ordinal);
        var scale = point < 0 ? 0 : mantissa.Length - point - 1;
        var digits = point < 0 ? mantissa : mantissa.Remove(point, 1);
        scale -= exponent;
        if (scale < 0)
        {
            digits += new string('0', -scale);
            scale = 0;
        }

        digits = digits.TrimStart('0').PadLeft(scale + 1, '0');
        if (digits.Length > MaxNumberLength)
        {
            return null;
        }

        var sign = negative && digits.AsSpan().ContainsAnyExcept('0') ? "-" : "";
        return scale == 0 ? sign + digits : $"{sign}{digits[..^scale]}.{digits[^scale..]}";
    }
}
