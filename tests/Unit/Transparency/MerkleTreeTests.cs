using System.Security.Cryptography;
using System.Text.Json;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Tests.Unit.Vectors;
using FsCheck;
using FsCheck.Fluent;

namespace Bulkhead.Tests.Unit.Transparency;

/// <summary>Hashes and proofs against a naive model, and against published vectors, good and tampered.</summary>
public sealed class MerkleTreeTests
{
    [VectorsFact]
    public void Every_published_vector_is_judged_as_published()
    {
        var folder = Path.Combine(Path.GetDirectoryName(Wycheproof.Folder)!, "merkle");
        var files = Directory.GetFiles(folder, "*.json", SearchOption.AllDirectories);
        Assert.True(files.Length > 400, $"{files.Length} vectors");
        foreach (var file in files)
        {
            using var json = JsonDocument.Parse(File.ReadAllText(file));
            var kind = Path.GetRelativePath(folder, file).Split(Path.DirectorySeparatorChar)[0];
            var holds = Judge(kind, json.RootElement);
            Assert.True(holds != json.RootElement.GetProperty("wantErr").GetBoolean(), file);
        }
    }

    [Fact]
    public void Proofs_of_random_trees_are_those_of_the_naive_model_and_hold() => Check.QuickThrowOnFailure(Prop.ForAll(
        Gen.Choose(1, 700).SelectMany(n => Gen.Choose(0, n), (n, a) => (n, a)).SelectMany(t => Gen.Choose(0, t.n), (t, b) => (t.n, t.a, b))
            .ToArbitrary(),
        t =>
        {
            var leaves = Leaves(t.n);
            var node = Stored(leaves);
            var root = Naive(leaves, 0, t.n);
            Assert.Equal(root, MerkleTree.Root(t.n, node));
            var (from, to) = (Math.Min(t.a, t.b), Math.Max(t.a, t.b));
            var range = MerkleTree.RangeProof(from, to, t.n, node);
            Assert.True(MerkleTree.VerifyRange(from, t.n, leaves[from..to], range, root));
            if (to > from)
            {
                Assert.False(MerkleTree.VerifyRange(from, t.n, [.. leaves[from..(to - 1)], SHA256.HashData([9])], range, root));
                Assert.False(MerkleTree.VerifyRange(from, t.n, leaves[from..(to - 1)], range, root));
            }

            if (from < t.n)
            {
                var path = MerkleTree.Inclusion(from, t.n, node);
                Assert.True(MerkleTree.VerifyInclusion(from, t.n, leaves[from], path, root));
                Assert.False(MerkleTree.VerifyInclusion(from, t.n, leaves[from], [.. path, root], root));
                Assert.False(MerkleTree.VerifyInclusion(from, t.n, SHA256.HashData([7]), path, root));
            }

            if (to > 0)
            {
                var proof = MerkleTree.Consistency(to, t.n, node);
                var older = Naive(leaves, 0, to);
                Assert.True(MerkleTree.VerifyConsistency(to, t.n, older, root, proof));
                Assert.False(MerkleTree.VerifyConsistency(to, t.n, SHA256.HashData(older), root, proof));
                Assert.False(MerkleTree.VerifyConsistency(to, t.n, older, root, [.. proof, root]));
            }
        }));

    [Fact]
    public void A_frontier_and_tiles_that_grow_in_batches_are_the_tree()
    {
        var leaves = Leaves(70_000);
        var frontier = new MerkleFrontier();
        var tiles = new Dictionary<(int, long), byte[]>();
        var random = new Random(4);
        for (var size = 0; size < leaves.Length;)
        {
            var batch = leaves[size..Math.Min(leaves.Length, size + random.Next(1, 900))];
            foreach (var (level, index, hashes) in Tiles.Grow(size, batch, (l, i) => tiles[(l, i)]))
            {
                tiles[(level, index)] = hashes;
            }

            frontier = new MerkleFrontier(frontier.Size, frontier.ToBytes());
            foreach (var leaf in batch)
            {
                frontier.Append(leaf);
            }

            size += batch.Length;
            if (size < 3000 || size == leaves.Length)
            {
                var root = Naive(leaves, 0, size);
                Assert.Equal(root, frontier.Root());
                Assert.Equal(root, MerkleTree.Root(size, Tiles.Reader(tiles)));
                var place = random.Next(size);
                Assert.True(MerkleTree.VerifyInclusion(
                    place, size, leaves[place], MerkleTree.Inclusion(place, size, Tiles.Reader(tiles)), root));
            }
        }
    }

