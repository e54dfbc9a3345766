using System.Numerics;

namespace Bulkhead.Verify.Merkle;

/// <summary>A perfect subtree of 2^Level leaves that begins at Start, a multiple of that.</summary>
internal readonly record struct Subtree(ulong Start, int Level, Hash Root);

/// <summary>
/// The leaves [Begin, End) as the fewest aligned perfect subtrees. Grows to the right in logarithmic memory, whatever it is fed:
/// single leaves, or whole subtrees of a proof.
/// </summary>
internal sealed class CompactRange(ulong begin)
{
    private readonly List<Subtree> subtrees = [];

    public ulong Begin { get; } = begin;

    public ulong End { get; private set; } = begin;

    public IReadOnlyList<Subtree> Subtrees => subtrees;

    public void Append(Hash root, int level = 0)
    {
        var added = new Subtree(End, level, root);
        End += 1UL << level;
        while (subtrees.Count > 0 && subtrees[^1] is var left && left.Level == added.Level && ((left.Start >> left.Level) & 1) == 0)
        {
            subtrees.RemoveAt(subtrees.Count - 1);
            added = new Subtree(left.Start, left.Level + 1, Hash.Node(left.Root, added.Root));
        }

        subtrees.Add(added);
    }

    /// <summary>The root of the tree of End leaves; only of a range that begins at 0.</summary>
    public Hash Root()
    {
        if (Begin != 0)
        {
            throw new InvalidOperationException("Only a range from 0 has a root.");
        }

        if (subtrees.Count == 0)
        {
            return Hash.Empty;
        }

        var root = subtrees[^1].Root;
        for (var i = subtrees.Count - 2; i >= 0; i--)
        {
            root = Hash.Node(subtrees[i].Root, root);
        }

        return root;
    }

    /// <summary>The levels of the aligned subtrees met from left to right in [from, to): the largest that fits at each step.</summary>
    public static List<int> Levels(ulong from, ulong to)
    {
        var levels = new List<int>();
        while (from < to)
        {
            var level = Math.Min(BitOperations.TrailingZeroCount(from), BitOperations.Log2(to - from));
            levels.Add(level);
            from += 1UL << level;
        }

        return levels;
    }
}
