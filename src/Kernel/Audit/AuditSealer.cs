using System.Collections.Concurrent;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;
using NpgsqlTypes;

namespace Bulkhead.Kernel.Audit;

/// <summary>What a tenant's log grew to.</summary>
/// <param name="Refused">Entries that were passed by: the platform did not write them so, or they were sealed before.</param>
internal sealed record SealedHead(TenantId Tenant, long Size, byte[] Root, DateTimeOffset At, string Note, int Refused = 0);

/// <summary>
/// Gives entries their positions, grows the tree and signs its checkpoint: one transaction per tenant, two round trips, under the sealer's
/// own role. Who else would seal the same log at the time is passed by: the lock on the tree's row is the lease, and ends with the
/// connection that holds it. Only entries below the snapshot horizon are taken, in the order of the clusters that they were written in, their
/// transactions' ids and then their own: whoever begins later comes later, so there is nothing that could still come before what was taken.
/// An entry that the platform did not write (<see cref="EntryMacs"/>) gets no position: the sweep names it.
/// </summary>
internal sealed class AuditSealer(TenantPools pools, Catalogue catalogue, LogKeys keys, EntryMacs macs, KernelOptions options, TimeProvider time)
{
    private const int MaxTileLevel = 7;

    /// <summary>The last that this process signed of each log, and that was committed: a database that was set back is not signed further.</summary>
    private readonly ConcurrentDictionary<TenantId, (long Size, byte[] Root)> _signed = new();

    /// <returns>Null when there was nothing to seal, or somebody else is at it.</returns>
    public async Task<SealedHead?> SealAsync(TenantEntry tenant, CancellationToken cancellationToken)
    {
        if (!catalogue.Current.Capabilities.TryGetValue(tenant.Id, out var capability))
        {
            return null;
        }

        var unit = tenant.Placement.Unit;
        await using var lease = await pools.OpenSealerAsync(unit.Database, cancellationToken);
        await using var transaction = await lease.Connection.BeginTransactionAsync(cancellationToken);
        var core = unit.CoreSchema.Quoted;
        var (tree, taken) = await ReadAsync(lease.Connection, core, tenant.Id, capability, cancellationToken);
        if (tree is null || taken.Count == 0)
        {
            await (tree is null ? BeginAsync(lease.Connection, core, tenant.Id, cancellationToken) : Task.CompletedTask);
            await transaction.CommitAsync(cancellationToken);
            return null;
        }

        var entries = taken.FindAll(entry => entry.IsGenuine);
        var frontier = new MerkleFrontier(tree.Size, tree.Frontier);
        var leaves = entries.ConvertAll(entry => entry.LeafHash);
        var tiles = Tiles.Grow(tree.Size, leaves, (level, index) => tree.Tiles[(level, index)]);
        leaves.ForEach(frontier.Append);
        var at = time.GetUtcNow();
        var checkpoint = new Checkpoint(LogKeys.OriginOf(tenant.Id), frontier.Size, frontier.Root(), at);
        var note = entries.Count == 0 ? tree.Note : keys.Sign(tenant.Id, checkpoint.ToString()).ToString();
        await WriteAsync(lease.Connection, core, tenant.Id, tree, entries, taken[^1], tiles, frontier, note, at, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        _signed[tenant.Id] = (frontier.Size, frontier.Root());
        // What was refused alone makes no new head.
        var head = entries.Count == 0 && tree.Size > 0 ? HeadOf(tenant.Id, note) : new(tenant.Id, frontier.Size, checkpoint.Root, at, note);
        return head with { Refused = taken.Count - entries.Count };
    }

    /// <summary>The heads of all logs that are there, for a log of heads that missed some.</summary>
    public async Task<SealedHead?> HeadAsync(TenantEntry tenant, CancellationToken cancellationToken)
    {
        if (!catalogue.Current.Capabilities.TryGetValue(tenant.Id, out var capability))
        {
            return null;
        }

        var unit = tenant.Placement.Unit;
        await using var lease = await pools.OpenSealerAsync(unit.Database, cancellationToken);
        await using var batch = new NpgsqlBatch(lease.Connection);
        batch.BatchCommands.Add(Present(capability));
        var read = new NpgsqlBatchCommand($"select checkpoint from {unit.CoreSchema.Quoted}.audit_tree where size > 0");
        batch.BatchCommands.Add(read);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return null;
        }

        return HeadOf(tenant.Id, reader.GetString(0));
    }

