using Bulkhead.Kernel.Audit.Retention;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Audit;

/// <param name="Note">The signed checkpoint; empty while nothing is sealed.</param>
public sealed record LogState(long Size, string Note, DateTimeOffset SealedAt);

/// <summary>A tenant's head in the log of heads, with the newest checkpoint of that log, cosigned where witnesses did.</summary>
/// <param name="Position">In the log of heads.</param>
/// <param name="Note">The tenant's checkpoint that the leaf tells.</param>
/// <param name="HeadsNote">Of the log of heads.</param>
/// <param name="HeadsSize">Of that note.</param>
/// <param name="Proof">That the leaf is in its tree.</param>
public sealed record LogHead(
    long Position, long Size, byte[] Leaf, string Note, string HeadsNote, long HeadsSize, IReadOnlyList<byte[]> Proof);

/// <param name="Body">Null when it expired; then only its digest is left.</param>
/// <param name="Commitments">Canonical JSON; empty for none.</param>
public sealed record LoggedEntry(Guid Id, string? Body, byte[] Digest, string Commitments);

/// <param name="Body">Of the entry that announces.</param>
public sealed record AnnouncedExpiry(long Position, string Body, ExpiryAnnouncement Announcement);

/// <summary>The read side of the sealed logs: what a tenant, and whoever it shows it to, can check.</summary>
public sealed class AuditLog
{
    private readonly TenantDatabase _database;
    private readonly ControlDatabase _control;

    internal AuditLog(TenantDatabase database, ControlDatabase control)
    {
        _database = database;
        _control = control;
    }

