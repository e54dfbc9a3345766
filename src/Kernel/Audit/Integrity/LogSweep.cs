using Bulkhead.Kernel.Audit.Retention;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Audit.Integrity;

/// <summary>Reads a tenant's whole log under the sealer's role, a chunk at a time, and says what does not hold of it.</summary>
internal sealed class LogSweep(SealerWork work, TenantPools pools, LogKeys keys, KernelOptions options)
{
    /// <summary>Positions that are read at once: whole tiles.</summary>
    private const int Chunk = 4 * Tiles.Width;

    private readonly string _control = new NpgsqlConnectionStringBuilder(options.AppConnection).Database ?? "bulkhead";

    /// <param name="pace">Called after each chunk with its positions.</param>
    public async Task<LogFindings> RunAsync(TenantEntry tenant, Func<int, Task> pace, CancellationToken cancellationToken)
    {
        // The heads first: the log is at least as long as every head of it that is shown.
        var longest = await LongestHeadAsync(tenant.Id, cancellationToken);
        var tree = await TreeAsync(tenant, cancellationToken);
        var size = tree?.Size ?? 0;
        var gaps = new List<LogGap>();
        if (longest > size)
        {
            gaps.Add(new(LogGapKind.HistoryChanged, size, longest));
        }

        if (tree is null || size == 0)
        {
            return new(gaps, size, tree?.CanGrow ?? true);
        }

        var root = keys.SignedRoot(tenant.Id, tree.Note, size);
        if (root is null)
        {
            gaps.Add(new(LogGapKind.CheckpointChanged, 0, size));
        }

        var walk = new LogWalk(size, root);
        List<(long From, long To)> announced = [];
        while (walk.Position < size)
        {
            var (from, to) = (walk.Position, Math.Min(size, walk.Position + Chunk));
            var chunk = await ChunkAsync(tenant, from, to, cancellationToken);
            if (!chunk.IsExpiryIn(announced))
            {
                announced = await AnnouncedAsync(tenant, cancellationToken);
                chunk.TakeOutUnless(announced);
            }

            var heads = await HeadsAsync(tenant.Id, from, to, cancellationToken);
            var upper = walk.Take(chunk.Leaves, index => chunk.Tiles.GetValueOrDefault(index), heads);
            foreach (var (kind, position) in chunk.Found.Distinct())
            {
                walk.Add(kind, position);
            }

            if (upper.Count > 0)
            {
                var stored = await UpperAsync(tenant, upper, cancellationToken);
                upper.ForEach(tile => walk.Compare(tile, stored.GetValueOrDefault((tile.Level, tile.Index))));
            }

            await pace((int)(to - from));
        }

        gaps.AddRange(walk.Finish(tree.Frontier));
        await ForgedAsync(tenant, tree, gaps, pace, cancellationToken);
        await ParkedAsync(tenant, gaps, cancellationToken);
        return new(gaps, size, tree.CanGrow);
    }

    private async Task<long> LongestHeadAsync(TenantId tenant, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        return await lease.Connection.ScalarAsync<long>(
            "select coalesce(max(size), 0) from control.head where tenant_id = $1", cancellationToken, tenant.Value);
    }

    private async Task<List<(long Size, byte[] Root)>> HeadsAsync(TenantId tenant, long from, long to, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        return await lease.Connection.ListAsync(
            "select size, substring(leaf from 41 for 32) from control.head where tenant_id = $1 and size > $2 and size <= $3 order by size",
            r => (r.GetInt64(0), r.GetFieldValue<byte[]>(1)),
            cancellationToken, tenant.Value, from, to);
    }