    private static SealedHead HeadOf(TenantId tenant, string note) =>
        SignedNote.Parse(note) is { } signed && Checkpoint.Parse(signed.Text) is { At: { } at } checkpoint
            ? new(tenant, checkpoint.Size, checkpoint.Root, at, note)
            : throw new InvalidOperationException("A checkpoint of the database is none.");

    private static NpgsqlBatchCommand Present(Guid capability)
    {
        var present = new NpgsqlBatchCommand("select set_config('bulkhead.capability', $1, true)");
        present.Parameters.Add(new NpgsqlParameter<string> { TypedValue = capability.ToString() });
        return present;
    }

    private async Task<(Tree? Tree, List<Entry> Entries)> ReadAsync(
        NpgsqlConnection connection, string core, TenantId tenant, Guid capability, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(Present(capability));
        batch.BatchCommands.Add(Of(
            $"""
            select size, frontier, checkpoint, cursor_epoch = (select epoch from guard.cluster) and cursor_xid >= pg_snapshot_xmax(pg_current_snapshot())
            from {core}.audit_tree where tenant_id = $1 for update skip locked
            """,
            tenant.Value));
        batch.BatchCommands.Add(Of(
            $"""
            select t.level, t.index, t.hashes from {core}.audit_tree a cross join generate_series(0, {MaxTileLevel}) l
            join {core}.audit_tile t on t.tenant_id = a.tenant_id and t.level = l and t.index = (a.size >> (8 * l)) / 256
            where a.tenant_id = $1
            """,
            tenant.Value));
        batch.BatchCommands.Add(Of(
            $"""
            select e.epoch, e.xid::text, e.id, e.body, e.commitments, e.mac,
                exists (select 1 from {core}.audit_leaf l where l.tenant_id = e.tenant_id and l.entry_id = e.id)
            from {core}.audit_entry e, {core}.audit_tree a
            where a.tenant_id = $1 and e.tenant_id = $1 and (e.epoch, e.xid, e.id) > (a.cursor_epoch, a.cursor_xid, a.cursor_id)
              and (e.epoch < (select epoch from guard.cluster) or e.xid < pg_snapshot_xmin(pg_current_snapshot()))
            order by e.epoch, e.xid, e.id limit $2
            """,
            tenant.Value,
            (long)options.AuditSealingBatch));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        Tree? tree = null;
        if (await reader.ReadAsync(cancellationToken))
        {
            if (reader.GetBoolean(3))
            {
                // What is written here now would sort before what was taken, and never be sealed.
                throw new InvalidOperationException(
                    "The log was sealed in another cluster. Next step: stop all processes and start one that has the deployer's credential");
            }

            tree = new(reader.GetInt64(0), reader.GetFieldValue<byte[]>(1), reader.GetString(2), []);
            RequireSigned(tenant, tree);
        }

        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            tree?.Tiles.Add((reader.GetInt32(0), reader.GetInt64(1)), reader.GetFieldValue<byte[]>(2));
        }