    [Fact]
    public void Nothing_is_said_by_two_empty_trees_and_no_size_is_too_large()
    {
        Assert.False(MerkleTree.VerifyConsistency(0, 0, MerkleTree.EmptyRoot, MerkleTree.EmptyRoot, []));
        var hash = SHA256.HashData([1]);
        Assert.False(MerkleTree.VerifyInclusion(long.MaxValue - 1, long.MaxValue, hash, [hash], hash));
        Assert.False(MerkleTree.VerifyConsistency(long.MaxValue - 1, long.MaxValue, hash, hash, [hash]));
        Assert.False(MerkleTree.VerifyRange(0, long.MaxValue, [hash], [hash], hash));
        Assert.False(MerkleTree.VerifyRange(-1, 5, [hash], [hash], hash));
        Assert.False(MerkleTree.VerifyRange(long.MaxValue, long.MaxValue, [hash], [], hash));

        // Its end would begin anew below zero, and every subtree of the tree would be given: no leaf would be looked at.
        var everywhere = MerkleTree.Root(long.MaxValue, (_, _) => hash);
        Assert.False(MerkleTree.VerifyRange(long.MaxValue, long.MaxValue, [hash], [.. Enumerable.Repeat(hash, 127)], everywhere));
        Assert.False(MerkleTree.VerifyRange(0, -1, [], [], MerkleTree.EmptyRoot));
        Assert.False(MerkleTree.VerifyInclusion(0, 0, MerkleTree.EmptyRoot, [], MerkleTree.EmptyRoot));
        Assert.False(MerkleTree.VerifyInclusion(-1, 1, hash, [], hash));
        Assert.True(MerkleTree.VerifyInclusion(0, 1, hash, [], hash));
    }

    [Fact]
    public void What_is_no_hash_proves_nothing_and_throws_nothing()
    {
        var leaves = Leaves(3);
        var root = Naive(leaves, 0, 3);
        byte[][] none = [[], new byte[31], new byte[33], new byte[64]];
        foreach (var bytes in none)
        {
            Assert.False(MerkleTree.VerifyInclusion(0, 1, bytes, [], bytes));
            Assert.False(MerkleTree.VerifyInclusion(2, 3, bytes, [root], root));
            Assert.False(MerkleTree.VerifyInclusion(2, 3, leaves[2], [bytes], root));
            Assert.False(MerkleTree.VerifyConsistency(1, 1, bytes, bytes, []));
            Assert.False(MerkleTree.VerifyConsistency(2, 3, bytes, root, [leaves[2]]));
            Assert.False(MerkleTree.VerifyConsistency(2, 3, root, bytes, [leaves[2]]));
            Assert.False(MerkleTree.VerifyConsistency(2, 3, Naive(leaves, 0, 2), root, [bytes]));
            Assert.False(MerkleTree.VerifyRange(0, 1, [bytes], [], bytes));
            Assert.False(MerkleTree.VerifyRange(0, 3, [.. leaves[..2]], [bytes], root));
        }
    }

    /// <summary>The right half of a larger tree would pass for the whole of a smaller one, if a proof could go on after the root.</summary>
    [Fact]
    public void A_proof_ends_at_the_root()
    {
        var leaves = Leaves(8);
        var (left, right, root) = (Naive(leaves, 0, 4), Naive(leaves, 4, 8), Naive(leaves, 0, 8));
        Assert.False(MerkleTree.VerifyConsistency(4, 4, right, root, [left]));
        Assert.False(MerkleTree.VerifyConsistency(1, 1, leaves[7], Naive(leaves, 6, 8), [leaves[6]]));
        var path = MerkleTree.Inclusion(7, 8, Stored(leaves));
        Assert.True(MerkleTree.VerifyInclusion(7, 8, leaves[7], path, root));
        Assert.False(MerkleTree.VerifyInclusion(3, 4, leaves[7], path, root));
    }

