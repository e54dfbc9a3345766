using System.Numerics;
using System.Security.Cryptography;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>Hash of a perfect subtree: that of 2^level leaves, the index-th of them from the left.</summary>
public delegate byte[] MerkleNode(int level, long index);

/// <summary>
/// Hashing and proofs of RFC 6962 (section 2.1), and range proofs as docs/formats/audit-log.md says. Hashes have 32 bytes. Verification
/// takes what an adversary made: any size, any number of hashes.
/// </summary>
public static class MerkleTree
{
    public const int HashLength = SHA256.HashSizeInBytes;

    /// <summary>Of the tree without leaves.</summary>
    public static byte[] EmptyRoot { get; } = SHA256.HashData([]);

    public static byte[] LeafHash(ReadOnlySpan<byte> leaf)
    {
        var hash = new byte[HashLength];
        LeafHash(leaf, hash);
        return hash;
    }

    public static void LeafHash(ReadOnlySpan<byte> leaf, Span<byte> hash)
    {
        const int small = 2048;
        if (leaf.Length < small)
        {
            Span<byte> prefixed = stackalloc byte[small];
            prefixed[0] = 0;
            leaf.CopyTo(prefixed[1..]);
            SHA256.HashData(prefixed[..(leaf.Length + 1)], hash);
            return;
        }

        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        whole.AppendData([0]);
        whole.AppendData(leaf);
        whole.GetHashAndReset(hash);
    }

    public static byte[] NodeHash(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var hash = new byte[HashLength];
        NodeHash(left, right, hash);
        return hash;
    }

    /// <param name="hash">May be one of the two.</param>
    public static void NodeHash(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, Span<byte> hash)
    {
        Span<byte> both = stackalloc byte[1 + (2 * HashLength)];
        both[0] = 1;
        left.CopyTo(both[1..]);
        right.CopyTo(both[(1 + HashLength)..]);
        SHA256.HashData(both, hash);
    }

    /// <summary>
    /// Subtrees of which the leaves [from, to) consist, from left to right: at each step the largest that begins at a multiple of its size
    /// and ends before the end.
    /// </summary>
    public static IEnumerable<(int Level, long Index)> Subtrees(long from, long to)
    {
        while (from < to)
        {
            var aligned = from == 0 ? 62 : BitOperations.TrailingZeroCount(from);
            var level = Math.Min(aligned, 63 - BitOperations.LeadingZeroCount((ulong)(to - from)));
            yield return (level, from >> level);
            from += 1L << level;
        }
    }

    /// <summary>The root of a tree of the size.</summary>
    public static byte[] Root(long size, MerkleNode node) => Range(0, size, node);

    /// <summary>The audit path of a leaf, lowest first.</summary>
    public static List<byte[]> Inclusion(long index, long size, MerkleNode node)
    {
        if (index < 0 || index >= size)
        {
            throw new ArgumentOutOfRangeException(nameof(index));
        }

        var path = new List<byte[]>();
        Path(index, 0, size, node, path);
        return path;
    }

    /// <summary>Shows that the tree of the older size is a prefix of the other; empty when the sizes are equal or the older one is 0.</summary>
    public static List<byte[]> Consistency(long older, long newer, MerkleNode node)
    {
        if (older < 0 || older > newer)
        {
            throw new ArgumentOutOfRangeException(nameof(older));
        }

        var path = new List<byte[]>();
        if (older > 0 && older < newer)
        {
            Subproof(older, 0, newer, true, node, path);
        }

        return path;
    }

    /// <summary>Shows that leaves are those at the positions [from, to).</summary>
    public static List<byte[]> RangeProof(long from, long to, long size, MerkleNode node)
    {
        if (from < 0 || from > to || to > size)
        {
            throw new ArgumentOutOfRangeException(nameof(from));
        }

        return [.. Subtrees(0, from).Concat(Subtrees(to, size)).Select(s => node(s.Level, s.Index))];
    }

    public static bool VerifyInclusion(
        long index, long size, ReadOnlySpan<byte> leafHash, IReadOnlyList<byte[]> proof, ReadOnlySpan<byte> root)
    {
        if (index < 0 || size <= 0 || index >= size || !AreHashes(proof))
        {
            return false;
        }

        var (node, last) = (index, size - 1);
        Span<byte> hash = stackalloc byte[HashLength];
        leafHash.CopyTo(hash);
        foreach (var sibling in proof)
        {
            if (last == 0)
            {
                return false;
            }

            if ((node & 1) == 1 || node == last)
            {
                NodeHash(sibling, hash, hash);
                while ((node & 1) == 0 && node != 0)
                {
                    node >>= 1;
                    last >>= 1;
                }
            }
            else
            {
                NodeHash(hash, sibling, hash);
            }

            node >>= 1;
            last >>= 1;
        }

        return last == 0 && hash.SequenceEqual(root);
    }

    /// <summary>Of two trees that both have leaves: an empty one is a prefix of every tree, which says nothing and is refused.</summary>
    public static bool VerifyConsistency(
        long older, long newer, ReadOnlySpan<byte> olderRoot, ReadOnlySpan<byte> newerRoot, IReadOnlyList<byte[]> proof) =>
        older > 0 && VerifySubtree(0, older, newer, olderRoot, newerRoot, proof);

