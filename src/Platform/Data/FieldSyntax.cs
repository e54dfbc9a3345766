using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>Values in text: of a query, of a default in the manifest, of a cursor.</summary>
internal static class FieldSyntax
{
    /// <param name="values">The words of an enum; empty for other types.</param>
    public static bool TryParse(FieldType type, ImmutableArray<string> values, string text, out FieldValue value)
    {
        value = default;
        switch (type)
        {
            case FieldType.Text:
                value = FieldValue.Text(type, text);
                return IsStorable(text);
            case FieldType.Enum:
                value = FieldValue.Text(type, text);
                return values.Contains(text);
            case FieldType.Integer when long.TryParse(
                text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer):
                value = FieldValue.Integer(integer);
                return true;
            case FieldType.Decimal when Decimals.TryParse(text, out var number):
                value = FieldValue.Decimal(number);
                return true;
            case FieldType.Boolean when text is "true" or "false":
                value = FieldValue.Boolean(text == "true");
                return true;
            case FieldType.Date when Instants.TryParseDate(text, out var date):
                value = FieldValue.Date(date);
                return true;
            case FieldType.Timestamp when Instants.TryParse(text, out var instant):
                value = FieldValue.Timestamp(instant);
                return true;
            case FieldType.Uuid or FieldType.Reference when Guid.TryParseExact(text, "D", out var uuid):
                value = FieldValue.Uuid(type, uuid);
                return true;
            case FieldType.Json:
                return TryParseJson(text, out value);
            default:
                return false;
        }
    }

    /// <summary>False for what PostgreSQL's text cannot hold: U+0000, and halves of surrogate pairs.</summary>
    public static bool IsStorable(ReadOnlySpan<char> text)
    {
        if (text.Contains('\0'))
        {
            return false;
        }

        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(text, out _, out var consumed) != System.Buffers.OperationStatus.Done)
            {
                return false;
            }

            text = text[consumed..];
        }

        return true;
    }

    /// <summary>What a value of the type looks like, for the detail of a fault.</summary>
    public static string Describe(FieldType type) => type switch
    {
        FieldType.Text => "a text without U+0000",
        FieldType.Integer => "a whole number of 64 bits",
        FieldType.Decimal => "a decimal number of at most 28 digits",
        FieldType.Boolean => "true or false",
        FieldType.Date => "a date as YYYY-MM-DD",
        FieldType.Timestamp => "an instant as RFC 3339 with its offset, like 2024-05-01T08:00:00Z",
        FieldType.Enum => "one of the declared values",
        FieldType.Json => "a JSON value",
        _ => "a UUID",
    };

    private static bool TryParseJson(string text, out FieldValue value)
    {
        value = default;
        try
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text));
            reader.Read();
            if (CanonicalJson.Of(ref reader, int.MaxValue, out _) is not { } canonical)
            {
                return false;
            }

            value = FieldValue.Text(FieldType.Json, canonical);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
