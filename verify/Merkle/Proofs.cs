using System.Numerics;

namespace Bulkhead.Verify.Merkle;

/// <summary>RFC 9162 section 2.1 (the proofs are those of RFC 6962), and of subtrees draft-ietf-plants-merkle-tree-certs section 4.</summary>
internal static class Proofs
{
    /// <summary>Is the leaf at this index of the tree of that size?</summary>
    public static bool Includes(ulong index, ulong size, Hash leaf, IReadOnlyList<Hash> proof, Hash root)
    {
        if (index >= size)
        {
            return false;
        }

        var (fn, sn, hash) = (index, size - 1, leaf);
        foreach (var step in proof)
        {
            if (sn == 0)
            {
                return false;
            }

            if ((fn & 1) == 1 || fn == sn)
            {
                hash = Hash.Node(step, hash);
                while ((fn & 1) == 0 && fn != 0)
                {
                    (fn, sn) = (fn >> 1, sn >> 1);
                }
            }
            else
            {
                hash = Hash.Node(hash, step);
            }

            (fn, sn) = (fn >> 1, sn >> 1);
        }

        return sn == 0 && hash == root;
    }

    public static bool SubtreeIncludes(ulong index, ulong start, ulong end, Hash leaf, IReadOnlyList<Hash> proof, Hash root) =>
        IsSubtree(start, end) && start < end && index >= start && index < end && Includes(index - start, end - start, leaf, proof, root);

    /// <summary>Is the tree of the smaller size a prefix of the other? Of an empty tree a proof says nothing, so none is accepted.</summary>
    public static bool Consistent(ulong size1, ulong size2, IReadOnlyList<Hash> proof, Hash root1, Hash root2) =>
        size1 > 0 && SubtreeConsistent(0, size1, size2, proof, root1, root2);

    public static bool SubtreeConsistent(ulong start, ulong end, ulong size, IReadOnlyList<Hash> proof, Hash subtree, Hash root)
    {
        if (!IsSubtree(start, end) || end > size)
        {
            return false;
        }

        if (start == end)
        {
            return subtree == Hash.Empty && proof.Count == 0;
        }

        var (fn, sn, tn) = (start, end - 1, size - 1);
        while (fn != sn && (sn == tn || (sn & 1) == 1))
        {
            (fn, sn, tn) = (fn >> 1, sn >> 1, tn >> 1);
        }

        var next = 0;
        if (fn != sn && proof.Count == 0)
        {
            return false;
        }

        var first = fn == sn ? subtree : proof[next++];
        var (fr, sr) = (first, first);
        for (; next < proof.Count; next++)
        {
            if (tn == 0)
            {
                return false;
            }

            if ((sn & 1) == 1 || sn == tn)
            {
                if (fn < sn)
                {
                    fr = Hash.Node(proof[next], fr);
                }

                sr = Hash.Node(proof[next], sr);
                while ((sn & 1) == 0)
                {
                    (fn, sn, tn) = (fn >> 1, sn >> 1, tn >> 1);
                }
            }
            else
            {
                sr = Hash.Node(sr, proof[next]);
            }

            (fn, sn, tn) = (fn >> 1, sn >> 1, tn >> 1);
        }

        return tn == 0 && fr == subtree && sr == root;
    }

    /// <summary>
    /// The tree of that size from the subtrees left of a range, the range, and the subtrees right of it; null where the proof has more or
    /// fewer hashes than these sizes need.
    /// </summary>
    public static CompactRange? Whole(CompactRange range, ulong size, IReadOnlyList<Hash> proof)
    {
        var left = CompactRange.Levels(0, range.Begin);
        var right = CompactRange.Levels(range.End, size);
        if (range.End > size || proof.Count != left.Count + right.Count)
        {
            return null;
        }

        var whole = LeftOf(range.Begin, proof);
        foreach (var subtree in range.Subtrees)
        {
            whole.Append(subtree.Root, subtree.Level);
        }

        for (var i = 0; i < right.Count; i++)
        {
            whole.Append(proof[left.Count + i], right[i]);
        }

        return whole;
    }

    /// <summary>The part of a range proof that stands for the leaves before the range.</summary>
    public static CompactRange LeftOf(ulong from, IReadOnlyList<Hash> proof)
    {
        var range = new CompactRange(0);
        foreach (var (level, i) in CompactRange.Levels(0, from).Select((level, i) => (level, i)))
        {
            range.Append(proof[i], level);
        }

        return range;
    }

    private static bool IsSubtree(ulong start, ulong end)
    {
        if (start > end)
        {
            return false;
        }

        // More than 2^63 leaves round up to 2^64, of which 0 is the only multiple; of an empty subtree every number is one.
        return start == end || (BitOperations.RoundUpToPowerOf2(end - start) is var unit && (unit == 0 ? start == 0 : start % unit == 0));
    }
}
