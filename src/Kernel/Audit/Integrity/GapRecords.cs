using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Audit.Integrity;

/// <summary>What a walk changed in what is known.</summary>
/// <param name="Open">All that holds not, whenever it was found.</param>
/// <param name="Unrecorded">Those of them of which the tenant's own log does not tell yet.</param>
/// <param name="Resolved">What was found before, and holds again.</param>
internal sealed record GapChanges(List<LogGap> Open, List<LogGap> Unrecorded, List<LogGap> Resolved);

/// <summary>
/// Gaps that were found, in the control database, where whoever can edit a tenant's rows need not be able to. Nobody can take one back: it
/// is resolved when a whole walk no longer finds it.
/// </summary>
internal sealed class GapRecords(TenantPools pools, KernelOptions options)
{
    private readonly string _control = new NpgsqlConnectionStringBuilder(options.AppConnection).Database ?? "bulkhead";

    public async Task<GapChanges> KeepAsync(TenantId tenant, LogFindings found, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        var control = lease.Connection;
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        var known = await control.ListAsync(
            """
            select kind, from_position, to_position, entry_id from control.audit_gap
            where tenant_id = $1 and resolved_at is null for update
            """,
            r => new LogGap(LogGap.KindOf(r.GetString(0)), r.GetInt64(1), r.GetInt64(2), r.GetGuid(3)),
            cancellationToken, tenant.Value);
        foreach (var gap in found.Gaps)
        {
            await control.RunAsync(
                """
                insert into control.audit_gap (tenant_id, kind, from_position, to_position, entry_id, found_at, seen_at)
                values ($1, $2, $3, $4, $5, $6, $6) on conflict (tenant_id, kind, from_position, to_position, entry_id) do update
                set seen_at = excluded.seen_at, resolved_at = null,
                    found_at = case when audit_gap.resolved_at is null then audit_gap.found_at else excluded.found_at end,
                    recorded = audit_gap.recorded and audit_gap.resolved_at is null
                """,
                cancellationToken, tenant.Value, gap.Word, gap.From, gap.To, gap.Entry, now.UtcDateTime);
        }

        var gone = known.Except(found.Gaps).ToList();
        foreach (var gap in gone)
        {
            await control.RunAsync(
                """
                update control.audit_gap set resolved_at = $6
                where tenant_id = $1 and kind = $2 and from_position = $3 and to_position = $4 and entry_id = $5
                """,
                cancellationToken, tenant.Value, gap.Word, gap.From, gap.To, gap.Entry, now.UtcDateTime);
        }

        await control.RunAsync(
            """
            insert into control.audit_sweep (tenant_id, size, at) values ($1, $2, $3)
            on conflict (tenant_id) do update set size = excluded.size, at = excluded.at
            """,
            cancellationToken, tenant.Value, found.Size, now.UtcDateTime);
        var unrecorded = await control.ListAsync(
            """
            select kind, from_position, to_position, entry_id from control.audit_gap
            where tenant_id = $1 and resolved_at is null and not recorded order by from_position
            """,
            r => new LogGap(LogGap.KindOf(r.GetString(0)), r.GetInt64(1), r.GetInt64(2), r.GetGuid(3)),
            cancellationToken, tenant.Value);
        await transaction.CommitAsync(cancellationToken);
        // One that grew, or shrank, is not resolved: the other tells of it.
        return new(found.Gaps, unrecorded, [.. gone.Where(g => !found.Gaps.Exists(g.Overlaps))]);
    }

    public async Task RecordedAsync(TenantId tenant, LogGap gap, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        await lease.Connection.RunAsync(
            """
            update control.audit_gap set recorded = true
            where tenant_id = $1 and kind = $2 and from_position = $3 and to_position = $4 and entry_id = $5
            """,
            cancellationToken, tenant.Value, gap.Word, gap.From, gap.To, gap.Entry);
    }
}
