namespace Bulkhead.Verify.Export;

/// <summary>The file read once more, for the roots that its entries give at sizes which only its end told.</summary>
internal static class Retracing
{
    /// <summary>Root by size. The sizes lie from where the range begins to where it ends; empty where the file is no longer the same.</summary>
    public static IReadOnlyDictionary<ulong, Hash> Roots(
        ExportLines lines, CompactRange range, IReadOnlyList<Hash> proof, IEnumerable<ulong> sizes)
    {
        var wanted = sizes.ToHashSet();
        var roots = new Dictionary<ulong, Hash>();
        var tree = Proofs.LeftOf(range.Begin, proof);
        var again = new CompactRange(range.Begin);
        var entry = new EntryLine();
        Take();
        while (tree.End < range.End && lines.Next(out var line))
        {
            if (entry.Read(line) == "entry")
            {
                var leaf = entry.Leaf();
                tree.Append(leaf);
                again.Append(leaf);
                Take();
            }
        }

        return again.Subtrees.SequenceEqual(range.Subtrees) ? roots : [];

        void Take()
        {
            if (wanted.Contains(tree.End))
            {
                roots[tree.End] = tree.Root();
            }
        }
    }
}
