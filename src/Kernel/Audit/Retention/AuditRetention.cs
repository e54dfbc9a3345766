using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Audit.Retention;

/// <param name="FloorDays">What the operator and the rules ask for at least.</param>
/// <param name="KeepDays">What the tenant chose; null for ever.</param>
/// <param name="Expired">Entries that are not kept any more.</param>
/// <param name="WalkedTo">The position that the walk is at: all before it expired, or is held; null before the first walk.</param>
/// <param name="Size">Of the log.</param>
public sealed record RetentionState(long FloorDays, long? KeepDays, long Expired, long? WalkedTo, DateTimeOffset? WalkedAt, long Size);

/// <summary>What does not expire. Each condition that is null is met by every entry.</summary>
/// <param name="Begin">Acts that began from then on.</param>
/// <param name="End">Exclusive.</param>
public sealed record HoldScope(Guid? Record, string? Actor, DateTimeOffset? Begin, DateTimeOffset? End);

public sealed record LegalHold(
    Guid Id,
    string Reason,
    HoldScope Scope,
    DateTimeOffset PlacedAt,
    string PlacedBy,
    DateTimeOffset? LiftedAt,
    string? LiftedBy,
    string? LiftReason);

public enum LiftAnswer
{
    Lifted,

    /// <summary>There is none of the id that is not lifted.</summary>
    Unknown,

    /// <summary>Who placed it does not lift it.</summary>
    Own,
}

/// <summary>How long a tenant keeps its entries, and what it keeps whatever their age. Each act is an entry.</summary>
public sealed class AuditRetention
{
    /// <summary>Of a tenant, that are not lifted.</summary>
    public const int MostHolds = 1_000;

    /// <summary>Lifted ones with them: they stay listed.</summary>
    public const int MostListed = 10_000;

    private readonly TenantDatabase _database;
    private readonly KernelOptions _options;
    private readonly TimeProvider _time;

    internal AuditRetention(TenantDatabase database, KernelOptions options, TimeProvider time)
    {
        _database = database;
        _options = options;
        _time = time;
    }

    /// <summary>Whole days, no less than the floor.</summary>
    public long FloorDays => (long)Math.Ceiling(_options.AuditRetentionFloor.TotalDays);

    public async Task<RetentionState> StateAsync(RequestContext context, CancellationToken cancellationToken)
    {
        var state = new RetentionState(FloorDays, null, 0, null, null, 0);
        await _database.RunAsync(
            context,
            new TenantWork()
                .Read(Sql.Of($"select keep_days from {Place.Core}.audit_retention"), r => state = state with { KeepDays = r.Integer(0) })
                .Read(Sql.Of($"select count(*) from {Place.Core}.audit_expired"), r => state = state with { Expired = r.Integer(0) })
                .Read(Sql.Of($"select size from {Place.Core}.audit_tree"), r => state = state with { Size = r.Integer(0) })
                .Read(
                    Sql.Of($"select next_position, walked_at from {Place.Core}.audit_retention_state"),
                    r => state = state with { WalkedTo = r.Integer(0), WalkedAt = r.Timestamp(1) }),
            cancellationToken);
        return state;
    }

    /// <param name="days">Null for ever; not below the floor, which the caller has checked and this checks again.</param>
    public async Task KeepAsync(RequestContext context, long? days, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(days ?? FloorDays, FloorDays);
        var audit = new AuditEvent(RetentionRules.Chosen) { Records = AuditRecords.None, Details = RetentionRules.DetailsOf(days) };
        await _database.RunAsync(
            context,
            days is null
                ? new TenantWork().Attempt(Sql.Of($"delete from {Place.Core}.audit_retention returning 1"), audit)
                : new TenantWork().Change(
                    Sql.Of($"""
                        insert into {Place.Core}.audit_retention (tenant_id, keep_days, changed_at, changed_by, changed_by_kind)
                        values ({Place.Tenant}, {SqlValue.Integer(days)}, {SqlValue.Timestamp(Now())}, {SqlValue.Text(context.Actor.Id)},
                            {SqlValue.Text(context.Actor.KindWord)})
                        on conflict (tenant_id) do update set keep_days = excluded.keep_days, changed_at = excluded.changed_at,
                            changed_by = excluded.changed_by, changed_by_kind = excluded.changed_by_kind
                        returning 1
                        """),
                    audit),
            cancellationToken);
    }