        await reader.NextResultAsync(cancellationToken);
        var entries = new List<Entry>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var (body, commitments) = (reader.GetString(3), reader.GetString(4));
            entries.Add(new(
                reader.GetInt32(0),
                reader.GetString(1),
                reader.GetGuid(2),
                AuditLeaf.HashOf(body, commitments),
                !reader.GetBoolean(6) && macs.Holds(tenant, reader.GetGuid(2), body, commitments, reader.GetFieldValue<byte[]>(5))));
        }

        return (tree, entries);
    }

    /// <summary>What the log's key has not signed is not signed further: somebody rewrote the tree. Nor what it signed before it signed more.</summary>
    private void RequireSigned(TenantId tenant, Tree tree)
    {
        var root = tree.Size > 0 ? new MerkleFrontier(tree.Size, tree.Frontier).Root() : MerkleTree.EmptyRoot;
        if (tree.Size > 0 && !root.AsSpan().SequenceEqual(keys.SignedRoot(tenant, tree.Note, tree.Size)))
        {
            throw new InvalidOperationException("The stored tree is not the one that was signed. Next step: docs/audit-integrity.md");
        }

        if (_signed.TryGetValue(tenant, out var last)
            && (tree.Size < last.Size || (tree.Size == last.Size && !root.AsSpan().SequenceEqual(last.Root))))
        {
            throw new InvalidOperationException(
                $"The log was set back: {last.Size} entries were signed, and the stored tree has {tree.Size}. Next step: docs/audit-integrity.md");
        }
    }

    /// <summary>The empty tree, for a tenant whose log was not begun; nothing when somebody else has it locked.</summary>
    private async Task BeginAsync(NpgsqlConnection connection, string core, TenantId tenant, CancellationToken cancellationToken)
    {
        await using var begin = new NpgsqlCommand(
            $"""
            insert into {core}.audit_tree (tenant_id, size, cursor_epoch, cursor_xid, cursor_id, frontier, checkpoint, sealed_at)
            values ($1, 0, 0, '0', '00000000-0000-0000-0000-000000000000', '', '', $2) on conflict do nothing
            """,
            connection);
        begin.Parameters.Add(new() { Value = tenant.Value });
        begin.Parameters.Add(new() { Value = time.GetUtcNow().UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        await begin.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task WriteAsync(
        NpgsqlConnection connection,
        string core,
        TenantId tenant,
        Tree tree,
        List<Entry> entries,
        Entry last,
        List<(int Level, long Index, byte[] Hashes)> tiles,
        MerkleFrontier frontier,
        string note,
        DateTimeOffset at,
        CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(Of(
            $"insert into {core}.audit_leaf (tenant_id, position, entry_id) select $1, $2 + u.n - 1, u.id from unnest($3) with ordinality as u(id, n)",
            tenant.Value,
            tree.Size,
            entries.Select(entry => entry.Id).ToArray()));
        batch.BatchCommands.Add(Of(
            $"""
            insert into {core}.audit_tile (tenant_id, level, index, hashes)
            select $1, u.level, u.index, u.hashes from unnest($2, $3, $4) as u(level, index, hashes)
            on conflict (tenant_id, level, index) do update set hashes = excluded.hashes
            """,
            tenant.Value,
            tiles.Select(tile => tile.Level).ToArray(),
            tiles.Select(tile => tile.Index).ToArray(),
            tiles.Select(tile => tile.Hashes).ToArray()));
        batch.BatchCommands.Add(Of(
            $"""
            update {core}.audit_tree set size = $2, cursor_xid = $3::xid8, cursor_id = $4, frontier = $5, checkpoint = $6, sealed_at = $7,
                cursor_epoch = $9
            where tenant_id = $1 and size = $8
            """,
            tenant.Value,
            frontier.Size,
            last.Xid,
            last.Id,
            frontier.ToBytes(),
            note,
            at.UtcDateTime,
            tree.Size,
            last.Epoch));
        var written = await batch.ExecuteNonQueryAsync(cancellationToken);
        if (written != entries.Count + tiles.Count + 1)
        {
            // Cannot be, under the lock. Nothing is committed.
            throw new InvalidOperationException("A log was grown by somebody else under the sealer's lock.");
        }
    }

    private static NpgsqlBatchCommand Of(string text, params object[] values)
    {
        var command = new NpgsqlBatchCommand(text);
        foreach (var value in values)
        {
            command.Parameters.Add(value is DateTime ? new() { Value = value, NpgsqlDbType = NpgsqlDbType.TimestampTz } : new() { Value = value });
        }

        return command;
    }

    private sealed record Tree(long Size, byte[] Frontier, string Note, Dictionary<(int Level, long Index), byte[]> Tiles);

    private sealed record Entry(int Epoch, string Xid, Guid Id, byte[] LeafHash, bool IsGenuine);
}
