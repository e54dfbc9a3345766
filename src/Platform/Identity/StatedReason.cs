using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace Bulkhead.Platform.Identity;

/// <summary>The headers <c>Purpose</c> and <c>Ticket</c>: why the caller acts, in its own words, for the audit log.</summary>
internal static class StatedReason
{
    public const string Purpose = "Purpose";

    public const string Ticket = "Ticket";

    /// <summary>UTF-16 characters.</summary>
    public const int MaxPurpose = 200;

    /// <summary>UTF-16 characters.</summary>
    public const int MaxTicket = 100;

    /// <returns>False when there are several, or one that is too long or holds what does not print.</returns>
    public static bool TryRead(StringValues header, int most, out string? reason)
    {
        reason = null;
        if (header.Count == 0)
        {
            return true;
        }

        if (header.Count > 1 || header[0] is not { Length: > 0 } text || text.Length > most)
        {
            return false;
        }

        if (text.AsSpan().ContainsAnyExceptInRange(' ', '~') && !Prints(text))
        {
            return false;
        }

        reason = text;
        return true;
    }

    private static bool Prints(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            var category = System.Text.Rune.GetUnicodeCategory(rune);
            if (rune == System.Text.Rune.ReplacementChar
                || category is UnicodeCategory.Control
                    or UnicodeCategory.Format
                    or UnicodeCategory.LineSeparator
                    or UnicodeCategory.ParagraphSeparator
                    or UnicodeCategory.PrivateUse
                    or UnicodeCategory.Surrogate
                    or UnicodeCategory.OtherNotAssigned)
            {
                return false;
            }
        }

        return true;
    }
}
