using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.Unit.Transparency;

public sealed class MerkleFrontierTests
{
    [Fact]
    public void Appending_a_leaf_hashes_it_and_allocates_nothing()
    {
        var (leaves, hashes) = (new MerkleFrontier(), new MerkleFrontier());
        var leaf = new byte[256];
        leaves.AppendLeaf(leaf);
        hashes.Append(MerkleTree.LeafHash(leaf));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 5000; i++)
        {
            leaf[i % 256]++;
            leaves.AppendLeaf(leaf);
        }

        // Less than one byte a leaf: nothing is allocated for each, whatever the runtime does once.
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 4096, $"{GC.GetAllocatedBytesForCurrentThread() - before} bytes");
        leaf = new byte[256];
        for (var i = 0; i < 5000; i++)
        {
            leaf[i % 256]++;
            hashes.Append(MerkleTree.LeafHash(leaf));
        }

        Assert.Equal(hashes.Root(), leaves.Root());
    }

    [Fact]
    public void The_hash_that_was_appended_is_the_callers_to_reuse()
    {
        var frontier = new MerkleFrontier();
        var hash = MerkleTree.LeafHash([1]);
        frontier.Append(hash);
        var root = frontier.Root();
        hash[0]++;
        Assert.Equal(root, frontier.Root());
        frontier.Root()[0]++;
        new MerkleFrontier().Root()[0]++;
        Assert.Equal(root, frontier.Root());
        Assert.Equal(System.Security.Cryptography.SHA256.HashData([]), MerkleTree.EmptyRoot);
    }

    [Fact]
    public void A_frontier_of_another_size_is_refused()
    {
        var bytes = new byte[3 * MerkleTree.HashLength];
        Assert.Equal(7, new MerkleFrontier(7, bytes).Size);
        Assert.Throws<ArgumentException>(() => new MerkleFrontier(6, bytes));
        Assert.Throws<ArgumentException>(() => new MerkleFrontier(7, bytes.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => new MerkleFrontier(-1, new byte[64 * MerkleTree.HashLength]));
        Assert.Throws<ArgumentException>(() => new MerkleFrontier().Append(new byte[31]));
        Assert.Throws<ArgumentException>(() => new MerkleFrontier().Append(new byte[33]));
    }

    [Fact]
    public void A_full_tree_takes_no_leaf_and_overflows_nowhere()
    {
        var frontier = new MerkleFrontier(long.MaxValue - 1, new byte[62 * MerkleTree.HashLength]);
        frontier.Append(new byte[MerkleTree.HashLength]);
        Assert.Equal(long.MaxValue, frontier.Size);
        Assert.Equal(63 * MerkleTree.HashLength, frontier.ToBytes().Length);
        Assert.Throws<InvalidOperationException>(() => frontier.Append(new byte[MerkleTree.HashLength]));
    }
}
