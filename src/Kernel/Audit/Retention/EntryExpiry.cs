using System.Diagnostics;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Audit.Retention;

/// <summary>
/// Removes the bodies of a tenant's entries whose time has passed, from the first position on, a batch in a transaction. What the leaf is
/// made of stays. Nothing goes before the floor, before an entry that says so is sealed, while the rows say another retention or other holds
/// than the sealed entries of these acts, or while it is held: that is asked again in the statement that removes.
/// </summary>
internal sealed class EntryExpiry(SealerWork work, TenantDatabase database, KernelOptions options, TimeProvider time)
{
    internal const int Batch = 1_000;

    /// <summary>Entries that one announcement is of.</summary>
    internal const int MostAnnounced = 100_000;

    private static readonly TimeSpan LongestSealing = TimeSpan.FromSeconds(30);

    /// <returns>How many expired, and whether there may be more.</returns>
    public async Task<(int Expired, bool More)> RunAsync(TenantEntry tenant, CancellationToken cancellationToken)
    {
        var core = SealerWork.Core(tenant);
        var (rules, chosenAt) = await RulesAsync(tenant, cancellationToken);
        DateTime changed = default, seen = default;
        var next = 0L;
        await work.ReadAsync(
            tenant,
            cancellationToken,
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
        if (rules is not { KeepDays: { } days, By: var (kind, officer) } || chosenAt is not { } choice)
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
        if (due.Count > 0)
        {
            var (announcement, count) = ExpiryAnnouncement.Of(due.ConvertAll(d => d.Position));
            if (!await AnnounceAsync(tenant, announcement, choice, new(kind, officer, []), cancellationToken))
            {
                // The log is not being sealed: nothing goes before its announcement cannot be taken back.
                return (0, false);
            }

            // What lies in more places than one entry announces is for the next look.
            (after, isEnd) = count < due.Count ? (due[count].Position, false) : (after, isEnd);
            due = due[..count];
        }

        var expired = 0;
        foreach (var batch in due.Chunk(Batch))
        {
            expired += await RemoveAsync(tenant, batch, now, cancellationToken);
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

    /// <summary>What applies, and the position of the entry that says for how long entries are kept.</summary>
    /// <exception cref="RetentionEditedException">The rows are not what the log says, also after an act had the time to be sealed.</exception>
    private async Task<(RetentionRules Rules, long? ChosenAt)> RulesAsync(TenantEntry tenant, CancellationToken cancellationToken)
    {
        var begin = Stopwatch.GetTimestamp();
        while (true)
        {
            var (rows, said, chosenAt) = await RetentionRules.ReadAsync(work, tenant, cancellationToken);
            if (rows.Is(said))
            {
                return (rows, chosenAt);
            }

            if (Stopwatch.GetElapsedTime(begin) > options.AuditSealingAlert)
            {
                throw new RetentionEditedException();
            }

            await Task.Delay(options.AuditSealing, cancellationToken);
        }
    }

    /// <summary>What is due of the next entries that still have a body.</summary>
    /// <returns>After: where the walk goes on; before the first entry that is not due yet.</returns>
    private async Task<(List<(long Position, Guid Id)> Due, long After, bool IsEnd)> LookAsync(
        TenantEntry tenant, long next, DateTimeOffset before, CancellationToken cancellationToken)
    {
        var due = new List<(long, Guid)>();
        long? young = null;
        var (read, after) = (Batch, next);
        while (read == Batch && due.Count <= MostAnnounced - Batch)
        {
            read = 0;
            await work.ReadAsync(
                tenant,
                cancellationToken,
                new SealerStatement(
                    $"""
                    select l.position, {Held(tenant)}, e.body, {EntryIndex.Columns} from {SealerWork.Core(tenant)}.audit_leaf l
                    join {SealerWork.Core(tenant)}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
                    where l.tenant_id = $1 and l.position >= $2 order by l.position limit {Batch}
                    """,
                    [tenant.Id.Value, after],
                    r =>
                    {
                        read++;
                        var position = r.GetInt64(0);
                        after = position + 1;
                        // Columns that do not say what the body says were edited: their entry stays, and the sweep names it.
                        var index = EntryIndex.Read(r, 3);
                        if (EntryIndex.Of(r.GetString(2))?.Index != index || RetentionRules.IsKept(index.Action))
                        {
                            return;
                        }

                        if (index.At >= before.UtcDateTime)
                        {
                            young ??= position;
                        }
                        else if (!r.GetBoolean(1))
                        {
                            due.Add((position, index.Id));
                        }
                    }));
        }

        // Acts do not end in the order in which they began: an older one may stand behind a younger one, and is looked for again.
        return (due, young ?? after, young is not null || read < Batch);
    }

    /// <summary>
    /// First said and sealed, then done: who finds a position without a body finds the entry that says why. Who is killed in between goes
    /// on where the other was.
    /// </summary>
    /// <returns>False when it was not sealed in time; then it is the one that the next look waits for.</returns>
    private async Task<bool> AnnounceAsync(
        TenantEntry tenant, ExpiryAnnouncement announcement, long choice, Actor officer, CancellationToken cancellationToken)
    {
        if (await SaidAsync(tenant, announcement, cancellationToken) is null)
        {
            await database.RunAsync(
                new RequestContext(tenant.Id, ExpiryAnnouncement.Self, "audit-retention", $"{tenant.App}@{tenant.AppVersion}")
                {
                    OnBehalfOf = officer,
                },
                new TenantWork().Record(announcement.ToEvent(choice)),
                cancellationToken);
        }

        var begin = Stopwatch.GetTimestamp();
        while (await SaidAsync(tenant, announcement, cancellationToken) is not true)
        {
            if (Stopwatch.GetElapsedTime(begin) > LongestSealing)
            {
                return false;
            }

            await Task.Delay(options.AuditSealing, cancellationToken);
        }

        return true;
    }

    /// <summary>
    /// Whether one of the newest entries announces exactly this, and is sealed; null when none does. The same is never announced for something
    /// else: what it announced is gone, or was not carried out.
    /// </summary>
    private async Task<bool?> SaidAsync(TenantEntry tenant, ExpiryAnnouncement wanted, CancellationToken cancellationToken)
    {
        const int looked = 10;
        bool? isSealed = null;
        await work.ReadAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"""
                select l.position, e.body from {SealerWork.Core(tenant)}.audit_entry e
                left join {SealerWork.Core(tenant)}.audit_leaf l on l.tenant_id = e.tenant_id and l.entry_id = e.id
                where e.tenant_id = $1 and e.action = $2 order by e.id desc limit {looked}
                """,
                [tenant.Id.Value, ExpiryAnnouncement.Action],
                r =>
                {
                    long? position = r.IsDBNull(0) ? null : r.GetInt64(0);
                    if (isSealed is null && ExpiryAnnouncement.Of(r.GetString(1), position)?.Is(wanted) == true)
                    {
                        isSealed = position is not null;
                    }
                }));
        return isSealed;
    }

    private async Task<int> RemoveAsync(
        TenantEntry tenant, (long Position, Guid Id)[] due, DateTimeOffset now, CancellationToken cancellationToken)
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
                    select l.position, e.id, e.body, e.commitments from unnest($2, $3) as u(position, id)
                    join {core}.audit_leaf l on l.tenant_id = $1 and l.position = u.position and l.entry_id = u.id
                    join {core}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
                    where not {Held(tenant)}),
                kept as (
                    insert into {core}.audit_expired (tenant_id, position, digest, commitments, expired_at)
                    select $1, position, sha256(convert_to(body, 'UTF8')), commitments, $4 from due),
                unlisted as (
                    delete from {core}.audit_record r using due,
                        lateral jsonb_array_elements_text(due.body::jsonb #> array['records', 'ids']) as named(record)
                    where r.tenant_id = $1 and r.record = named.record::uuid and r.entry_id = due.id),
                closed as (delete from {core}.audit_opening o using due where o.tenant_id = $1 and o.id = due.id),
                undisclosed as (delete from {core}.audit_disclosure d using due where d.tenant_id = $1 and d.id = due.id),
                gone as (delete from {core}.audit_entry e using due where e.tenant_id = $1 and e.id = due.id returning 1)
                select count(*)::int from gone
                """,
                [tenant.Id.Value, Array.ConvertAll(due, d => d.Position), Array.ConvertAll(due, d => d.Id), now],
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