    public async Task<LogState> StateAsync(RequestContext context, CancellationToken cancellationToken)
    {
        var state = new LogState(0, "", DateTimeOffset.UnixEpoch);
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"select size, checkpoint, sealed_at from {Place.Core}.audit_tree"),
                row => state = new(row.Integer(0), row.Text(1), row.Timestamp(2))),
            cancellationToken);
        return state;
    }

    /// <summary>A reader of the tree, for the subtrees that the proofs ask for.</summary>
    public async Task<MerkleNode> NodesAsync(RequestContext context, Action<MerkleNode> proofs, CancellationToken cancellationToken)
    {
        var needed = Tiles.Needed(proofs).ToList();
        var tiles = new Dictionary<(int, long), byte[]>();
        if (needed.Count > 0)
        {
            await _database.RunAsync(
                context,
                new TenantWork().Read(
                    Sql.Of($"""
                        select t.level::bigint, t.index, t.hashes from unnest(
                            {SqlValue.Integers([.. needed.Select(n => (long?)n.Level)])},
                            {SqlValue.Integers([.. needed.Select(n => (long?)n.Index)])}) as u(level, index)
                        join {Place.Core}.audit_tile t on t.level = u.level and t.index = u.index
                        """),
                    row => tiles[((int)row.Integer(0), row.Integer(1))] = row.Bytes(2)),
                cancellationToken);
        }

        return Tiles.Reader(tiles);
    }

    /// <summary>The tile's hashes; null where there is none yet.</summary>
    public async Task<byte[]?> TileAsync(RequestContext context, int level, long index, CancellationToken cancellationToken)
    {
        byte[]? hashes = null;
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select hashes from {Place.Core}.audit_tile
                    where level = {SqlValue.Integer(level)} and index = {SqlValue.Integer(index)}
                    """),
                row => hashes = row.Bytes(0)),
            cancellationToken);
        return hashes;
    }

    /// <summary>The entries at the positions [from, to), in order. One that is sealed and not there is a hole, given as null.</summary>
    public async Task<List<LoggedEntry?>> EntriesAsync(RequestContext context, long from, long to, CancellationToken cancellationToken)
    {
        var entries = new List<LoggedEntry?>();
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select l.position, e.body, coalesce(e.commitments, x.commitments), x.digest, l.entry_id from {Place.Core}.audit_leaf l
                    left join {Place.Core}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
                    left join {Place.Core}.audit_expired x on x.tenant_id = l.tenant_id and x.position = l.position
                    where l.position >= {SqlValue.Integer(from)} and l.position < {SqlValue.Integer(to)} order by l.position
                    """),
                row =>
                {
                    while (from + entries.Count < row.Integer(0))
                    {
                        entries.Add(null);
                    }

                    entries.Add(
                        !row.IsNull(1) ? new(row.Uuid(4), row.Text(1), AuditLeaf.DigestOf(row.Text(1)), row.Text(2))
                        : !row.IsNull(3) ? new(row.Uuid(4), null, row.Bytes(3), row.Text(2)) : null);
                }),
            cancellationToken);
        return entries;
    }

    /// <summary>Positions of entries whose stored body or commitments are not those that were sealed: by the leaves in the tree.</summary>
    /// <param name="entries">Those from the position on; one that is gone, or expired, is not judged.</param>
    public async Task<HashSet<long>> ChangedAsync(
        RequestContext context, long from, IReadOnlyList<LoggedEntry?> entries, CancellationToken cancellationToken)
    {
        var tiles = new Dictionary<long, byte[]>();
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select index, hashes from {Place.Core}.audit_tile where level = 0
                    and index between {SqlValue.Integer(from / Tiles.Width)} and {SqlValue.Integer((from + entries.Count) / Tiles.Width)}
                    """),
                row => tiles[row.Integer(0)] = row.Bytes(1)),
            cancellationToken);
        return
        [
            .. entries.Select((entry, i) => (Entry: entry, Position: from + i))
                .Where(e => e.Entry?.Body is not null && !IsSealed(e.Entry, e.Position, tiles.GetValueOrDefault(e.Position / Tiles.Width)))
                .Select(e => e.Position),
        ];
    }

    private static bool IsSealed(LoggedEntry entry, long position, byte[]? tile)
    {
        var at = (int)(position % Tiles.Width) * MerkleTree.HashLength;
        return tile is not null && tile.Length >= at + MerkleTree.HashLength
            && tile.AsSpan(at, MerkleTree.HashLength).SequenceEqual(AuditLeaf.HashOf(entry.Digest, entry.Commitments));
    }

    /// <summary>All sealed entries that announce an expiry, in order of position: few, each is of up to 100,000 entries.</summary>
    public async Task<List<AnnouncedExpiry>> ExpiriesAsync(
        RequestContext context, CancellationToken cancellationToken)
    {
        var expiries = new List<AnnouncedExpiry>();
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select l.position, e.body from {Place.Core}.audit_entry e
                    join {Place.Core}.audit_leaf l on l.tenant_id = e.tenant_id and l.entry_id = e.id
                    where e.action = {SqlValue.Text(ExpiryAnnouncement.Action)} order by l.position
                    """),
                row =>
                {
                    if (ExpiryAnnouncement.Of(row.Text(1), row.Integer(0)) is { } said)
                    {
                        expiries.Add(new(row.Integer(0), row.Text(1), said));
                    }
                }),
            cancellationToken);
        return expiries;
    }

    /// <summary>
    /// The first of the positions [from, to) whose entry is of an action that an attribute counts, and commits to no number of it; null when
    /// there is none.
    /// </summary>
    public async Task<long?> UncommittedAsync(
        RequestContext context, string action, string attribute, long from, long to, CancellationToken cancellationToken)
    {
        long? first = null;
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select min(l.position) from {Place.Core}.audit_entry e
                    join {Place.Core}.audit_leaf l on l.tenant_id = e.tenant_id and l.entry_id = e.id
                    where e.action = {SqlValue.Text(action)} and strpos(e.commitments, {SqlValue.Text($"\"{attribute}\":")}) = 0
                    and l.position >= {SqlValue.Integer(from)} and l.position < {SqlValue.Integer(to)}
                    """),
                row => first = row.IsNull(0) ? null : row.Integer(0)),
            cancellationToken);
        return first;
    }

    /// <summary>Position of an entry; null while it is not sealed, or when there is none.</summary>
    public async Task<long?> PositionAsync(RequestContext context, Guid entry, CancellationToken cancellationToken)
    {
        long? position = null;
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"select position from {Place.Core}.audit_leaf where entry_id = {SqlValue.Uuid(entry)}"),
                row => position = row.Integer(0)),
            cancellationToken);
        return position;
    }

    /// <summary>
    /// Positions [from, to) that hold every sealed entry of acts that began in the time [begin, end), and perhaps others between; null when
    /// there is none.
    /// </summary>
    public async Task<(long From, long To)?> RangeAsync(
        RequestContext context, DateTimeOffset begin, DateTimeOffset end, CancellationToken cancellationToken)
    {
        (long, long)? range = null;
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select min(l.position), max(l.position) + 1 from {Place.Core}.audit_entry e
                    join {Place.Core}.audit_leaf l on l.tenant_id = e.tenant_id and l.entry_id = e.id
                    where e.at >= {SqlValue.Timestamp(begin)} and e.at < {SqlValue.Timestamp(end)}
                    """),
                row => range = row.IsNull(0) ? null : (row.Integer(0), row.Integer(1))),
            cancellationToken);
        return range;
    }

    /// <summary>What a signed note of a log says; null for none.</summary>
    public static Checkpoint? CheckpointOf(string note) => SignedNote.Parse(note) is { } signed ? Checkpoint.Parse(signed.Text) : null;

    /// <summary>The last checkpoint of the tenant's log that was signed before then, or the first from then on; null when there is none.</summary>
    public async Task<(Checkpoint Checkpoint, string Note)?> CheckpointAtAsync(
        TenantId tenant, DateTimeOffset at, bool isBefore, CancellationToken cancellationToken)
    {
        // The last 8 bytes of a head say when it was signed, in whole seconds: that of a second may have been signed at its end.
        var (compared, order) = isBefore ? (Sql.Of($"<"), Sql.Of($"desc")) : (Sql.Of($">="), Sql.Of($"asc"));
        var second = at.ToUnixTimeSeconds();
        second += !isBefore && at > DateTimeOffset.FromUnixTimeSeconds(second) ? 1 : 0;
        string? note = null;
        await _control.ReadAsync(
            Sql.Of($"""
                select note from control.head where tenant_id = {SqlValue.Uuid(tenant.Value)}
                and ('x' || encode(substring(leaf from 73 for 8), 'hex'))::bit(64)::bigint {compared} {SqlValue.Integer(second)}
                order by position {order} limit 1
                """),
            row => note = row.Text(0),
            cancellationToken);
        return note is not null && CheckpointOf(note) is { } checkpoint ? (checkpoint, note) : null;
    }

    /// <summary>The tenant's newest head, of at most a size where one is given; null when there is none in the log of heads.</summary>
    public async Task<LogHead?> HeadAsync(TenantId tenant, long? size, CancellationToken cancellationToken)
    {
        // The newest that a witness signed, so that the whole is witnessed; else the newest.
        (long Size, string Note) heads = default;
        await _control.ReadAsync(
            Sql.Of($"""
                select s.size, s.note from (
                    select c.size, c.note, true as witnessed from control.cosigned c
                    union all select t.size, t.note, false from control.head_tree t) s
                where exists (select 1 from control.head h
                    where h.tenant_id = {SqlValue.Uuid(tenant.Value)} and h.position < s.size
                    and h.size <= coalesce({SqlValue.Integer(size)}, h.size))
                order by s.witnessed desc, s.size desc limit 1
                """),
            row => heads = (row.Integer(0), row.Text(1)),
            cancellationToken);
        if (heads.Note is null)
        {
            return null;
        }

        (long Position, long Size, byte[] Leaf, string Note)? head = null;
        await _control.ReadAsync(
            Sql.Of($"""
                select position, size, leaf, note from control.head
                where tenant_id = {SqlValue.Uuid(tenant.Value)} and position < {SqlValue.Integer(heads.Size)}
                and size <= coalesce({SqlValue.Integer(size)}, size)
                order by position desc limit 1
                """),
            row => head = (row.Integer(0), row.Integer(1), row.Bytes(2), row.Text(3)),
            cancellationToken);
        if (head is not { } found)
        {
            return null;
        }

        var node = await HeadNodesAsync(n => MerkleTree.Inclusion(found.Position, heads.Size, n), cancellationToken);
        return new(
            found.Position,
            found.Size,
            found.Leaf,
            found.Note,
            await CosignedAsync(heads.Size, heads.Note, cancellationToken),
            heads.Size,
            MerkleTree.Inclusion(found.Position, heads.Size, node));
    }

    /// <summary>The newest checkpoint of the log of heads, with the witnesses' signatures that there are; null when it is empty.</summary>
    public async Task<string?> HeadsNoteAsync(CancellationToken cancellationToken)
    {
        (long Size, string Note)? newest = null;
        await _control.ReadAsync(
            Sql.Of($"select size, note from control.head_tree where size > 0"), row => newest = (row.Integer(0), row.Text(1)), cancellationToken);
        return newest is { } heads ? await CosignedAsync(heads.Size, heads.Note, cancellationToken) : null;
    }

    /// <summary>A tile of the tree of heads; null where there is none yet.</summary>
    public async Task<byte[]?> HeadTileAsync(int level, long index, CancellationToken cancellationToken)
    {
        byte[]? hashes = null;
        await _control.ReadAsync(
            Sql.Of($"select hashes from control.head_tile where level = {SqlValue.Integer(level)} and index = {SqlValue.Integer(index)}"),
            row => hashes = row.Bytes(0),
            cancellationToken);
        return hashes;
    }

    /// <summary>Leaves of the log of heads from a position on.</summary>
    public async Task<List<byte[]>> HeadLeavesAsync(long from, int count, CancellationToken cancellationToken)
    {
        var leaves = new List<byte[]>();
        await _control.ReadAsync(
            Sql.Of($"""
                select leaf from control.head where position >= {SqlValue.Integer(from)} order by position limit {SqlValue.Integer(count)}
                """),
            row => leaves.Add(row.Bytes(0)),
            cancellationToken);
        return leaves;
    }

    /// <summary>A reader of the tree of heads, for the subtrees that the proofs ask for.</summary>
    public async Task<MerkleNode> HeadNodesAsync(Action<MerkleNode> proofs, CancellationToken cancellationToken)
    {
        var needed = Tiles.Needed(proofs).ToList();
        var tiles = new Dictionary<(int, long), byte[]>();
        if (needed.Count > 0)
        {
            await _control.ReadAsync(
                Sql.Of($"""
                    select t.level::bigint, t.index, t.hashes from unnest(
                        {SqlValue.Integers([.. needed.Select(n => (long?)n.Level)])},
                        {SqlValue.Integers([.. needed.Select(n => (long?)n.Index)])}) as u(level, index)
                    join control.head_tile t on t.level = u.level and t.index = u.index
                    """),
                row => tiles[((int)row.Integer(0), row.Integer(1))] = row.Bytes(2),
                cancellationToken);
        }

        return Tiles.Reader(tiles);
    }

    private async Task<string> CosignedAsync(long size, string note, CancellationToken cancellationToken)
    {
        var signed = SignedNote.Parse(note) ?? throw new InvalidOperationException("The note of the log of heads is none.");
        var signatures = new List<NoteSignature>();
        await _control.ReadAsync(
            Sql.Of($"select line from control.cosignature where size = {SqlValue.Integer(size)} order by witness"),
            row => signatures.AddRange(SignedNote.Parse($"{signed.Text}\n{row.Text(0)}\n")?.Signatures ?? []),
            cancellationToken);
        return signed.With(signatures).ToString();
    }
}
