using System.Globalization;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Audit.Retention;

/// <summary>
/// Removes the bodies of a tenant's entries whose time has passed, from the first position on, a batch in a transaction. What the leaf is
/// made of stays. Nothing goes before the floor, and nothing that is held: both are in the statement that removes.
/// </summary>
internal sealed class EntryExpiry(SealerWork work, TenantDatabase database, KernelOptions options, TimeProvider time)
{
    internal const int Batch = 1_000;

    private static readonly Actor Self = new(ActorKind.Platform, "audit retention", []);

    /// <returns>How many expired, and whether there may be more.</returns>
    public async Task<(int Expired, bool More)> RunAsync(TenantEntry tenant, CancellationToken cancellationToken)
    {
        var core = SealerWork.Core(tenant);
        long? keep = null;
        DateTime changed = default, seen = default;
        var next = 0L;
        await work.ReadAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"select keep_days from {core}.audit_retention where tenant_id = $1", [tenant.Id.Value], r => keep = r.GetInt64(0)),
            new SealerStatement(
                $"""
                select greatest(
                    (select max(changed_at) from {core}.audit_retention where tenant_id = $1),
                    (select max(lifted_at) from {core}.audit_hold where tenant_id = $1), 'epoch'::timestamptz)
                """,
                [tenant.Id.Value],
                r => changed = r.GetDateTime(0)),
            new SealerStatement(
                $"select next_position, seen from {core}.audit_retention_state where tenant_id = $1",
                [tenant.Id.Value],
                r => (next, seen) = (r.GetInt64(0), r.GetDateTime(1))));
        if (keep is not { } days)
        {
            return (0, false);
        }

        if (seen != changed)
        {
            // A hold was lifted, or the time is another: what was passed by may be due now.
            next = 0;
        }

        var now = time.GetUtcNow();
        var kept = TimeSpan.FromDays(Math.Min(days, 40_000));
        var before = now - (kept > options.AuditRetentionFloor ? kept : options.AuditRetentionFloor);
        var (due, after, isEnd) = await LookAsync(tenant, next, before, cancellationToken);
        var expired = 0;
        if (due is { } range)
        {
            // First said, then done: who is killed in between does it again, and says it again.
            await database.RunAsync(
                new RequestContext(tenant.Id, Self, "audit-retention", $"{tenant.App}@{tenant.AppVersion}"),
                new TenantWork().Record(new AuditEvent("audit.expire")
                {
                    Records = AuditRecords.None,
                    Details = AuditDetails.Of(
                        ("entries", range.Count.ToString(CultureInfo.InvariantCulture)),
                        ("from", range.From.ToString(CultureInfo.InvariantCulture)),
                        ("to", (range.To + 1).ToString(CultureInfo.InvariantCulture))),
                }),
                cancellationToken);
            expired = await RemoveAsync(tenant, range.From, range.To, before, now, cancellationToken);
        }

        await work.RunAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"""
                insert into {core}.audit_retention_state (tenant_id, next_position, seen, walked_at) values ($1, $2, $3, $4)
                on conflict (tenant_id) do update set next_position = excluded.next_position, seen = excluded.seen, walked_at = excluded.walked_at
                """,
                [tenant.Id.Value, after, new DateTimeOffset(changed), now]));
        return (expired, !isEnd);
    }

    /// <summary>What is due of the next entries that still have a body.</summary>
    /// <returns>After: where the walk goes on; before the first entry that is not due yet.</returns>
    private async Task<((long From, long To, int Count)? Due, long After, bool IsEnd)> LookAsync(
        TenantEntry tenant, long next, DateTimeOffset before, CancellationToken cancellationToken)
    {
        (long From, long To, int Count)? due = null;
        long? young = null;
        var (read, after) = (0, next);
        await work.ReadAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"""
                select l.position, e.at < $3, {Held(tenant)} from {SealerWork.Core(tenant)}.audit_leaf l
                join {SealerWork.Core(tenant)}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
                where l.tenant_id = $1 and l.position >= $2 order by l.position limit {Batch}
                """,
                [tenant.Id.Value, next, before],
                r =>
                {
                    read++;
                    after = r.GetInt64(0) + 1;
                    if (!r.GetBoolean(1))
                    {
                        young ??= r.GetInt64(0);
                    }
                    else if (!r.GetBoolean(2))
                    {
                        due = due is { } range ? (range.From, r.GetInt64(0), range.Count + 1) : (r.GetInt64(0), r.GetInt64(0), 1);
                    }
                }));
        // Acts do not end in the order in which they began: an older one may stand behind a younger one, and is looked for again.
        return (due, young ?? after, young is not null || read < Batch);
    }

    private async Task<int> RemoveAsync(
        TenantEntry tenant, long from, long to, DateTimeOffset before, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var core = SealerWork.Core(tenant);
        var removed = 0;
        await work.RunAsync(
            tenant,
            cancellationToken,
            // A hold that is being placed waits for this, or this for it.
            new SealerStatement(
                $"update {core}.audit_retention set expiring_at = $2 where tenant_id = $1", [tenant.Id.Value, now]),
            new SealerStatement(
                $"""
                with due as materialized (
                    select l.position, e.id, e.body, e.commitments from {core}.audit_leaf l
                    join {core}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
                    where l.tenant_id = $1 and l.position between $2 and $3 and e.at < $4 and not {Held(tenant)}),
                kept as (
                    insert into {core}.audit_expired (tenant_id, position, digest, commitments, expired_at)
                    select $1, position, sha256(convert_to(body, 'UTF8')), commitments, $5 from due),
                unlisted as (
                    delete from {core}.audit_record r using due,
                        lateral jsonb_array_elements_text(due.body::jsonb #> array['records', 'ids']) as named(record)
                    where r.tenant_id = $1 and r.record = named.record::uuid and r.entry_id = due.id),
                closed as (delete from {core}.audit_opening o using due where o.tenant_id = $1 and o.id = due.id),
                undisclosed as (delete from {core}.audit_disclosure d using due where d.tenant_id = $1 and d.id = due.id),
                gone as (delete from {core}.audit_entry e using due where e.tenant_id = $1 and e.id = due.id returning 1)
                select count(*)::int from gone
                """,
                [tenant.Id.Value, from, to, before, now],
                r => removed = r.GetInt32(0)));
        return removed;
    }

    /// <summary>An entry that names its records by a digest alone is held by every hold on a record: it may be one of them.</summary>
    private static string Held(TenantEntry tenant) => $"""
        exists (select 1 from {SealerWork.Core(tenant)}.audit_hold h where h.tenant_id = $1 and h.lifted_at is null
            and (h.record is null or strpos(e.body, '"' || h.record::text || '"') > 0 or strpos(e.body, '"sha256":') > 0)
            and (h.actor is null or e.actor = h.actor)
            and (h.begins_at is null or e.at >= h.begins_at) and (h.ends_at is null or e.at < h.ends_at))
        """;
}
