using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Audit.Integrity;

/// <summary>A gap that was found and still holds.</summary>
/// <param name="Tenant">Null where it is the installation's: the log of heads, and no row of it says whose.</param>
/// <param name="Kind">As <see cref="LogGapKind"/> is told in words: <c>entry-changed</c>.</param>
/// <param name="To">Exclusive.</param>
/// <param name="Entry">Of a forged entry; otherwise null.</param>
public sealed record OpenGap(TenantId? Tenant, string Kind, long From, long To, Guid? Entry, DateTimeOffset FoundAt, DateTimeOffset SeenAt);

/// <summary>How far a tenant's log was walked.</summary>
public sealed record SweptLog(TenantId Tenant, long Size, DateTimeOffset At);

/// <summary>What is known of the integrity of the logs, for whoever watches the installation. There is nothing here to silence it with.</summary>
public sealed class AuditGaps
{
    /// <summary>More are not listed; the log of the program names them all.</summary>
    public const int MostListed = 1_000;

    private readonly ControlDatabase _control;

    internal AuditGaps(ControlDatabase control) => _control = control;

    public async Task<ImmutableArray<OpenGap>> OpenAsync(CancellationToken cancellationToken)
    {
        var open = ImmutableArray.CreateBuilder<OpenGap>();
        await _control.ReadAsync(
            Sql.Of($"""
                select tenant_id, kind, from_position, to_position, entry_id, found_at, seen_at from control.audit_gap
                where resolved_at is null order by found_at, tenant_id, from_position limit {SqlValue.Integer(MostListed)}
                """),
            row => open.Add(new(
                row.Uuid(0) == Guid.Empty ? null : new TenantId(row.Uuid(0)),
                row.Text(1),
                row.Integer(2),
                row.Integer(3),
                row.Uuid(4) == Guid.Empty ? null : row.Uuid(4),
                row.Timestamp(5),
                row.Timestamp(6))),
            cancellationToken);
        return open.ToImmutable();
    }

    public async Task<ImmutableArray<SweptLog>> SweptAsync(CancellationToken cancellationToken)
    {
        var swept = ImmutableArray.CreateBuilder<SweptLog>();
        await _control.ReadAsync(
            Sql.Of($"select tenant_id, size, at from control.audit_sweep order by tenant_id"),
            row => swept.Add(new(new TenantId(row.Uuid(0)), row.Integer(1), row.Timestamp(2))),
            cancellationToken);
        return swept.ToImmutable();
    }
}
