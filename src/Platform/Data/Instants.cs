using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Bulkhead.Platform.Data;

/// <summary>
/// Dates (ISO 8601, <c>YYYY-MM-DD</c>) and instants (RFC 3339 in UTC, microseconds without trailing zeros).
/// </summary>
internal static class Instants
{
    public static void Write(Utf8JsonWriter json, DateOnly value)
    {
        Span<byte> text = stackalloc byte[10];
        value.TryFormat(text, out var length, "O", CultureInfo.InvariantCulture);
        json.WriteStringValue(text[..length]);
    }

    public static void Write(Utf8JsonWriter json, DateTime utc)
    {
        Span<byte> text = stackalloc byte[33];
        json.WriteStringValue(text[..Format(utc, text)]);
    }

    public static string Format(DateTime utc)
    {
        Span<byte> text = stackalloc byte[33];
        return Encoding.ASCII.GetString(text[..Format(utc, text)]);
    }

    /// <summary>An instant must say its offset; digits beyond microseconds are cut, a leap second is refused.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out DateTime utc)
    {
        utc = default;
        if (text.Length is < 20 or > 40 || text[10] is not ('T' or 't') || text[13] != ':' || text[16] != ':'
            || !TryParseDate(text[..10], out var date)
            || !Digits(text[11..13], out var hour) || hour > 23
            || !Digits(text[14..16], out var minute) || minute > 59
            || !Digits(text[17..19], out var second) || second > 59)
        {
            return false;
        }

        var rest = text[19..];
        long ticks = 0;
        if (rest[0] == '.' && !TryTakeFraction(ref rest, out ticks))
        {
            return false;
        }

        if (!TryParseOffset(rest, out var offset))
        {
            return false;
        }

        var local = date.ToDateTime(new TimeOnly(hour, minute, second)).Ticks + ticks - offset.Ticks;
        if (local < DateTime.MinValue.Ticks || local > DateTime.MaxValue.Ticks)
        {
            return false;
        }

        utc = new DateTime(local, DateTimeKind.Utc);
        return true;
    }

    public static bool TryParseDate(ReadOnlySpan<char> text, out DateOnly date) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out date);

    private static int Format(DateTime utc, Span<byte> text)
    {
        // "O" has a fast path and always seven digits: 2020-01-02T03:04:05.1234560Z
        utc.TryFormat(text, out _, "O", CultureInfo.InvariantCulture);
        var length = 27;
        while (text[length - 1] == (byte)'0')
        {
            length--;
        }

        if (text[length - 1] == (byte)'.')
        {
            length--;
        }

        text[length] = (byte)'Z';
        return length + 1;
    }

    private static bool TryTakeFraction(ref ReadOnlySpan<char> rest, out long ticks)
    {
        ticks = 0;
        var digits = 0;
        while (digits + 1 < rest.Length && char.IsAsciiDigit(rest[digits + 1]))
        {
            digits++;
            if (digits <= 6)
            {
                ticks = (ticks * 10) + (rest[digits] - '0');
            }
        }

        for (var i = digits; i < 6; i++)
        {
            ticks *= 10;
        }

        ticks *= TimeSpan.TicksPerMicrosecond;
        rest = rest[(digits + 1)..];
        return digits > 0;
    }

    private static bool TryParseOffset(ReadOnlySpan<char> text, out TimeSpan offset)
    {
        offset = default;
        if (text is "Z" or "z")
        {
            return true;
        }

        if (text.Length != 6 || text[0] is not ('+' or '-') || text[3] != ':'
            || !Digits(text[1..3], out var hours) || hours > 23 || !Digits(text[4..6], out var minutes) || minutes > 59)
        {
            return false;
        }

        offset = new TimeSpan(hours, minutes, 0);
        offset = text[0] == '-' ? -offset : offset;
        return true;
    }

    private static bool Digits(ReadOnlySpan<char> text, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
