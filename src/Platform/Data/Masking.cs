using System.Globalization;
using System.Text;
using System.Text.Json;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>What is left of a value behind its mask: always a JSON string, null stays null.</summary>
internal static class Masking
{
    private const string Hidden = "***";

    public static void Write(Utf8JsonWriter json, MaskModel mask, FieldValue value)
    {
        if (value.IsNull)
        {
            json.WriteNullValue();
            return;
        }

        json.WriteStringValue(mask.Kind switch
        {
            MaskKind.KeepLast => KeepLast(value.ToCanonicalText()!, mask.Keep),
            MaskKind.YearOnly when value.Type == FieldType.Date => Year(value.AsDate.Year),
            MaskKind.YearOnly when value.Type == FieldType.Timestamp => Year(value.AsTimestamp.Year),
            _ => Hidden,
        });
    }

    /// <summary>A value that is no longer than what is kept shows nothing, or it would show all.</summary>
    private static string KeepLast(string text, int keep)
    {
        var length = 0;
        foreach (var _ in text.EnumerateRunes())
        {
            length++;
        }

        var kept = length > keep ? keep : 0;
        var masked = new StringBuilder(text.Length);
        var position = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (position++ < length - kept)
            {
                masked.Append('*');
            }
            else
            {
                masked.Append(rune.ToString());
            }
        }

        return masked.ToString();
    }

    private static string Year(int year) => year.ToString("0000", CultureInfo.InvariantCulture);
}
