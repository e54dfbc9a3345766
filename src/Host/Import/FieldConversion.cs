using System.Globalization;
using System.Text.Json;

namespace Bulkhead.Host.Import;

/// <summary>A text of a CSV file as a JSON value of the wanted type.</summary>
internal static class FieldConversion
{
    // What the platform stores: a timestamp has microseconds.
    private const string TimestampOut = "yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'";

    /// <summary>Digits that a decimal holds for certain; a longer number would be rounded silently.</summary>
    private const int MaxDigits = 28;

    private static readonly string[] IsoDate = ["yyyy-MM-dd"];

    private static readonly string[] IsoTimestamp =
        ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd HH:mm:ssK"];

    private static readonly JsonDocumentOptions JsonLimits = new() { MaxDepth = 32 };

    /// <returns>Null when the value was written; else the code of the fault, and nothing was written.</returns>
    public static string? Write(Utf8JsonWriter writer, ColumnMapping column, string text)
    {
        if (text.Contains(CsvRows.NotUtf8, StringComparison.Ordinal))
        {
            return "not-utf8";
        }

        return column.Type switch
        {
            ColumnType.Text => WriteText(writer, text),
            ColumnType.Integer => WriteInteger(writer, text),
            ColumnType.Decimal => WriteDecimal(writer, text),
            ColumnType.Boolean => WriteBoolean(writer, text),
            ColumnType.Date => WriteDate(writer, column, text),
            ColumnType.Timestamp => WriteTimestamp(writer, column, text),
            ColumnType.Uuid => WriteUuid(writer, text),
            ColumnType.Json => WriteJson(writer, text),
            _ => throw new InvalidOperationException("A type without a conversion"),
        };
    }

    /// <summary>What a fault's code means; says nothing of the value.</summary>
    public static string Reason(string code) => code switch
    {
        "not-utf8" => "Not valid UTF-8.",
        "invalid-integer" => "Not a whole number of 64 bits.",
        "invalid-decimal" => "Not a decimal number.",
        "too-many-digits" => "More than 28 digits; it would be rounded.",
        "invalid-boolean" => "Not true or false, yes or no, 1 or 0.",
        "invalid-date" => "Not a date in the mapped format.",
        "invalid-timestamp" => "Not a timestamp in the mapped format.",
        "invalid-uuid" => "Not a UUID.",
        "invalid-json" => "Not JSON, or nested deeper than 32.",
        "id-missing" => "The id is empty.",
        "field-count" => "The row has more or fewer fields than the header.",
        "bad-quote" => "Text follows a closing quote.",
        "unclosed-quote" => "A quote is never closed.",
        "row-too-long" => "The row is longer than 262144 characters.",
        _ => throw new InvalidOperationException("A code without a reason"),
    };

    private static string? WriteText(Utf8JsonWriter writer, string text)
    {
        writer.WriteStringValue(text);
        return null;
    }

    private static string? WriteInteger(Utf8JsonWriter writer, string text)
    {
        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
        {
            return "invalid-integer";
        }

        writer.WriteNumberValue(value);
        return null;
    }

    private static string? WriteDecimal(Utf8JsonWriter writer, string text)
    {
        const NumberStyles Style =
            NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        if (!decimal.TryParse(text, Style, CultureInfo.InvariantCulture, out var value))
        {
            return "invalid-decimal";
        }

        var mantissa = text.AsSpan();
        var exponent = mantissa.IndexOfAny('e', 'E');
        mantissa = (exponent < 0 ? mantissa : mantissa[..exponent]).TrimStart("+-0.");
        var digits = mantissa.Length - mantissa.Count('.');
        if (digits > MaxDigits || (exponent >= 0 && value == 0 && digits > 0))
        {
            return "too-many-digits";
        }

        writer.WriteNumberValue(value);
        return null;
    }

    private static string? WriteBoolean(Utf8JsonWriter writer, string text)
    {
        switch (text.ToLowerInvariant())
        {
            case "true" or "t" or "yes" or "y" or "1":
                writer.WriteBooleanValue(true);
                return null;
            case "false" or "f" or "no" or "n" or "0":
                writer.WriteBooleanValue(false);
                return null;
            default:
                return "invalid-boolean";
        }
    }

    private static string? WriteDate(Utf8JsonWriter writer, ColumnMapping column, string text)
    {
        var formats = column.Formats.IsEmpty ? IsoDate : [.. column.Formats];
        var invariant = CultureInfo.InvariantCulture;
        if (!DateOnly.TryParseExact(text, formats, invariant, DateTimeStyles.None, out var date))
        {
            return "invalid-date";
        }

        writer.WriteStringValue(date.ToString("yyyy-MM-dd", invariant));
        return null;
    }

    /// <summary>A timestamp without an offset is taken as UTC.</summary>
    private static string? WriteTimestamp(Utf8JsonWriter writer, ColumnMapping column, string text)
    {
        const DateTimeStyles Style = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        var formats = column.Formats.IsEmpty ? IsoTimestamp : [.. column.Formats];
        var invariant = CultureInfo.InvariantCulture;
        if (!DateTimeOffset.TryParseExact(text, formats, invariant, Style, out var timestamp))
        {
            return "invalid-timestamp";
        }

        writer.WriteStringValue(timestamp.UtcDateTime.ToString(TimestampOut, invariant));
        return null;
    }

    private static string? WriteUuid(Utf8JsonWriter writer, string text)
    {
        if (!Guid.TryParseExact(text, "D", out var uuid))
        {
            return "invalid-uuid";
        }

        writer.WriteStringValue(uuid);
        return null;
    }

    private static string? WriteJson(Utf8JsonWriter writer, string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, JsonLimits);
            document.RootElement.WriteTo(writer);
            return null;
        }
        catch (JsonException)
        {
            return "invalid-json";
        }
    }
}