    /// <summary>
    /// That the leaves [start, end) of a tree have the subtree root: of none it is the empty one, whatever the tree (Merkle Tree Certificates, section 4.4.3; with start 0 it is the
    /// consistency of RFC 9162 section 2.1.4.2).
    /// </summary>
    public static bool VerifySubtree(
        long start, long end, long size, ReadOnlySpan<byte> subtreeRoot, ReadOnlySpan<byte> root, IReadOnlyList<byte[]> proof)
    {
        if (subtreeRoot.Length != HashLength || root.Length != HashLength || !AreHashes(proof) || end > size)
        {
            return false;
        }

        if (start == end)
        {
            return start >= 0 && proof.Count == 0 && subtreeRoot.SequenceEqual(EmptyRoot);
        }

        if (!IsSubtree(start, end))
        {
            return false;
        }

        var (first, last, end1) = (start, end - 1, size - 1);
        var endsTogether = last == end1;
        while (first != last && (endsTogether || (last & 1) == 1))
        {
            first >>= 1;
            last >>= 1;
            end1 >>= 1;
        }

        var next = 0;
        if (first != last && proof.Count == 0)
        {
            return false;
        }

        Span<byte> sub = stackalloc byte[HashLength];
        Span<byte> whole = stackalloc byte[HashLength];
        var begin = first == last ? subtreeRoot : proof[next++];
        begin.CopyTo(sub);
        begin.CopyTo(whole);
        for (; next < proof.Count; next++)
        {
            if (end1 == 0)
            {
                return false;
            }

            if ((last & 1) == 1 || last == end1)
            {
                if (first < last)
                {
                    NodeHash(proof[next], sub, sub);
                }

                NodeHash(proof[next], whole, whole);
                while ((last & 1) == 0 && last != 0)
                {
                    first >>= 1;
                    last >>= 1;
                    end1 >>= 1;
                }
            }
            else
            {
                NodeHash(whole, proof[next], whole);
            }

            first >>= 1;
            last >>= 1;
            end1 >>= 1;
        }

        return end1 == 0 && sub.SequenceEqual(subtreeRoot) && whole.SequenceEqual(root);
    }

    /// <summary>Not empty, and beginning at a multiple of the power of two that holds it.</summary>
    public static bool IsSubtree(long start, long end)
    {
        if (start < 0 || end <= start)
        {
            return false;
        }

        var ceiling = BitOperations.RoundUpToPowerOf2((ulong)(end - start));
        return ((ulong)start & (ceiling - 1)) == 0;
    }

    /// <param name="leafHashes">Of the positions [from, from + count).</param>
    public static bool VerifyRange(
        long from, long size, IReadOnlyList<byte[]> leafHashes, IReadOnlyList<byte[]> proof, ReadOnlySpan<byte> root)
    {
        var to = from + leafHashes.Count;
        if (from < 0 || size < 0 || to < from || to > size || !AreHashes(proof) || !AreHashes(leafHashes))
        {
            return false;
        }

        var given = new Dictionary<(int, long), byte[]>();
        var next = 0;
        foreach (var subtree in Subtrees(0, from).Concat(Subtrees(to, size)))
        {
            if (next == proof.Count)
            {
                return false;
            }

            given[subtree] = proof[next++];
        }

        return next == proof.Count && Range(0, size, Node).AsSpan().SequenceEqual(root);

        byte[] Node(int level, long index)
        {
            if (given.TryGetValue((level, index), out var hash))
            {
                return hash;
            }

            return level == 0 ? leafHashes[(int)(index - from)] : NodeHash(Node(level - 1, 2 * index), Node(level - 1, (2 * index) + 1));
        }
    }

    private static bool AreHashes(IReadOnlyList<byte[]> hashes)
    {
        foreach (var hash in hashes)
        {
            if (hash.Length != HashLength)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>MTH of RFC 6962 of the leaves [from, to), where from is a multiple of the power of two that splits it.</summary>
    private static byte[] Range(long from, long to, MerkleNode node)
    {
        if (from == to)
        {
            return EmptyRoot;
        }

        byte[]? root = null;
        foreach (var (level, index) in Subtrees(from, to).Reverse())
        {
            root = root is null ? node(level, index) : NodeHash(node(level, index), root);
        }

        return root!;
    }

    /// <summary>The largest power of two below the count; the count is at least 2.</summary>
    private static long Split(long count) => 1L << (63 - BitOperations.LeadingZeroCount((ulong)(count - 1)));

    private static void Path(long index, long from, long to, MerkleNode node, List<byte[]> path)
    {
        if (to - from == 1)
        {
            return;
        }

        var middle = from + Split(to - from);
        if (index < middle)
        {
            Path(index, from, middle, node, path);
            path.Add(Range(middle, to, node));
        }
        else
        {
            Path(index, middle, to, node, path);
            path.Add(Range(from, middle, node));
        }
    }

    private static void Subproof(long older, long from, long to, bool isWhole, MerkleNode node, List<byte[]> path)
    {
        if (from + older == to)
        {
            if (!isWhole)
            {
                path.Add(Range(from, to, node));
            }

            return;
        }

        var split = Split(to - from);
        if (older <= split)
        {
            Subproof(older, from, from + split, isWhole, node, path);
            path.Add(Range(from + split, to, node));
        }
        else
        {
            Subproof(older - split, from + split, to, false, node, path);
            path.Add(Range(from, from + split, node));
        }
    }
}
