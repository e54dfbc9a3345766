using System.Globalization;
using System.Text;

namespace Bulkhead.Verify.Notes;

/// <summary>C2SP tlog-checkpoint with the one extension line that docs/formats/audit-log.md demands: when it was signed.</summary>
internal sealed record Checkpoint(string Origin, ulong Size, Hash Root, ulong Time, byte[] Text)
{
    /// <summary>Beyond, a number is not the same in every JSON reader.</summary>
    public const ulong LargestSize = (1UL << 53) - 1;

    /// <summary>The end of the year 9999.</summary>
    public const ulong LatestTime = 253_402_300_799;

    public static Checkpoint? TryParse(SignedNote note, out string why)
    {
        why = "it is not a checkpoint of four lines: origin, size, root, time";
        var lines = note.Text.Split('\n');
        if (lines.Length != 5 || lines[4].Length != 0 || lines[0].Length == 0 || Encoding.UTF8.GetByteCount(lines[0]) > 255
            || Number(lines[1]) is not { } size || size > LargestSize || Hash.FromBase64(lines[2]) is not { } root
            || !lines[3].StartsWith("time ", StringComparison.Ordinal) || Number(lines[3][5..]) is not { } time || time > LatestTime)
        {
            return null;
        }

        if (size == 0 && root != Hash.Empty)
        {
            why = "it is of size 0 and its root is not that of the empty tree";
            return null;
        }

        return new(lines[0], size, root, time, Encoding.UTF8.GetBytes(note.Text));
    }

    /// <summary>Decimal without a sign, spaces or leading zeros.</summary>
    public static ulong? Number(string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number.ToString(CultureInfo.InvariantCulture) == text ? number : null;
}

internal static class Instant
{
    public static string Words(ulong secondsSince1970) =>
        DateTimeOffset.FromUnixTimeSeconds((long)secondsSince1970).ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
