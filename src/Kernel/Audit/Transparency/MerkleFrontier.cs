using System.Numerics;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>The right edge of a growing tree: the hashes of its perfect subtrees, largest first. What is needed to append, and no more.</summary>
public sealed class MerkleFrontier
{
    private readonly List<byte[]> _subtrees = [];

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
        for (var i = 0; i < bytes.Length; i += MerkleTree.HashLength)
        {
            _subtrees.Add(bytes.Slice(i, MerkleTree.HashLength).ToArray());
        }
    }

    /// <summary>Leaves.</summary>
    public long Size { get; private set; }

    public void Append(byte[] leafHash)
    {
        var hash = leafHash;
        for (var size = Size; (size & 1) == 1; size >>= 1)
        {
            hash = MerkleTree.NodeHash(_subtrees[^1], hash);
            _subtrees.RemoveAt(_subtrees.Count - 1);
        }

        _subtrees.Add(hash);
        Size++;
    }

    public byte[] Root()
    {
        if (_subtrees.Count == 0)
        {
            return MerkleTree.EmptyRoot;
        }

        var root = _subtrees[^1];
        for (var i = _subtrees.Count - 2; i >= 0; i--)
        {
            root = MerkleTree.NodeHash(_subtrees[i], root);
        }

        return root;
    }

    public byte[] ToBytes()
    {
        var bytes = new byte[_subtrees.Count * MerkleTree.HashLength];
        for (var i = 0; i < _subtrees.Count; i++)
        {
            _subtrees[i].CopyTo(bytes, i * MerkleTree.HashLength);
        }

        return bytes;
    }
}
