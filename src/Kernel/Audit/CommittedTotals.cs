using System.Text.Json;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Proofs;
using Bulkhead.Kernel.Tenancy;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Audit;

public enum TotalKind
{
    /// <summary>The numbers add up to this.</summary>
    Total,

    /// <summary>They add up to less.</summary>
    Below,

    /// <summary>Each of them is less.</summary>
    Each,
}

/// <param name="Number">The total or the bound.</param>
/// <param name="Count">Entries in the range that commit to the attribute.</param>
/// <param name="Proofs">One; of <see cref="TotalKind.Each"/> one for each of those entries, in order.</param>
public sealed record ProvenTotal(TotalKind Kind, string Attribute, UInt128 Number, int Count, IReadOnlyList<byte[]> Proofs);

/// <summary>Why nothing was proven.</summary>
/// <param name="Position">Of the entry at fault; null when it is the sum.</param>
public sealed record TotalRefusal(TotalRefusalKind Kind, long? Position);

public enum TotalRefusalKind
{
    /// <summary>It is not so: the total, or a number, is not below the bound.</summary>
    NotTrue,

    /// <summary>The entry, its commitment and what opens it do not belong together: one of them was changed, or the keys are gone.</summary>
    DoesNotOpen,

    /// <summary>The entry has expired, and what opened its commitment with it.</summary>
    Expired,

    /// <summary>More entries than are proven one by one at a time.</summary>
    TooMany,
}

/// <summary>Proves things of committed numbers between two checkpoints of a tenant's log (docs/formats/total-proof.md).</summary>
public sealed class CommittedTotals
{
    /// <summary>Entries of one proof of kind <see cref="TotalKind.Each"/>, each of which takes about 30 ms.</summary>
    public const int MostEach = 2_000;

    private const int Batch = 2_000;

    private readonly TenantDatabase _database;
    private readonly KeyRing _keys;

    internal CommittedTotals(TenantDatabase database, KeyRing keys)
    {
        _database = database;
        _keys = keys;
    }

    /// <param name="older">Where the range begins; null for the empty log.</param>
    /// <param name="newer">Where it ends.</param>
    /// <param name="bound">1 to 2^64; null for the total itself.</param>
    /// <exception cref="TenantFault">The data or the keys could not be reached.</exception>
    public async Task<(ProvenTotal? Proven, TotalRefusal? Refused)> ProveAsync(
        RequestContext context,
        TotalKind kind,
        string attribute,
        UInt128? bound,
        Checkpoint? older,
        Checkpoint newer,
        CancellationToken cancellationToken)
    {
        var range = new LogRange(
            context.Tenant.ToString(),
            LogKeys.OriginOf(context.Tenant),
            new((ulong)(older?.Size ?? 0), older?.Root ?? MerkleTree.EmptyRoot),
            new((ulong)newer.Size, newer.Root),
            (ulong)(older?.Size ?? 0),
            (ulong)newer.Size);
        using var sum = new TotalOpening(range);
        var acts = new List<ActOpening>();
        var count = 0;
        var keys = await _keys.OpenAsync(context.Tenant, EntryCommitments.KeyName, cancellationToken);
        for (var from = (long)range.From; from < (long)range.To; from += Batch)
        {
            foreach (var found in await ReadAsync(context, attribute, from, Math.Min((long)range.To, from + Batch), cancellationToken))
            {
                if (found.IsExpired)
                {
                    return (null, new(TotalRefusalKind.Expired, found.Position));
                }

                if (!found.TryOpen(keys, attribute, out var commitment, out var value, out var blinding))
                {
                    return (null, new(TotalRefusalKind.DoesNotOpen, found.Position));
                }

                count++;
                sum.Add((ulong)found.Position, commitment, value, blinding);
                if (kind != TotalKind.Each)
                {
                    continue;
                }

                if (acts.Count == MostEach || value >= bound)
                {
                    return (null, new(value >= bound ? TotalRefusalKind.NotTrue : TotalRefusalKind.TooMany, found.Position));
                }

                acts.Add(new((ulong)found.Position, value, blinding));
            }
        }

        if (kind == TotalKind.Below && sum.Total >= bound)
        {
            return (null, new(TotalRefusalKind.NotTrue, null));
        }

        IReadOnlyList<byte[]> proofs = kind switch
        {
            TotalKind.Total => [TotalProof.Prove(Statement.Total(range, attribute, sum.Total), sum)],
            TotalKind.Below => [TotalBelowProof.Prove(Statement.TotalBelow(range, attribute, bound!.Value), sum)],
            _ => [.. EachBelowProof.Prove(Statement.EachBelow(range, attribute, bound!.Value), acts).Select(act => act.Proof)],
        };
        return (new(kind, attribute, bound ?? sum.Total, count, proofs), null);
    }

    private async Task<List<Found>> ReadAsync(
        RequestContext context, string attribute, long from, long to, CancellationToken cancellationToken)
    {
        var found = new List<Found>();
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select l.position, l.entry_id, coalesce(e.commitments, x.commitments), coalesce(e.body, ''), o._sealed_secret,
                        x.position is not null and e.id is null
                    from {Place.Core}.audit_leaf l
                    left join {Place.Core}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
                    left join {Place.Core}.audit_expired x on x.tenant_id = l.tenant_id and x.position = l.position
                    left join {Place.Core}.audit_opening o on o.tenant_id = e.tenant_id and o.id = e.id
                    where l.position >= {SqlValue.Integer(from)} and l.position < {SqlValue.Integer(to)}
                    and strpos(coalesce(e.commitments, x.commitments), {SqlValue.Text($"\"{attribute}\":")}) > 0
                    order by l.position
                    """),
                row => found.Add(new(row.Integer(0), row.Uuid(1), row.Text(2), row.Text(3), row.IsNull(4) ? null : row.Bytes(4), row.Boolean(5)))),
            cancellationToken);
        return found;
    }

    private sealed record Found(long Position, Guid Entry, string Commitments, string Body, byte[]? Envelope, bool IsExpired)
    {
        public bool TryOpen(RecordKeys keys, string attribute, out byte[] commitment, out ulong value, out Scalar blinding)
        {
            (commitment, value, blinding) = ([], 0, default);
            try
            {
                if (Envelope is null || !EntryCommitments.TryOpen(keys, Entry, Envelope, attribute, out blinding, out var known))
                {
                    return false;
                }

                using var commitments = JsonDocument.Parse(Commitments);
                commitment = commitments.RootElement.GetProperty(attribute).GetBytesFromBase64();
                value = known ?? Records();
                return Pedersen.Opens(commitment, value, blinding);
            }
            catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException or FormatException
                or TenantFault { Kind: TenantFaultKind.RecordDamaged })
            {
                // Somebody edited a row.
                return false;
            }
        }

        private ulong Records()
        {
            using var body = JsonDocument.Parse(Body);
            var records = body.RootElement.GetProperty("records");
            return records.TryGetProperty("ids", out var ids) ? (ulong)ids.GetArrayLength() : records.GetProperty("count").GetUInt64();
        }
    }
}
