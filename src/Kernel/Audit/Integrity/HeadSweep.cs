using System.Buffers.Binary;
using System.Data;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Audit.Integrity;

/// <summary>
/// Reads the whole log of heads, as <see cref="LogSweep"/> reads a tenant's: every export leans on it, so who edits a row of it makes exports
/// accuse the platform. Its heads, tiles, checkpoint and cosigned checkpoints are compared with one another.
/// </summary>
internal sealed class HeadSweep(TenantPools pools, LogKeys keys, KernelOptions options)
{
    /// <summary>Positions that are read at once: whole tiles.</summary>
    private const int Chunk = 4 * Tiles.Width;

    /// <summary>Tenants that are named of one range.</summary>
    private const int MostNamed = 1_000;

    private readonly string _control = new NpgsqlConnectionStringBuilder(options.AppConnection).Database ?? "bulkhead";

    /// <summary>The last that this process found whole: it cannot become shorter, or another one.</summary>
    private (long Size, byte[] Root)? _whole;

    /// <param name="pace">Called after each chunk with its positions.</param>
    public async Task<HeadFindings> RunAsync(Func<int, Task> pace, CancellationToken cancellationToken)
    {
        var found = new HeadFindings();
        var (size, frontier, note) = await TreeAsync(found, cancellationToken);
        var root = size > 0 ? keys.SignedRoot(null, note, size) : MerkleTree.EmptyRoot;
        if (root is null)
        {
            found.Add(null, 0, size);
        }

        if (_whole is { } before && before.Size > size)
        {
            found.Add(null, size, before.Size);
        }

        var walk = new LogWalk(size, root);
        while (walk.Position < size)
        {
            var (from, to) = (walk.Position, Math.Min(size, walk.Position + Chunk));
            var (leaves, tiles) = await ChunkAsync(from, to, found, cancellationToken);
            var upper = walk.Take(leaves, index => tiles.GetValueOrDefault(index), await RootsAsync(from, to, cancellationToken));
            if (upper.Count > 0)
            {
                var stored = await UpperAsync(upper, cancellationToken);
                upper.ForEach(tile => walk.Compare(tile, stored.GetValueOrDefault((tile.Level, tile.Index))));
            }

            await pace((int)(to - from));
        }

        foreach (var gap in size > 0 ? walk.Finish(frontier) : [])
        {
            await NameAsync(gap, found, cancellationToken);
        }

        if (found.IsEmpty)
        {
            _whole = (size, root!);
        }

        return found;
    }

    private async Task<(long Size, byte[] Frontier, string Note)> TreeAsync(HeadFindings found, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        // Of one moment: heads come while it is read.
        await using var transaction = await lease.Connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        var trees = await lease.Connection.ListAsync(
            "select size, frontier, note from control.head_tree",
            r => (Size: r.GetInt64(0), Frontier: r.GetFieldValue<byte[]>(1), Note: r.GetString(2)),
            cancellationToken);
        var tree = trees is [var only] ? only : (0, [], "");
        foreach (var (tenant, position) in await lease.Connection.ListAsync(
            $"select tenant_id, position from control.head where position < 0 or position >= $1 order by position limit {MostNamed}",
            r => (new TenantId(r.GetGuid(0)), r.GetInt64(1)),
            cancellationToken, tree.Size))
        {
            found.Add(tenant, position, position + 1);
        }

        var cosigned = await lease.Connection.ScalarAsync<long>(
            "select coalesce(max(size), 0) from control.cosigned", cancellationToken);
        if (cosigned > tree.Size)
        {
            found.Add(null, tree.Size, cosigned);
        }

        await transaction.CommitAsync(cancellationToken);
        return tree;
    }

    private async Task<(byte[]?[] Leaves, Dictionary<long, byte[]> Tiles)> ChunkAsync(
        long from, long to, HeadFindings found, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        var leaves = new byte[]?[to - from];
        foreach (var head in await lease.Connection.ListAsync(
            "select position, tenant_id, size, leaf, note from control.head where position >= $1 and position < $2",
            r => new Head(r.GetInt64(0), new TenantId(r.GetGuid(1)), r.GetInt64(2), r.GetFieldValue<byte[]>(3), r.GetString(4)),
            cancellationToken, from, to))
        {
            leaves[head.Position - from] = MerkleTree.LeafHash(head.Leaf);
            if (!IsWhole(head))
            {
                found.Add(head.Tenant, head.Position, head.Position + 1);
            }
        }

        var tiles = await lease.Connection.ListAsync(
            "select index, hashes from control.head_tile where level = 0 and index between $1 and $2",
            r => (r.GetInt64(0), r.GetFieldValue<byte[]>(1)),
            cancellationToken, from / Tiles.Width, (to - 1) / Tiles.Width);
        return (leaves, tiles.ToDictionary());
    }