    /// <summary>Every number of a proof counts.</summary>
    [Fact]
    public void A_proof_for_one_place_is_none_for_another()
    {
        var leaves = Leaves(23);
        var (node, root) = (Stored(leaves), Naive(leaves, 0, 23));
        for (var index = 0; index < 23; index++)
        {
            var path = MerkleTree.Inclusion(index, 23, node);
            for (var other = -1; other < 40; other++)
            {
                Assert.Equal(other == index, MerkleTree.VerifyInclusion(other, 23, leaves[index], path, root));
            }

            Assert.All(Enumerable.Range(0, path.Count), drop =>
                Assert.False(MerkleTree.VerifyInclusion(index, 23, leaves[index], [.. path[..drop], .. path[(drop + 1)..]], root)));
        }

        for (var from = 0; from <= 23; from++)
        {
            var to = Math.Min(23, from + 5);
            var proof = MerkleTree.RangeProof(from, to, 23, node);
            Assert.False(MerkleTree.VerifyRange(from, 23, leaves[from..to], [.. proof, root], root));
            for (var other = -2; other <= 23; other++)
            {
                Assert.Equal(other == from || from == to, MerkleTree.VerifyRange(other, 23, leaves[from..to], proof, root) || from == to);
            }
        }
    }

    private static bool Judge(string kind, JsonElement v)
    {
        var proof = v.GetProperty("proof").ValueKind == JsonValueKind.Null
            ? []
            : v.GetProperty("proof").EnumerateArray().Select(p => p.GetBytesFromBase64()).ToList();
        switch (kind)
        {
            case "inclusion":
                return Small(v, "leafIdx", out var index) && Small(v, "treeSize", out var size)
                    && MerkleTree.VerifyInclusion(index, size, Bytes(v, "leafHash"), proof, Bytes(v, "root"));
            case "consistency":
                return Small(v, "size1", out var older) && Small(v, "size2", out var newer)
                    && MerkleTree.VerifyConsistency(older, newer, Bytes(v, "root1"), Bytes(v, "root2"), proof);
            case "subtreeconsistency":
                return Small(v, "start", out var from) && Small(v, "end", out var to) && Small(v, "size", out var whole)
                    && MerkleTree.VerifySubtree(from, to, whole, Bytes(v, "root1"), Bytes(v, "root2"), proof);
            default:
                return Small(v, "leafIdx", out var leaf) && Small(v, "start", out var start) && Small(v, "end", out var end)
                    && MerkleTree.IsSubtree(start, end) && leaf >= start
                    && MerkleTree.VerifyInclusion(leaf - start, end - start, Bytes(v, "leafHash"), proof, Bytes(v, "root"));
        }
    }

    // Sizes of 2^63 and more are no sizes.
    private static bool Small(JsonElement v, string name, out long value)
    {
        value = 0;
        return !v.TryGetProperty(name, out var number) || number.TryGetInt64(out value);
    }

    /// <summary>Some vectors have words in place of a root that does not matter: any hash will do, the same for the same word.</summary>
    private static byte[] Bytes(JsonElement v, string name)
    {
        var bytes = v.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String ? text.GetBytesFromBase64() : [];
        return bytes.Length == MerkleTree.HashLength || name == "leafHash" ? bytes : SHA256.HashData(bytes);
    }

    private static byte[][] Leaves(int count) => [.. Enumerable.Range(0, count).Select(i => MerkleTree.LeafHash(BitConverter.GetBytes(i)))];

    private static byte[] Naive(byte[][] leaves, int from, int to)
    {
        if (from == to)
        {
            return SHA256.HashData([]);
        }

        if (to - from == 1)
        {
            return leaves[from];
        }

        var split = 1;
        while (split * 2 < to - from)
        {
            split *= 2;
        }

        return SHA256.HashData([1, .. Naive(leaves, from, from + split), .. Naive(leaves, from + split, to)]);
    }

    private static MerkleNode Stored(byte[][] leaves) => (level, index) =>
        Naive(leaves, (int)(index << level), (int)((index + 1) << level));
}
