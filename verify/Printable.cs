using System.Globalization;
using System.Text;

namespace Bulkhead.Verify;

/// <summary>Words of a file, for a terminal: what would move the cursor, turn the line round or hide it is shown as what it is.</summary>
internal static class Printable
{
    public static string Of(string text)
    {
        var shown = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            // Half of a surrogate pair is enumerated as the replacement character.
            shown.Append(IsHarmless(rune) ? rune.ToString() : "\uFFFD");
        }

        return shown.ToString();
    }

    public static bool IsHarmless(Rune rune) => Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate);
}
