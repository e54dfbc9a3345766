using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Bulkhead.Platform.Apps;

/// <summary>Words, numbers and names as a manifest writes them.</summary>
internal static partial class ManifestText
{
    internal static bool IsName(string value) => NameShape().IsMatch(value);

    internal static bool IsAppName(string value) => AppNameShape().IsMatch(value);

    internal static bool LooksLikeNumber(string value) => NumberShape().IsMatch(value);

    internal static bool TryInteger(string value, out long number) =>
        long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);

    /// <summary>False as well when the number does not fit a decimal exactly: a rounded limit would be a lie.</summary>
    internal static bool TryDecimal(string value, out decimal number)
    {
        number = 0;
        return DecimalShape().IsMatch(value)
            && IsExact(value)
            && decimal.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>False for what PostgreSQL's UTF-8 text cannot hold.</summary>
    internal static bool IsStorable(string value)
    {
        var rest = value.AsSpan();
        while (!rest.IsEmpty)
        {
            if (rest[0] == '\0' || Rune.DecodeFromUtf16(rest, out _, out var used) != OperationStatus.Done)
            {
                return false;
            }

            rest = rest[used..];
        }

        return true;
    }

    internal static int Scalars(string value)
    {
        var count = 0;
        foreach (var _ in value.EnumerateRunes())
        {
            count++;
        }

        return count;
    }

    /// <summary>A word of the file for a message: short, without control characters.</summary>
    internal static string Shown(string value)
    {
        var text = value.Length > 60 ? string.Concat(value.AsSpan(0, 59), "…") : value;
        return string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '�' : c));
    }

    /// <summary>" Did you mean 'x'?", or nothing when no known word is near.</summary>
    internal static string DidYouMean(string word, IEnumerable<string> known)
    {
        if (word.Length is 0 or > 60)
        {
            return "";
        }

        var best = known
            .Select(k => (Word: k, Distance: Distance(word.ToLowerInvariant(), k.ToLowerInvariant())))
            .Where(k => k.Distance <= Math.Max(1, Math.Min(word.Length, k.Word.Length) / 3))
            .OrderBy(k => k.Distance)
            .ThenBy(k => k.Word, StringComparer.Ordinal)
            .FirstOrDefault();
        return best.Word is null ? "" : $" Did you mean '{best.Word}'?";
    }

    /// <summary>Edits between two words, a swap of neighbours counting as one (optimal string alignment).</summary>
    private static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            d[i, 0] = i;
        }

        for (var j = 0; j <= b.Length; j++)
        {
            d[0, j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var change = a[i - 1] == b[j - 1] ? 0 : 1;
                d[i, j] = Math.Min(Math.Min(d[i - 1, j] + 1, d[i, j - 1] + 1), d[i - 1, j - 1] + change);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
                }
            }
        }

        return d[a.Length, b.Length];
    }

    /// <summary>A decimal holds 28 digits, of which at most 28 stand after the point.</summary>
    private static bool IsExact(string value)
    {
        var end = value.AsSpan().IndexOfAny('e', 'E');
        var mantissa = end < 0 ? value : value[..end];
        var exponent = end < 0 ? 0 : int.Parse(value.AsSpan(end + 1), NumberStyles.Float, CultureInfo.InvariantCulture);
        var point = mantissa.IndexOf('.', StringComparison.Ordinal);
        var fraction = point < 0 ? 0 : mantissa.Length - point - 1;
        return mantissa.Count(char.IsAsciiDigit) <= 28 && fraction - exponent <= 28;
    }

    [GeneratedRegex("^[a-z][a-zA-Z0-9]{0,40}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex NameShape();

    [GeneratedRegex("^[a-z][a-z0-9-]{1,30}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex AppNameShape();

    [GeneratedRegex(
        "^([-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        + "|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN))\\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex NumberShape();

    [GeneratedRegex("^[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]{1,2})?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex DecimalShape();
}
