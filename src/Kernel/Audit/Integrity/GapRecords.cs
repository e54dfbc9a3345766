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

    /// <summary>After a whole walk over a tenant's log.</summary>
    public Task<GapChanges> KeepAsync(TenantId tenant, LogFindings found, DateTimeOffset now, CancellationToken cancellationToken) =>
        KeepAsync(tenant.Value, found.Gaps, found.Size, now, cancellationToken);

    /// <summary>After a whole walk over the log of heads, for each tenant of which something is found, or was.</summary>
    /// <param name="tenant">Null is the installation.</param>
    public Task<GapChanges> KeepHeadsAsync(
        TenantId? tenant, List<LogGap> found, DateTimeOffset now, CancellationToken cancellationToken) =>
        KeepAsync(tenant?.Value ?? Guid.Empty, found, null, now, cancellationToken);

    /// <summary>Of whom something was found in the log of heads that is not resolved; null is the installation.</summary>
    public async Task<List<TenantId?>> OfHeadsAsync(CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        return await lease.Connection.ListAsync(
            "select distinct tenant_id from control.audit_gap where kind = $1 and resolved_at is null",
            r => r.GetGuid(0) == Guid.Empty ? (TenantId?)null : new TenantId(r.GetGuid(0)),
            cancellationToken, LogGap.WordOf(LogGapKind.HeadsChanged));
    }

    /// <param name="size">Of the tenant's log that was walked; null for the log of heads. Neither walk resolves what the other found.</param>
    private async Task<GapChanges> KeepAsync(
        Guid tenant, List<LogGap> found, long? size, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var (heads, isOfHeads) = (LogGap.WordOf(LogGapKind.HeadsChanged), size is null);
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        var control = lease.Connection;
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        var known = await control.ListAsync(
            """
            select kind, from_position, to_position, entry_id from control.audit_gap
            where tenant_id = $1 and resolved_at is null and (kind = $2) = $3 for update
            """,
            r => new LogGap(LogGap.KindOf(r.GetString(0)), r.GetInt64(1), r.GetInt64(2), r.GetGuid(3)),
            cancellationToken, tenant, heads, isOfHeads);
        foreach (var gap in found)
        {
            await control.RunAsync(
                """
                insert into control.audit_gap (tenant_id, kind, from_position, to_position, entry_id, found_at, seen_at)
                values ($1, $2, $3, $4, $5, $6, $6) on conflict (tenant_id, kind, from_position, to_position, entry_id) do update
                set seen_at = excluded.seen_at, resolved_at = null,
                    found_at = case when audit_gap.resolved_at is null then audit_gap.found_at else excluded.found_at end,
                    recorded = audit_gap.recorded and audit_gap.resolved_at is null
                """,
                cancellationToken, tenant, gap.Word, gap.From, gap.To, gap.Entry, now.UtcDateTime);
        }

        var gone = known.Except(found).ToList();
        foreach (var gap in gone)
        {
            await control.RunAsync(
                """
                update control.audit_gap set resolved_at = $6
                where tenant_id = $1 and kind = $2 and from_position = $3 and to_position = $4 and entry_id = $5
                """,
                cancellationToken, tenant, gap.Word, gap.From, gap.To, gap.Entry, now.UtcDateTime);
        }

        if (size is { } walked)
        {
            await control.RunAsync(
                """
                insert into control.audit_sweep (tenant_id, size, at) values ($1, $2, $3)
                on conflict (tenant_id) do update set size = excluded.size, at = excluded.at
                """,
                cancellationToken, tenant, walked, now.UtcDateTime);
        }

        var unrecorded = await control.ListAsync(
            """
            select kind, from_position, to_position, entry_id from control.audit_gap
            where tenant_id = $1 and resolved_at is null and not recorded and (kind = $2) = $3 order by from_position
            """,
            r => new LogGap(LogGap.KindOf(r.GetString(0)), r.GetInt64(1), r.GetInt64(2), r.GetGuid(3)),
            cancellationToken, tenant, heads, isOfHeads);
        await transaction.CommitAsync(cancellationToken);
        // One that grew, or shrank, is not resolved: the other tells of it.
        return new(found, unrecorded, [.. gone.Where(g => !found.Exists(g.Overlaps))]);
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
