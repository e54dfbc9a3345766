namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>
/// How a tree is stored: tiles of up to 256 hashes (C2SP tlog-tiles). A tile of level 0 has leaf hashes, one of level n the roots of full
/// tiles below. Subtrees between are hashed from the tile that holds them.
/// </summary>
public static class Tiles
{
    public const int Width = 256;
    private const int Height = 8;
    private const int MaxLevel = 7;

    /// <summary>Adds to the tiles what a tree that grew by leaves has more: full tiles hand their root up.</summary>
    /// <param name="size">Before.</param>
    /// <param name="leafHashes">Of the leaves that came, in order.</param>
    /// <param name="stored">Hashes of the partial tile that is the last of its level, empty for none; asked once for each level.</param>
    /// <returns>Tiles that changed or came, with all their hashes.</returns>
    public static List<(int Level, long Index, byte[] Hashes)> Grow(
        long size, IReadOnlyList<byte[]> leafHashes, Func<int, long, byte[]> stored)
    {
        var changed = new List<(int, long, byte[])>();
        var hashes = leafHashes;
        for (var level = 0; hashes.Count > 0 && level <= MaxLevel; level++)
        {
            var index = size / Width;
            var filled = (int)(size % Width);
            var tile = new byte[Width * MerkleTree.HashLength];
            if (filled > 0)
            {
                stored(level, index).AsSpan(0, filled * MerkleTree.HashLength).CopyTo(tile);
            }

            var roots = new List<byte[]>();
            foreach (var hash in hashes)
            {
                hash.CopyTo(tile, filled * MerkleTree.HashLength);
                if (++filled == Width)
                {
                    changed.Add((level, index, tile));
                    roots.Add(Root(tile, 0, Width));
                    tile = new byte[Width * MerkleTree.HashLength];
                    filled = 0;
                    index++;
                }
            }

            if (filled > 0)
            {
                changed.Add((level, index, tile.AsSpan(0, filled * MerkleTree.HashLength).ToArray()));
            }

            hashes = roots;
            size /= Width;
        }

        return changed;
    }

    /// <summary>Tiles that the proofs of a tree need, by the subtree that is asked for: the place of its hashes.</summary>
    public static (int Level, long Index, int First, int Count) PlaceOf(int level, long index)
    {
        var tileLevel = level / Height;
        var count = 1 << (level % Height);
        var first = index * count;
        return (tileLevel, first / Width, (int)(first % Width), count);
    }

    /// <summary>Reads subtrees out of tiles that were read before.</summary>
    public static MerkleNode Reader(IReadOnlyDictionary<(int Level, long Index), byte[]> tiles) => (level, index) =>
    {
        var (tileLevel, tileIndex, first, count) = PlaceOf(level, index);
        return Root(tiles[(tileLevel, tileIndex)], first, count);
    };

    /// <summary>The tiles that a proof reads: runs it once, and writes down what it asks for.</summary>
    public static HashSet<(int Level, long Index)> Needed(Action<MerkleNode> proof)
    {
        var needed = new HashSet<(int, long)>();
        proof((level, index) =>
        {
            var (tileLevel, tileIndex, _, _) = PlaceOf(level, index);
            needed.Add((tileLevel, tileIndex));
            return MerkleTree.EmptyRoot;
        });
        return needed;
    }

    private static byte[] Root(byte[] tile, int first, int count)
    {
        if (count == 1)
        {
            return tile.AsSpan(first * MerkleTree.HashLength, MerkleTree.HashLength).ToArray();
        }

        return MerkleTree.NodeHash(Root(tile, first, count / 2), Root(tile, first + (count / 2), count / 2));
    }
}