    public async Task<ImmutableArray<LegalHold>> HoldsAsync(RequestContext context, CancellationToken cancellationToken)
    {
        var holds = ImmutableArray.CreateBuilder<LegalHold>();
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select id, reason, record, actor, begins_at, ends_at, placed_at, placed_by, lifted_at, lifted_by, lift_reason
                    from {Place.Core}.audit_hold order by id
                    """),
                row => holds.Add(new(
                    row.Uuid(0),
                    row.Text(1),
                    new(
                        row.IsNull(2) ? null : row.Uuid(2),
                        row.IsNull(3) ? null : row.Text(3),
                        row.IsNull(4) ? null : row.Timestamp(4),
                        row.IsNull(5) ? null : row.Timestamp(5)),
                    row.Timestamp(6),
                    row.Text(7),
                    row.IsNull(8) ? null : row.Timestamp(8),
                    row.IsNull(9) ? null : row.Text(9),
                    row.IsNull(10) ? null : row.Text(10)))),
            cancellationToken);
        return holds.ToImmutable();
    }

    /// <summary>
    /// Waits for entries that are just expiring, so that from its answer on nothing does that is under it. Null when there are
    /// <see cref="MostHolds"/>, or <see cref="MostListed"/>.
    /// </summary>
    public async Task<Guid?> PlaceAsync(RequestContext context, HoldScope scope, string reason, CancellationToken cancellationToken)
    {
        var id = Guid.CreateVersion7(_time.GetUtcNow());
        var result = await _database.RunAsync(
            context,
            new TenantWork()
                // Locked while entries expire.
                .Also(Sql.Of($"update {Place.Core}.audit_retention set changed_by = changed_by"))
                .Change(
                    Sql.Of($"""
                        insert into {Place.Core}.audit_hold (tenant_id, id, reason, record, actor, begins_at, ends_at, placed_at, placed_by)
                        select {Place.Tenant}, {SqlValue.Uuid(id)}, {SqlValue.Text(reason)}, {SqlValue.Uuid(scope.Record)},
                            {SqlValue.Text(scope.Actor)}, {SqlValue.Timestamp(scope.Begin)}, {SqlValue.Timestamp(scope.End)},
                            {SqlValue.Timestamp(Now())}, {SqlValue.Text(context.Actor.Id)}
                        where (select count(*) from {Place.Core}.audit_hold where lifted_at is null) < {SqlValue.Integer(MostHolds)}
                          and (select count(*) from {Place.Core}.audit_hold) < {SqlValue.Integer(MostListed)}
                        returning id
                        """),
                    new AuditEvent(RetentionRules.Placed)
                    {
                        Records = AuditRecords.None, Details = RetentionRules.DetailsOf(id, scope, reason),
                    }),
            cancellationToken);
        return result.Changed > 0 ? id : null;
    }

    public async Task<LiftAnswer> LiftAsync(RequestContext context, Guid id, string reason, CancellationToken cancellationToken)
    {
        var open = (await HoldsAsync(context, cancellationToken)).FirstOrDefault(h => h.Id == id && h.LiftedAt is null);
        if (open is null || open.PlacedBy == context.Actor.Id)
        {
            return open is null ? LiftAnswer.Unknown : LiftAnswer.Own;
        }

        var result = await _database.RunAsync(
            context,
            new TenantWork().Change(
                Sql.Of($"""
                    update {Place.Core}.audit_hold set lifted_at = {SqlValue.Timestamp(Now())}, lifted_by = {SqlValue.Text(context.Actor.Id)},
                        lift_reason = {SqlValue.Text(reason)}
                    where id = {SqlValue.Uuid(id)} and lifted_at is null and placed_by <> {SqlValue.Text(context.Actor.Id)} returning id
                    """),
                new AuditEvent(RetentionRules.Lifted)
                {
                    Records = AuditRecords.None, Details = AuditDetails.Of(("hold", $"{id}"), ("why", reason)),
                }),
            cancellationToken);
        return result.Changed > 0 ? LiftAnswer.Lifted : LiftAnswer.Unknown;
    }

    private DateTimeOffset Now()
    {
        var now = _time.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }
}
