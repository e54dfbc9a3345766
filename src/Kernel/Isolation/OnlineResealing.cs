using System.Globalization;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// Seals the rows of a unit anew while the older version serves and writes, tenant by tenant, each under its own capability; and clears,
/// after the newer one is in force, what the old columns left in the rows.
/// </summary>
internal sealed class OnlineResealing(
    TenantDatabase database, KeyRing keys, Catalogue catalogue, KernelOptions options, TimeProvider time)
{
    private const string Action = "data.reseal";

    // Rows that changed since they were sealed are taken up again; what is still left then, the migration itself takes.
    private const int MaxPasses = 8;

    // A tenant whose backends are all busy, or a server that restarts.
    private const int MaxTries = 10;

    private static readonly SqlName Staged = SqlName.Of("staged");
    private static readonly Actor Platform = new(ActorKind.Platform, "resealing", []);

    /// <param name="app">App and version that the unit has.</param>
    /// <param name="place">Words for the progress: <c>unit 2 of 3</c>.</param>
    /// <exception cref="DeploymentRefused">A tenant's keys are withdrawn or destroyed, or an envelope does not open.</exception>
    public async Task SealAsync(
        DeploymentRequest request, string app, Unit unit, ResealShape shape, string place, IProgress<string>? progress,
        CancellationToken cancellationToken)
    {
        var contexts = Contexts(unit, request, app);
        var total = 0L;
        foreach (var context in contexts)
        {
            total += await CountAsync(context, shape, cancellationToken);
        }

        var done = 0L;
        for (var pass = 1; pass <= MaxPasses; pass++)
        {
            var changed = 0L;
            foreach (var context in contexts)
            {
                Guid? after = null;
                do
                {
                    var window = await WindowAsync(context, shape, after, cancellationToken);
                    after = window.After;
                    changed += window.Found;
                    if (pass == 1 && window.Seen > 0)
                    {
                        done += window.Seen;
                        progress?.Report(string.Create(
                            CultureInfo.InvariantCulture,
                            $"Sealing {shape.Change.Entity} of {place}: {Math.Min(done, total):N0} of {total:N0}"));
                    }
                }
                while (after is not null);
            }

            if (changed <= options.ResealBatch / 10)
            {
                return;
            }
        }
    }

    /// <summary>Every row becomes a new one, which PostgreSQL writes without the columns that were dropped.</summary>
    public async Task ClearAsync(
        DeploymentRequest request, string app, Unit unit, SqlName table, string entity, CancellationToken cancellationToken)
    {
        var entry = new AuditEvent(Action)
        {
            Entity = entity,
            Records = AuditRecords.CountAndDigest,
            Details = AuditDetails.Of(("step", "clear")),
        };
        foreach (var context in Contexts(unit, request, app))
        {
            Guid? after = null;
            while (true)
            {
                Guid? last = null;
                var from = after is { } id ? Sql.Of($"and id > {SqlValue.Uuid(id)}") : Sql.Empty;
                var clear = Sql.Of($"""
                    with free as materialized (
                        select id from {Place.App}.{table} where {ResealShape.Resealed} is not null {from}
                        order by id limit {SqlValue.Integer(options.ResealBatch)} for no key update skip locked)
                    update {Place.App}.{table} t set {ResealShape.Resealed} = null from free where t.id = free.id returning t.id
                    """);
                var work = new TenantWork().Change(
                    clear,
                    entry,
                    row => last = last is { } known && known.CompareTo(row.Uuid(0)) > 0 ? known : row.Uuid(0));
                if (!await ReachAsync(() => database.RunAsync(context, work, cancellationToken), cancellationToken)
                    || (last is null && after is null))
                {
                    break;
                }

                // At the end once more from the beginning, for rows that somebody held.
                after = last;
            }
        }
    }

    private List<RequestContext> Contexts(Unit unit, DeploymentRequest request, string app) =>
    [
        .. catalogue.Current.Tenants.Values
            .Where(t => t.Placement.Unit.Name == unit.Name && t.Status == TenantStatus.Active)
            .OrderBy(t => t.Id.Value)
            .Select(t => new RequestContext(t.Id, Platform, request.Id, app) { OnBehalfOf = request.Actor }),
    ];

    private async Task<long> CountAsync(RequestContext context, ResealShape shape, CancellationToken cancellationToken)
    {
        var count = 0L;
        var work = new TenantWork().Read(
            Sql.Of($"select count(*) from {Place.App}.{shape.Table}"), row => count = row.Integer(0));
        await ReachAsync(() => database.RunAsync(context, work, cancellationToken), cancellationToken);
        return count;
    }

    /// <summary>The next rows by id: those that are not done are sealed and kept beside the old columns.</summary>
    private async Task<Window> WindowAsync(
        RequestContext context, ResealShape shape, Guid? after, CancellationToken cancellationToken)
    {
        var window = default(Window);
        var rows = new ResealedRows(shape);
        var reached = await ReachAsync(
            async () =>
            {
                var entity = await keys.OpenAsync(context.Tenant, shape.Change.Entity, cancellationToken);
                rows = new ResealedRows(shape);
                window = default;
                Guid? last = null;
                var cut = false;
                await database.RunAsync(context, new TenantWork().Read(Read(shape, rows, entity, after), Take), cancellationToken);
                window = window with { Found = rows.Count, After = window.Seen < options.ResealBatch && !cut ? null : last };
                if (rows.Count > 0)
                {
                    await database.RunAsync(context, new TenantWork().Change(Write(shape, rows), Entry(shape)), cancellationToken);
                }

                void Take(Row row)
                {
                    if (cut |= rows.IsFull)
                    {
                        return;
                    }

                    window = window with { Seen = window.Seen + 1 };
                    last = row.Uuid(0);
                    if (row.Boolean(2))
                    {
                        var person = shape.Change.HasSubject ? row.Bytes(3 + rows.Columns.Length) : null;
                        rows.Add(row, row.Uuid(0), row.Uuid(1), 3, entity, person);
                    }
                }
            },
            cancellationToken);
        return reached ? window : default;
    }

    private Sql Read(ResealShape shape, ResealedRows rows, RecordKeys entity, Guid? after)
    {
        // Sealed under a key that may retire before the migration, in a deployment that was killed: done anew.
        var conditions = new List<Sql> { Sql.Of($"{ResealShape.Resealed} is distinct from version") };
        conditions.AddRange(shape.Envelopes.Select(e => SealedColumn.IsOfOlderEpoch(e.Staging, entity)));
        conditions.AddRange(shape.Indexes.Select(i => SealedColumn.IsOfOtherIndexKey(i.Staging, entity)));
        var columns = Sql.Join("", rows.Columns.Select(c => Sql.Of($", case when {Staged} then {c} end")));
        var person = shape.Change.HasSubject ? Sql.Of($", case when {Staged} then {SubjectKey.OfRow} end") : Sql.Empty;
        var from = after is { } id ? Sql.Of($"where id > {SqlValue.Uuid(id)}") : Sql.Empty;
        return Sql.Of($"""
            select id, version, {Staged}{columns}{person} from (
                select *, coalesce({Sql.Join(" or ", conditions)}, false) as {Staged}
                from {Place.App}.{shape.Table} {from} order by id limit {SqlValue.Integer(options.ResealBatch)}) as rows
            """);
    }

    private static Sql Write(ResealShape shape, ResealedRows rows)
    {
        var staging = shape.Staged.Select(s => s.Staging).ToList();
        var values = Sql.Join("", rows.Staged.Select(v => Sql.Of($", {SqlValue.BytesArray(v)}")));
        var columns = Sql.Join("", staging.Select(s => Sql.Of($", {s}")));
        var sets = Sql.Join("", staging.Select(s => Sql.Of($", {s} = u.{s}")));
        // A row that somebody writes is not waited for: it gets another version, and is taken up again.
        return Sql.Of($"""
            with free as materialized (
                select id from {Place.App}.{shape.Table} where id = any({SqlValue.Uuids(rows.Ids)}) for no key update skip locked)
            update {Place.App}.{shape.Table} t set {ResealShape.Resealed} = u.version{sets}
            from unnest({SqlValue.Uuids(rows.Ids)}, {SqlValue.Uuids(rows.Versions)}{values}) as u(id, version{columns}), free
            where t.id = u.id and t.version = u.version and free.id = u.id returning t.id
            """);
    }

    private static AuditEvent Entry(ResealShape shape) => new(Action)
    {
        Entity = shape.Change.Entity,
        Fields = [.. shape.Change.To.Select(f => f.Field.Name)],
        Records = AuditRecords.CountAndDigest,
    };

    /// <summary>False when the tenant has left (suspended meanwhile): its rows are sealed by the migration.</summary>
    private async Task<bool> ReachAsync(Func<Task> act, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await act();
                return true;
            }
            catch (TenantFault fault) when (fault.Kind is TenantFaultKind.Unknown or TenantFaultKind.Fenced)
            {
                await catalogue.RefreshAsync(cancellationToken);
                return false;
            }
            catch (TenantFault fault) when (ResealFlip.Refusal(fault) is { } refusal)
            {
                throw refusal;
            }
            catch (TenantFault) when (attempt < MaxTries)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100 * attempt), time, cancellationToken);
            }
        }
    }

    /// <param name="Seen">Rows of the window.</param>
    /// <param name="Found">Those that were not done.</param>
    /// <param name="After">Where the next window begins; null at the end.</param>
    private readonly record struct Window(int Seen, int Found, Guid? After);
}
