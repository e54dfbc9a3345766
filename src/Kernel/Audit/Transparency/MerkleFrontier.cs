using System.Numerics;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>
/// The right edge of a growing tree: the hashes of its perfect subtrees, largest first. What is needed to append, and no more. Appending
/// allocates nothing.
/// </summary>
public sealed class MerkleFrontier
{
    private const int MostSubtrees = 63;

    private readonly byte[] _subtrees = new byte[MostSubtrees * MerkleTree.HashLength];

    /// <summary>Of the empty tree.</summary>
    public MerkleFrontier()
    {
    }

    /// <param name="bytes">As <see cref="ToBytes"/> gave them.</param>
    /// <exception cref="ArgumentException">A tree of the size has another number of subtrees.</exception>
    public MerkleFrontier(long size, ReadOnlySpan<byte> bytes)
    {
        if (size < 0 || bytes.Length != BitOperations.PopCount((ulong)size) * MerkleTree.HashLength)
        {
            throw new ArgumentException("The frontier is not that of a tree of the size.", nameof(bytes));
        }

        Size = size;
        bytes.CopyTo(_subtrees);
    }

    /// <summary>Leaves.</summary>
    public long Size { get; private set; }

    private int Count => BitOperations.PopCount((ulong)Size);

    public void Append(byte[] leafHash) => Append(leafHash.AsSpan());

    /// <exception cref="ArgumentException">It is no hash.</exception>
    /// <exception cref="InvalidOperationException">The tree has 2^63 - 1 leaves.</exception>
    public void Append(ReadOnlySpan<byte> leafHash)
    {
        if (leafHash.Length != MerkleTree.HashLength)
        {
            throw new ArgumentException($"A hash has {MerkleTree.HashLength} bytes.", nameof(leafHash));
        }

        if (Size == long.MaxValue)
        {
            throw new InvalidOperationException("The tree is full.");
        }

        Span<byte> hash = stackalloc byte[MerkleTree.HashLength];
        leafHash.CopyTo(hash);
        var at = Count;
        for (var size = Size; (size & 1) == 1; size >>= 1)
        {
            at--;
            MerkleTree.NodeHash(Subtree(at), hash, hash);
        }

        hash.CopyTo(Subtree(at));
        Size++;
    }

    /// <summary>Hashes a leaf and appends it.</summary>
    public void AppendLeaf(ReadOnlySpan<byte> leaf)
    {
        Span<byte> hash = stackalloc byte[MerkleTree.HashLength];
        MerkleTree.LeafHash(leaf, hash);
        Append(hash);
    }

    public byte[] Root()
    {
        if (Size == 0)
        {
            return [.. MerkleTree.EmptyRoot];
        }

        var root = Subtree(Count - 1).ToArray();
        for (var i = Count - 2; i >= 0; i--)
        {
            MerkleTree.NodeHash(Subtree(i), root, root);
        }

        return root;
    }

    public byte[] ToBytes() => _subtrees.AsSpan(0, Count * MerkleTree.HashLength).ToArray();

    private Span<byte> Subtree(int index) => _subtrees.AsSpan(index * MerkleTree.HashLength, MerkleTree.HashLength);
}
