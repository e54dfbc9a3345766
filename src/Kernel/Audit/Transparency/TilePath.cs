using System.Globalization;
using System.Text;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>
/// Where a tile or a bundle of entries is served (C2SP tlog-tiles): <c>tile/0/x001/067</c>, <c>tile/entries/273.p/112</c>.
/// </summary>
/// <param name="Level">Of the hashes; <see cref="Entries"/> for a bundle of entries.</param>
/// <param name="Index">Of the tile within its level.</param>
/// <param name="Width">Hashes or entries: 256 in a full one, fewer in the last of a level.</param>
public readonly record struct TilePath(int Level, long Index, int Width)
{
    /// <summary>In place of a level: the bundle of the same index as the tile of level 0.</summary>
    public const int Entries = -1;

    /// <summary>A tree of less than 2^63 leaves has none above.</summary>
    public const int MaxLevel = 7;

    private const int BitsPerLevel = 8;
    private const int MaxText = 64;

    public bool IsFull => Width == Tiles.Width;

    /// <summary>
    /// The tiles that a tree which grew has more of, or wider ones, with their bundles: lowest level first. A partial one replaces the
    /// narrower one of its index.
    /// </summary>
    public static IEnumerable<TilePath> Grown(long from, long to)
    {
        if (from < 0 || to < from)
        {
            throw new ArgumentOutOfRangeException(nameof(to));
        }

        return Enumerate(from, to);
    }

    /// <summary>Null for what is no path of a tile of any tree. There is one spelling: of a number, and of an index.</summary>
    public static TilePath? Parse(string path)
    {
        var parts = path.Length <= MaxText ? path.Split('/') : [];
        if (parts is not ["tile", var kind, _, ..])
        {
            return null;
        }

        var level = (long)Entries;
        if (kind != "entries" && (!LogText.TryNumber(kind, out level) || level > MaxLevel))
        {
            return null;
        }

        var rest = parts.AsSpan(2);
        long width = Tiles.Width;
        if (rest.Length > 1 && rest[^2].EndsWith(".p", StringComparison.Ordinal))
        {
            if (!LogText.TryNumber(rest[^1], out width) || width is 0 or >= Tiles.Width)
            {
                return null;
            }

            rest[^2] = rest[^2][..^2];
            rest = rest[..^1];
        }

        if (!TryIndex(rest, out var index))
        {
            return null;
        }

        var found = new TilePath((int)level, index, (int)width);
        return found.Exists && found.ToString() == path ? found : null;
    }

    public override string ToString()
    {
        var index = string.Create(CultureInfo.InvariantCulture, $"{Index % 1000:000}");
        for (var rest = Index / 1000; rest > 0; rest /= 1000)
        {
            index = string.Create(CultureInfo.InvariantCulture, $"x{rest % 1000:000}/{index}");
        }

        var path = new StringBuilder("tile/");
        _ = Level == Entries ? path.Append("entries") : path.Append(Level);
        path.Append('/').Append(index);
        return (IsFull ? path : path.Append(CultureInfo.InvariantCulture, $".p/{Width}")).ToString();
    }

    /// <summary>Whether a tree of the size has it, in this width or wider.</summary>
    public bool IsIn(long size)
    {
        var hashes = size >> (BitsPerLevel * Math.Max(0, Level));
        return Index < hashes / Tiles.Width || (Index == hashes / Tiles.Width && Width <= hashes % Tiles.Width);
    }

    private bool Exists => IsIn(long.MaxValue);

    private static IEnumerable<TilePath> Enumerate(long from, long to)
    {
        for (var level = Entries; level <= MaxLevel; level++)
        {
            var bits = BitsPerLevel * Math.Max(0, level);
            var (before, after) = (from >> bits, to >> bits);
            for (var index = before / Tiles.Width; before < after && index <= (after - 1) / Tiles.Width; index++)
            {
                yield return new(level, index, (int)Math.Min(Tiles.Width, after - (index * Tiles.Width)));
            }
        }
    }

    private static bool TryIndex(ReadOnlySpan<string> parts, out long index)
    {
        index = 0;
        for (var i = 0; i < parts.Length; i++)
        {
            var digits = parts[i].AsSpan();
            if (i < parts.Length - 1)
            {
                if (digits is not ['x', ..])
                {
                    return false;
                }

                digits = digits[1..];
            }

            if (digits.Length != 3 || digits.ContainsAnyExceptInRange('0', '9') || index > long.MaxValue / 1000 - 1)
            {
                return false;
            }

            index = (index * 1000) + int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        }

        return true;
    }
}
