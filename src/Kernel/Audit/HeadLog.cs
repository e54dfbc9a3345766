using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Audit;

/// <summary>
/// The log of all tenants' heads: one note for witnesses to sign, whoever the tenants are. A leaf: label (32 bytes: SHA-256 of the words
/// <c>bulkhead/v1 head</c>, a zero byte and the tenant's origin), size (8, big endian), root (32), time (8, big endian, seconds since 1970).
/// </summary>
internal sealed class HeadLog(TenantPools pools, LogKeys keys, KernelOptions options, TimeProvider time)
{
    public const int LeafLength = 80;

    /// <summary>The last that this process signed, and that was committed.</summary>
    private Signed _signed = new(0, MerkleTree.EmptyRoot);

    private readonly string _control = new NpgsqlConnectionStringBuilder(options.AppConnection).Database ?? "bulkhead";

    public static byte[] LabelOf(string origin) => SHA256.HashData([.. "bulkhead/v1 head\0"u8, .. Encoding.UTF8.GetBytes(origin)]);

    public static byte[] LeafOf(SealedHead head)
    {
        var leaf = new byte[LeafLength];
        LabelOf(LogKeys.OriginOf(head.Tenant)).CopyTo(leaf, 0);
        BinaryPrimitives.WriteInt64BigEndian(leaf.AsSpan(32), head.Size);
        head.Root.CopyTo(leaf, 40);
        BinaryPrimitives.WriteInt64BigEndian(leaf.AsSpan(72), head.At.ToUnixTimeSeconds());
        return leaf;
    }

    /// <summary>Of each of these tenants the longest log whose head is in it; 0 of one that has none.</summary>
    public async Task<Dictionary<TenantId, long>> SizesAsync(IEnumerable<TenantId> tenants, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        return (await lease.Connection.ListAsync(
            "select u.id, coalesce((select max(h.size) from control.head h where h.tenant_id = u.id), 0) from unnest($1) u(id)",
            r => (new TenantId(r.GetGuid(0)), r.GetInt64(1)),
            cancellationToken,
            (object)tenants.Select(t => t.Value).ToArray())).ToDictionary();
    }

    /// <summary>As when the process begins. For the tests, which do not start another for it.</summary>
    internal void Forget() => _signed = new(0, MerkleTree.EmptyRoot);

    /// <summary>Appends heads that are newer than what it has of their tenants, in one transaction, and signs the new checkpoint.</summary>
    public async Task AppendAsync(IReadOnlyList<SealedHead> heads, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        var control = lease.Connection;
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await control.RunAsync(
            "insert into control.head_tree (size, frontier, note) values (0, '', '') on conflict do nothing", cancellationToken);
        var (size, bytes, last) = (await control.ListAsync(
            "select size, frontier, note from control.head_tree for update",
            r => (r.GetInt64(0), r.GetFieldValue<byte[]>(1), r.GetString(2)),
            cancellationToken))[0];
        var root = size > 0 ? new MerkleFrontier(size, bytes).Root() : MerkleTree.EmptyRoot;
        if (size > 0 && !root.AsSpan().SequenceEqual(keys.SignedRoot(null, last, size)))
        {
            throw new InvalidOperationException("The stored log of heads is not the one that was signed. Next step: docs/audit-integrity.md");
        }

        var signed = _signed;
        if (size < signed.Size || (size == signed.Size && !root.AsSpan().SequenceEqual(signed.Root)))
        {
            throw new InvalidOperationException(
                $"The log of heads was set back: {signed.Size} heads were signed, and it has {size}. Next step: docs/audit-integrity.md");
        }

        var known = (await control.ListAsync(
            "select tenant_id, max(size) from control.head where tenant_id = any($1) group by tenant_id",
            r => (r.GetGuid(0), r.GetInt64(1)),
            cancellationToken,
            (object)heads.Select(h => h.Tenant.Value).ToArray())).ToDictionary();
        var fresh = heads.Where(h => !known.TryGetValue(h.Tenant.Value, out var before) || before < h.Size).ToList();
        if (fresh.Count == 0)
        {
            return;
        }

        var frontier = new MerkleFrontier(size, bytes);
        var leaves = fresh.ConvertAll(LeafOf);
        var hashes = leaves.ConvertAll(leaf => MerkleTree.LeafHash(leaf));
        var partial = (await control.ListAsync(
            """
            select t.level, t.index, t.hashes from generate_series(0, 7) l
            join control.head_tile t on t.level = l and t.index = ($1 >> (8 * l)) / 256
            """,
            r => ((r.GetInt32(0), r.GetInt64(1)), r.GetFieldValue<byte[]>(2)),
            cancellationToken,
            size)).ToDictionary();
        var tiles = Tiles.Grow(size, hashes, (level, index) => partial[(level, index)]);
        hashes.ForEach(frontier.Append);
        var note = keys.Sign(null, new Checkpoint(keys.HeadsOrigin, frontier.Size, frontier.Root(), time.GetUtcNow()).ToString()).ToString();
        await control.RunAsync(
            """
            insert into control.head (position, tenant_id, size, leaf, note)
            select $1 + u.n - 1, u.tenant, u.size, u.leaf, u.note
            from unnest($2, $3, $4, $5) with ordinality as u(tenant, size, leaf, note, n)
            """,
            cancellationToken,
            size,
            fresh.Select(h => h.Tenant.Value).ToArray(),
            fresh.Select(h => h.Size).ToArray(),
            leaves.ToArray(),
            fresh.Select(h => h.Note).ToArray());
        await control.RunAsync(
            """
            insert into control.head_tile (level, index, hashes) select * from unnest($1, $2, $3)
            on conflict (level, index) do update set hashes = excluded.hashes
            """,
            cancellationToken,
            tiles.Select(t => t.Level).ToArray(),
            tiles.Select(t => t.Index).ToArray(),
            tiles.Select(t => t.Hashes).ToArray());
        await control.RunAsync(
            "update control.head_tree set size = $1, frontier = $2, note = $3", cancellationToken, frontier.Size, frontier.ToBytes(), note);
        await transaction.CommitAsync(cancellationToken);
        _signed = new(frontier.Size, frontier.Root());
    }

    private sealed record Signed(long Size, byte[] Root);
}
