using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Kernel.Audit.Integrity;

/// <summary>
/// A walk over what is stored of a log, from its first position on: the bodies, the tiles and the heads are compared with one another, and
/// at the end with the signed root, which decides who of those that differ was changed. Pure; its memory is bounded.
/// </summary>
/// <param name="size">Of the checkpoint that the walk ends at.</param>
/// <param name="root">Of that checkpoint; null when the checkpoint itself holds nothing.</param>
internal sealed class LogWalk(long size, byte[]? root)
{
    /// <summary>Entries that differ, kept one by one; what comes after them is told as one range.</summary>
    private const int MostDiffering = 10_000;

    private readonly MerkleFrontier _bodies = new();
    private readonly MerkleFrontier _tiles = new();
    private readonly Dictionary<(int Level, long Index), byte[]> _partial = [];
    private readonly List<(long Position, byte[] Sealed, byte[] Stored)> _differing = [];
    private readonly List<LogGap> _gaps = [];
    private long _head;

    public long Position => _tiles.Size;

    /// <summary>Takes the positions from <see cref="Position"/> on.</summary>
    /// <param name="leaves">The hash of what is stored at each; null where nothing is.</param>
    /// <param name="tile">Hashes of the tile of level 0; null when there is none.</param>
    /// <param name="heads">Heads of this log with sizes up to where these positions end, in order.</param>
    /// <returns>Tiles above level 0 as they must be: full ones, and at the end of the walk those that are not full.</returns>
    public List<(int Level, long Index, byte[] Hashes)> Take(
        IReadOnlyList<byte[]?> leaves, Func<long, byte[]?> tile, IReadOnlyList<(long Size, byte[] Root)> heads)
    {
        var before = Position;
        var hashes = new List<byte[]>(leaves.Count);
        var head = 0;
        foreach (var leaf in leaves)
        {
            hashes.Add(Take(leaf, tile));
            for (; head < heads.Count && heads[head].Size <= Position; head++)
            {
                var (at, expected) = heads[head];
                if (at == Position && !_tiles.Root().AsSpan().SequenceEqual(expected) && !_bodies.Root().AsSpan().SequenceEqual(expected))
                {
                    _gaps.Add(new(LogGapKind.HistoryChanged, _head, at));
                }

                _head = at;
            }
        }

        var grown = Tiles.Grow(before, hashes, (level, index) => _partial.GetValueOrDefault((level, index), []));
        foreach (var (level, index, content) in grown)
        {
            if (content.Length < Tiles.Width * MerkleTree.HashLength)
            {
                _partial[(level, index)] = content;
            }
            else
            {
                _partial.Remove((level, index));
            }
        }

        var isLast = Position == size;
        return
        [
            .. grown.Where(t => t.Level > 0 && t.Hashes.Length == Tiles.Width * MerkleTree.HashLength),
            .. isLast ? _partial.Where(t => t.Key.Level > 0).Select(t => (t.Key.Level, t.Key.Index, t.Value)) : [],
        ];
    }

    /// <summary>A tile above level 0 as it is stored; it may have grown beyond where the walk ends.</summary>
    public void Compare((int Level, long Index, byte[] Hashes) expected, byte[]? stored)
    {
        if (stored is null || stored.Length < expected.Hashes.Length
            || !stored.AsSpan(0, expected.Hashes.Length).SequenceEqual(expected.Hashes))
        {
            // The leaves below it.
            var (width, first) = ((Int128)1 << (8 * (expected.Level + 1)), (Int128)expected.Index << (8 * (expected.Level + 1)));
            _gaps.Add(new(LogGapKind.TreeChanged, (long)first, (long)Int128.Min(first + width, size)));
        }
    }

    /// <param name="frontier">As it is stored, of the tree of this size; null when it is of a newer one.</param>
    public List<LogGap> Finish(byte[]? frontier)
    {
        var tilesHold = root is not null && _tiles.Root().AsSpan().SequenceEqual(root);
        var bodiesHold = root is not null && _bodies.Root().AsSpan().SequenceEqual(root);
        if (frontier is not null && !frontier.AsSpan().SequenceEqual(_tiles.ToBytes())
            && !frontier.AsSpan().SequenceEqual(_bodies.ToBytes()))
        {
            _gaps.Add(new(LogGapKind.TreeChanged, 0, size));
        }

        if (root is not null && !tilesHold && !bodiesHold)
        {
            _gaps.Add(new(LogGapKind.HistoryChanged, 0, size));
        }

        var known = _differing.Select(d => Convert.ToHexString(d.Sealed)).ToHashSet();
        foreach (var (position, _, stored) in _differing)
        {
            // The bodies make the signed root: what was changed is the tile.
            var kind = bodiesHold && !tilesHold ? LogGapKind.TreeChanged
                : known.Contains(Convert.ToHexString(stored)) ? LogGapKind.EntryMoved : LogGapKind.EntryChanged;
            _gaps.Add(new(kind, position, position + 1));
        }

        return Joined(_gaps);
    }

    /// <summary>Grows the last range of its kind where it is its neighbour, so that a lost table is one finding and no million.</summary>
    public void Add(LogGapKind kind, long position)
    {
        var last = _gaps.FindLastIndex(g => g.Kind == kind);
        if (last >= 0 && _gaps[last].To == position)
        {
            _gaps[last] = _gaps[last] with { To = position + 1 };
        }
        else
        {
            _gaps.Add(new(kind, position, position + 1));
        }
    }

    private byte[] Take(byte[]? body, Func<long, byte[]?> tile)
    {
        var position = Position;
        var stored = tile(position / Tiles.Width);
        var at = (int)(position % Tiles.Width) * MerkleTree.HashLength;
        var hash = stored is not null && stored.Length >= at + MerkleTree.HashLength
            ? stored.AsSpan(at, MerkleTree.HashLength).ToArray()
            : null;
        if (hash is null)
        {
            _gaps.Add(new(LogGapKind.TreeChanged, position, position + 1));
        }

        if (body is null)
        {
            Add(LogGapKind.EntryMissing, position);
        }
        else if (hash is not null && !body.AsSpan().SequenceEqual(hash))
        {
            if (_differing.Count < MostDiffering)
            {
                _differing.Add((position, hash, body));
            }
            else
            {
                Add(LogGapKind.EntryChanged, position);
            }
        }

        // Where one of the two is not there, the other stands for it.
        hash ??= body ?? new byte[MerkleTree.HashLength];
        _tiles.Append(hash);
        _bodies.Append(body ?? hash);
        return hash;
    }

    private static List<LogGap> Joined(List<LogGap> gaps)
    {
        var joined = new List<LogGap>();
        // Single positions and whole tiles apart: the precise finding is not lost in the wide one.
        foreach (var gap in gaps.Distinct().OrderBy(g => g.Kind).ThenBy(g => g.To - g.From > 1).ThenBy(g => g.From))
        {
            if (joined.Count > 0 && joined[^1].Kind == gap.Kind && joined[^1].To == gap.From)
            {
                joined[^1] = joined[^1] with { To = gap.To };
            }
            else
            {
                joined.Add(gap);
            }
        }

        return joined;
    }
}
