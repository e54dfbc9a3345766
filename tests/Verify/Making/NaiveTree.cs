using System.Security.Cryptography;

namespace Bulkhead.Tests.Verify.Making;

/// <summary>RFC 6962 section 2.1 word for word, by recursion over all leaves: slow, and with nothing of the verifier's own ways.</summary>
internal static class NaiveTree
{
    public static byte[] Leaf(byte[] leaf) => SHA256.HashData([0, .. leaf]);

    public static byte[] Root(ReadOnlySpan<byte[]> leaves)
    {
        if (leaves.IsEmpty)
        {
            return SHA256.HashData([]);
        }

        if (leaves.Length == 1)
        {
            return Leaf(leaves[0]);
        }

        var k = Split(leaves.Length);
        return Node(Root(leaves[..k]), Root(leaves[k..]));
    }

    /// <summary>PATH(m, D[n])</summary>
    public static List<byte[]> Path(int m, ReadOnlySpan<byte[]> leaves)
    {
        if (leaves.Length == 1)
        {
            return [];
        }

        var k = Split(leaves.Length);
        return m < k
            ? [.. Path(m, leaves[..k]), Root(leaves[k..])]
            : [.. Path(m - k, leaves[k..]), Root(leaves[..k])];
    }

    /// <summary>PROOF(m, D[n])</summary>
    public static List<byte[]> Consistency(int m, ReadOnlySpan<byte[]> leaves) => m == 0 ? [] : SubProof(m, leaves, true);

    /// <summary>The roots of the subtrees left and right of [from, to), as the document says.</summary>
    public static List<byte[]> Range(int from, int to, byte[][] leaves)
    {
        List<byte[]> roots = [];
        var at = 0;
        for (var size = 1 << 20; size > 0; size >>= 1)
        {
            if ((from & size) != 0)
            {
                roots.Add(Root(leaves.AsSpan(at, size)));
                at += size;
            }
        }

        for (at = to; at < leaves.Length;)
        {
            var size = 1;
            while (at % (size * 2) == 0 && at + (size * 2) <= leaves.Length)
            {
                size *= 2;
            }

            roots.Add(Root(leaves.AsSpan(at, size)));
            at += size;
        }

        return roots;
    }

    private static List<byte[]> SubProof(int m, ReadOnlySpan<byte[]> leaves, bool whole)
    {
        if (m == leaves.Length)
        {
            return whole ? [] : [Root(leaves)];
        }

        var k = Split(leaves.Length);
        return m <= k
            ? [.. SubProof(m, leaves[..k], whole), Root(leaves[k..])]
            : [.. SubProof(m - k, leaves[k..], false), Root(leaves[..k])];
    }

    private static byte[] Node(byte[] left, byte[] right) => SHA256.HashData([1, .. left, .. right]);

    private static int Split(int n)
    {
        var k = 1;
        while (k * 2 < n)
        {
            k *= 2;
        }

        return k;
    }
}
