using System.Globalization;

namespace Bulkhead.Platform.Data;

/// <summary>Decimals that are kept exactly or refused: parsing never rounds.</summary>
internal static class Decimals
{
    // A decimal holds every number of 28 significant digits with at most 28 digits after the point.
    private const int MaxDigits = 28;

    /// <param name="text">A number in JSON's syntax (RFC 8259 section 6).</param>
    public static bool TryParse(ReadOnlySpan<char> text, out decimal value)
    {
        value = 0;
        if (text.Length is 0 or > 100
            || !(char.IsAsciiDigit(text[0]) || text[0] == '-')
            || !decimal.TryParse(
                text,
                NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
                CultureInfo.InvariantCulture,
                out var parsed)
            || !IsExact(text))
        {
            return false;
        }

        value = Normalize(parsed);
        return true;
    }

    /// <summary>Without trailing zeros, and zero without a sign.</summary>
    public static decimal Normalize(decimal value) =>
        value == 0 ? 0 : value / 1.000000000000000000000000000000000m;

    /// <summary>In units of the last decimal place; null for what is no number of 64 bits, or has more places.</summary>
    public static ulong? Units(decimal value, int scale)
    {
        var unit = 1m;
        for (var i = 0; i < scale; i++)
        {
            unit *= 10;
        }

        var most = ulong.MaxValue / unit;
        return value >= 0 && value <= most && decimal.IsInteger(value * unit) ? (ulong)(value * unit) : null;
    }

    private static bool IsExact(ReadOnlySpan<char> text)
    {
        var digits = 0;
        var trailingZeros = 0;
        var afterPoint = 0;
        var pointSeen = false;
        var position = text[0] == '-' ? 1 : 0;
        for (; position < text.Length && text[position] is not ('e' or 'E'); position++)
        {
            if (text[position] == '.')
            {
                pointSeen = true;
                continue;
            }

            afterPoint += pointSeen ? 1 : 0;
            if (text[position] != '0')
            {
                digits += trailingZeros + 1;
                trailingZeros = 0;
            }
            else if (digits > 0)
            {
                trailingZeros++;
            }
        }

        if (digits == 0)
        {
            return true;
        }

        var exponent = 0;
        if (position < text.Length
            && !int.TryParse(text[(position + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
                out exponent))
        {
            return false;
        }

        // The place of the last digit that counts: 1.50e3 has it at 10^2.
        var place = (long)exponent - afterPoint + trailingZeros;
        return digits <= MaxDigits && place >= -MaxDigits;
    }
}