    /// <summary>Does what stands beside the leaf say the same: whose it is, its size, and the checkpoint that the tenant's log signed?</summary>
    private bool IsWhole(Head head)
    {
        if (head.Leaf.Length != HeadLog.LeafLength
            || !head.Leaf.AsSpan(0, 32).SequenceEqual(HeadLog.LabelOf(LogKeys.OriginOf(head.Tenant)))
            || BinaryPrimitives.ReadInt64BigEndian(head.Leaf.AsSpan(32)) != head.Size)
        {
            return false;
        }

        // A tenant that this process does not know yet has a key in the next walk.
        var root = keys.Find(head.Tenant) is null
            ? AuditLog.CheckpointOf(head.Note) is { } said && said.Size == head.Size ? said.Root : null
            : keys.SignedRoot(head.Tenant, head.Note, head.Size);
        return root is not null && head.Leaf.AsSpan(40, 32).SequenceEqual(root);
    }

    /// <summary>Roots of the tree at some sizes, as witnesses signed them, and as this process saw it.</summary>
    private async Task<List<(long Size, byte[] Root)>> RootsAsync(long from, long to, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        var roots = await lease.Connection.ListAsync(
            "select size, note from control.cosigned where size > $1 and size <= $2",
            // Zeros are the root of no tree.
            r => (Size: r.GetInt64(0), Root: keys.SignedRoot(null, r.GetString(1), r.GetInt64(0)) ?? new byte[MerkleTree.HashLength]),
            cancellationToken, from, to);
        if (_whole is { } before && before.Size > from && before.Size <= to)
        {
            roots.Add(before);
        }

        return [.. roots.OrderBy(r => r.Size)];
    }

    private async Task<Dictionary<(int, long), byte[]>> UpperAsync(
        List<(int Level, long Index, byte[] Hashes)> expected, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        return (await lease.Connection.ListAsync(
            """
            select t.level, t.index, t.hashes from unnest($1, $2) as u(level, index)
            join control.head_tile t on t.level = u.level and t.index = u.index
            """,
            r => ((r.GetInt32(0), r.GetInt64(1)), r.GetFieldValue<byte[]>(2)),
            cancellationToken,
            expected.Select(t => t.Level).ToArray(),
            expected.Select(t => t.Index).ToArray())).ToDictionary();
    }

    /// <summary>Of heads that differ the rows say whose they are; of what is gone, and of the tree, nothing does.</summary>
    private async Task NameAsync(LogGap gap, HeadFindings found, CancellationToken cancellationToken)
    {
        List<(TenantId Tenant, long From, long To)> owners = [];
        if (gap.Kind is LogGapKind.EntryChanged or LogGapKind.EntryMoved)
        {
            await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
            owners = await lease.Connection.ListAsync(
                $"""
                select tenant_id, min(position), max(position) + 1 from control.head where position >= $1 and position < $2
                group by tenant_id limit {MostNamed}
                """,
                r => (new TenantId(r.GetGuid(0)), r.GetInt64(1), r.GetInt64(2)),
                cancellationToken, gap.From, gap.To);
        }

        if (owners.Count == 0)
        {
            found.Add(null, gap.From, gap.To);
        }

        owners.ForEach(owner => found.Add(owner.Tenant, owner.From, owner.To));
    }

    private sealed record Head(long Position, TenantId Tenant, long Size, byte[] Leaf, string Note);
}

/// <summary>What does not hold of the log of heads: of each tenant one range, from the first position that it concerns to the last.</summary>
internal sealed class HeadFindings
{
    private readonly Dictionary<Guid, (long From, long To)> _ranges = [];

    public bool IsEmpty => _ranges.Count == 0;

    /// <summary>Null is the installation: no row says whose it is.</summary>
    public IEnumerable<TenantId?> Tenants => _ranges.Keys.Select(id => id == Guid.Empty ? (TenantId?)null : new TenantId(id));

    public List<LogGap> Of(TenantId? tenant) =>
        _ranges.TryGetValue(tenant?.Value ?? Guid.Empty, out var range) ? [new(LogGapKind.HeadsChanged, range.From, range.To)] : [];

    public void Add(TenantId? tenant, long from, long to)
    {
        var id = tenant?.Value ?? Guid.Empty;
        _ranges[id] = _ranges.TryGetValue(id, out var range) ? (Math.Min(range.From, from), Math.Max(range.To, to)) : (from, to);
    }
}
