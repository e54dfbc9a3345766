using System.Globalization;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>What a log says of itself at one moment (C2SP tlog-checkpoint): origin, size and root, a line each, and when it was signed.</summary>
/// <param name="At">Whole seconds; null where the checkpoint does not say.</param>
public sealed record Checkpoint(string Origin, long Size, byte[] Root, DateTimeOffset? At)
{
    private const string Time = "time ";

    /// <summary>Null for what is none.</summary>
    public static Checkpoint? Parse(string text)
    {
        var lines = text.Split('\n');
        if (lines.Length is < 4 or > 20 || lines[^1].Length != 0 || !NoteKey.IsName(lines[0])
            || !TryNumber(lines[1], out var size) || lines.SkipLast(1).Any(line => line.Length == 0))
        {
            return null;
        }

        var root = new byte[MerkleTree.HashLength + 3];
        if (!Convert.TryFromBase64String(lines[2], root, out var length) || length != MerkleTree.HashLength
            || Convert.ToBase64String(root, 0, length) != lines[2])
        {
            return null;
        }

        DateTimeOffset? at = null;
        foreach (var line in lines.Skip(3).SkipLast(1).Where(line => line.StartsWith(Time, StringComparison.Ordinal)))
        {
            if (at is not null || !TryNumber(line[Time.Length..], out var seconds) || seconds > 253_402_300_799)
            {
                return null;
            }

            at = DateTimeOffset.FromUnixTimeSeconds(seconds);
        }

        return new(lines[0], size, root[..length], at);
    }

    /// <summary>The text that is signed.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Origin}\n{Size}\n{Convert.ToBase64String(Root)}\n{(At is { } at ? $"{Time}{at.ToUnixTimeSeconds()}\n" : "")}");

    private static bool TryNumber(string text, out long number)
    {
        number = 0;
        return text.Length is > 0 and <= 19 && text.All(char.IsAsciiDigit) && (text.Length == 1 || text[0] != '0')
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