    private async Task<Tree?> TreeAsync(TenantEntry tenant, CancellationToken cancellationToken)
    {
        Tree? tree = null;
        await work.ReadAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"""
                select size, frontier, checkpoint, cursor_epoch, cursor_xid::text, cursor_id,
                    cursor_epoch = (select epoch from guard.cluster) and cursor_xid >= pg_snapshot_xmax(pg_current_snapshot())
                from {SealerWork.Core(tenant)}.audit_tree where tenant_id = $1
                """,
                [tenant.Id.Value],
                r => tree = new(
                    r.GetInt64(0), r.GetFieldValue<byte[]>(1), r.GetString(2), (r.GetInt32(3), r.GetString(4), r.GetGuid(5)), !r.GetBoolean(6))));
        return tree;
    }

    private async Task<LogChunk> ChunkAsync(TenantEntry tenant, long from, long to, CancellationToken cancellationToken)
    {
        var core = SealerWork.Core(tenant);
        var chunk = new LogChunk(from, to);
        await work.ReadAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"""
                select l.position, e.body, coalesce(e.commitments, x.commitments), x.digest, o.id is not null, d.id is not null, {EntryIndex.Columns}
                from {core}.audit_leaf l
                left join {core}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
                left join {core}.audit_expired x on x.tenant_id = l.tenant_id and x.position = l.position
                left join {core}.audit_opening o on o.tenant_id = e.tenant_id and o.id = e.id
                left join {core}.audit_disclosure d on d.tenant_id = e.tenant_id and d.id = e.id
                where l.tenant_id = $1 and l.position >= $2 and l.position < $3
                """,
                [tenant.Id.Value, from, to],
                chunk.Add),
            new SealerStatement(
                $"select index, hashes from {core}.audit_tile where tenant_id = $1 and level = 0 and index between $2 and $3",
                [tenant.Id.Value, from / Tiles.Width, (to - 1) / Tiles.Width],
                r => chunk.Tiles[r.GetInt64(0)] = r.GetFieldValue<byte[]>(1)));
        if (chunk.Named.Count > 0)
        {
            // Of an entry that expired meanwhile nothing is left to name.
            await work.ReadAsync(
                tenant,
                cancellationToken,
                new SealerStatement(
                    $"""
                    select u.position from unnest($2, $3, $4) as u(position, entry, record)
                    join {core}.audit_entry e on e.tenant_id = $1 and e.id = u.entry
                    where not exists (select 1 from {core}.audit_record r
                        where r.tenant_id = $1 and r.record = u.record and r.entry_id = u.entry)
                    """,
                    [
                        tenant.Id.Value, chunk.Named.Select(n => n.Position).ToArray(), chunk.Named.Select(n => n.Entry).ToArray(),
                        chunk.Named.Select(n => n.Record).ToArray(),
                    ],
                    r => chunk.Found.Add((LogGapKind.IndexChanged, r.GetInt64(0)))));
        }

        return chunk;
    }

    /// <summary>What all sealed entries announce that expires: also of those that were sealed since the walk began.</summary>
    private async Task<List<(long From, long To)>> AnnouncedAsync(TenantEntry tenant, CancellationToken cancellationToken)
    {
        var announced = new List<ExpiryAnnouncement>();
        await work.ReadAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"""
                select e.body, l.position from {SealerWork.Core(tenant)}.audit_entry e
                join {SealerWork.Core(tenant)}.audit_leaf l on l.tenant_id = e.tenant_id and l.entry_id = e.id
                where e.tenant_id = $1 and e.action = $2
                """,
                [tenant.Id.Value, ExpiryAnnouncement.Action],
                r =>
                {
                    if (ExpiryAnnouncement.Of(r.GetString(0), r.GetInt64(1)) is { } said)
                    {
                        announced.Add(said);
                    }
                }));
        return ExpiryAnnouncement.Union(announced);
    }

    private async Task<Dictionary<(int, long), byte[]>> UpperAsync(
        TenantEntry tenant, List<(int Level, long Index, byte[] Hashes)> expected, CancellationToken cancellationToken)
    {
        var tiles = new Dictionary<(int, long), byte[]>();
        await work.ReadAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"""
                select t.level, t.index, t.hashes from unnest($2, $3) as u(level, index)
                join {SealerWork.Core(tenant)}.audit_tile t on t.tenant_id = $1 and t.level = u.level and t.index = u.index
                """,
                [tenant.Id.Value, expected.Select(t => t.Level).ToArray(), expected.Select(t => t.Index).ToArray()],
                r => tiles[(r.GetInt32(0), r.GetInt64(1))] = r.GetFieldValue<byte[]>(2)));
        return tiles;
    }

    /// <summary>Entries up to the last one that was sealed, of which no position tells: in their own order, a chunk at a time.</summary>
    private async Task ForgedAsync(
        TenantEntry tenant, Tree tree, List<LogGap> gaps, Func<int, Task> pace, CancellationToken cancellationToken)
    {
        const int mostNamed = 1_000;
        var at = (Epoch: 0, Xid: "0", Id: Guid.Empty);
        for (var read = Chunk; read == Chunk;)
        {
            read = 0;
            await work.ReadAsync(
                tenant,
                cancellationToken,
                new SealerStatement(
                    $"""
                    select e.epoch, e.xid::text, e.id, l.position from (
                        select tenant_id, epoch, xid, id from {SealerWork.Core(tenant)}.audit_entry
                        where tenant_id = $1 and (epoch, xid, id) > ($2, $3::xid8, $4) and (epoch, xid, id) <= ($5, $6::xid8, $7)
                        order by epoch, xid, id limit {Chunk}) e
                    left join {SealerWork.Core(tenant)}.audit_leaf l on l.tenant_id = e.tenant_id and l.entry_id = e.id
                    order by e.epoch, e.xid, e.id
                    """,
                    [tenant.Id.Value, at.Epoch, at.Xid, at.Id, tree.Cursor.Epoch, tree.Cursor.Xid, tree.Cursor.Id],
                    r =>
                    {
                        read++;
                        at = (r.GetInt32(0), r.GetString(1), r.GetGuid(2));
                        // A leaf that the walk has named has lost its entry to this one, or the other way round: both are told.
                        if (r.IsDBNull(3) && gaps.Count < mostNamed)
                        {
                            gaps.Add(new(LogGapKind.EntryForged, 0, 0, r.GetGuid(2)));
                        }
                    }));
            await pace(read);
        }
    }

    /// <summary>Entries with ids of transactions that there cannot have been yet: put aside, so that they are not sealed, and not missed.</summary>
    private async Task ParkedAsync(TenantEntry tenant, List<LogGap> gaps, CancellationToken cancellationToken) =>
        await work.ReadAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"""
                select id from {SealerWork.Core(tenant)}.audit_entry
                where tenant_id = $1 and (epoch, xid) >= ((select epoch from guard.cluster), pg_snapshot_xmax(pg_current_snapshot()))
                order by epoch, xid, id limit 100
                """,
                [tenant.Id.Value],
                r => gaps.Add(new(LogGapKind.EntryForged, 0, 0, r.GetGuid(0)))));

    private sealed record Tree(long Size, byte[] Frontier, string Note, (int Epoch, string Xid, Guid Id) Cursor, bool CanGrow);
}

/// <param name="Size">Positions that the walk saw.</param>
/// <param name="CanGrow">False when what is written now would lie before what was sealed, and be a gap itself.</param>
internal sealed record LogFindings(List<LogGap> Gaps, long Size, bool CanGrow = true);
