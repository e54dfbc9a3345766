using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Platform.Keys;

/// <summary>
/// Tends to keys in the background, in one process of the installation at a time: rotates what is old, destroys what is due, brings rows
/// under the newest keys, and forgets keys that no row needs any more. What fails is tried again at the next look.
/// </summary>
internal sealed partial class KeyUpkeep(
    KeySchedule schedule,
    KeyCustody custody,
    RecordRewriting rewriting,
    SubjectErasure subjects,
    TenantDatabase database,
    Catalogue catalogue,
    AppCatalogue apps,
    Kernel.KernelOptions options,
    TimeProvider time,
    ILogger<KeyUpkeep> log) : BackgroundService
{
    private const int Batch = 500;

    /// <summary>So that a table with a million rows does not keep the other tenants waiting.</summary>
    private const int BatchesAtATime = 200;

    /// <summary>One look: everything that is due now. Public to the tests, which do not wait for the time.</summary>
    internal async Task TendAsync(CancellationToken cancellationToken)
    {
        await using var lead = await schedule.TryLeadAsync(cancellationToken);
        if (lead is null)
        {
            return;
        }

        await TryAsync("roots", () => schedule.TendRootsAsync(cancellationToken));
        foreach (var (tenant, what) in schedule.Due())
        {
            await TryAsync(tenant.Slug, () => custody.RotateAsync(KeySchedule.ContextOf(tenant), what, cancellationToken));
        }

        foreach (var (tenant, epoch, indexVersion) in schedule.Behind())
        {
            await TryAsync(tenant.Slug, () => RewriteAsync(tenant, epoch, indexVersion, cancellationToken));
        }

        foreach (var tenant in schedule.Tended().Where(HasSubjectKeys).ToList())
        {
            await TryAsync(tenant.Slug, () => subjects.TendAsync(KeySchedule.ContextOf(tenant), cancellationToken));
        }

        foreach (var tenant in catalogue.Current.Tenants.Values.Where(t => t is { Status: TenantStatus.Active, KeysWithdrawnAt: null }))
        {
            await TryAsync(tenant.Slug, () => PurgeAsync(tenant, cancellationToken));
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(schedule.Period, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await TryAsync("schedule", () => TendAsync(stoppingToken));
        }
    }

    private async Task TryAsync(string what, Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            var refused = fault as TenantFault;
            var name = refused?.Kind.ToString() ?? fault.GetType().Name;
            LogFailed(log, what, refused?.Place is { } place ? $"{name}: {place}" : name);
        }
    }

    private async Task RewriteAsync(TenantEntry tenant, int epoch, int indexVersion, CancellationToken cancellationToken)
    {
        if (apps.Find(tenant.App, tenant.AppVersion) is not { } app)
        {
            return;
        }

        var context = KeySchedule.ContextOf(tenant);
        var states = (await schedule.ProgressAsync(tenant.Id, epoch, indexVersion, cancellationToken)).ToDictionary(s => s.Entity);
        var finished = true;
        foreach (var table in Tables(app).Append(RewriteTable.Openings).Append(Disclosures.Table))
        {
            states.TryGetValue(table.Entity, out var state);
            if (state is { FinishedAt: not null })
            {
                continue;
            }

            finished &= await RewriteAsync(context, table, epoch, indexVersion, state?.Position, cancellationToken);
        }

        if (finished && !await HasOlderAnswersAsync(context, epoch, indexVersion, cancellationToken))
        {
            var retired = await schedule.RetireAsync(tenant, epoch, indexVersion, cancellationToken);
            if (retired > 0)
            {
                LogRetired(log, tenant.Slug, retired, epoch, indexVersion);
            }
        }
    }

    /// <returns>True when a whole walk found nothing under older keys.</returns>
    private async Task<bool> RewriteAsync(
        RequestContext context, RewriteTable table, int epoch, int indexVersion, Guid? position, CancellationToken cancellationToken)
    {
        for (var i = 0; i < BatchesAtATime; i++)
        {
            var batch = await rewriting.RunAsync(context, table, position, Batch, cancellationToken);
            await schedule.KeepAsync(context.Tenant, epoch, indexVersion, table.Entity, batch, cancellationToken);
            position = batch.After;
            if (position is null)
            {
                var state = (await schedule.ProgressAsync(context.Tenant, epoch, indexVersion, cancellationToken))
                    .First(s => s.Entity == table.Entity);
                if (state.FinishedAt is not null)
                {
                    return true;
                }
            }
        }

        return false;
    }

    internal static IEnumerable<RewriteTable> Tables(AppModel app) => app.Entities
        .Where(entity => !entity.SealedClasses.IsEmpty)
        .Select(entity => new RewriteTable(
            entity.Table, entity.Name, [.. entity.Fields.Where(field => field.IsSealed).Select(SchemaSteps.Sealed)], entity.HasSubjectKey));

    /// <summary>Kept answers and the digests of their requests are not rewritten: they go by themselves, and so long their keys stay.</summary>
    private async Task<bool> HasOlderAnswersAsync(
        RequestContext context, int epoch, int indexVersion, CancellationToken cancellationToken)
    {
        var head = new byte[4];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(head, epoch);
        var found = false;
        await database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select 1::bigint from {Place.Core}.idempotency
                    where substring(answer from 3 for 4) < {SqlValue.Bytes(head)}
                    or substring(request_digest from 1 for 1) <> {SqlValue.Bytes([(byte)indexVersion])} limit 1
                    """),
                _ => found = true),
            cancellationToken);
        return found;
    }

    private bool HasSubjectKeys(TenantEntry tenant) =>
        apps.Find(tenant.App, tenant.AppVersion)?.Entities.Any(entity => entity.HasSubjectKey) == true;

    private Task<WorkResult> PurgeAsync(TenantEntry tenant, CancellationToken cancellationToken) => database.RunAsync(
        KeySchedule.ContextOf(tenant),
        new TenantWork().Change(
            Sql.Of($"""
                delete from {Place.Core}.idempotency where created_at < {SqlValue.Timestamp(time.GetUtcNow() - options.IdempotencyRetention)}
                returning 1::bigint
                """),
            new AuditEvent("idempotency.purge") { Records = AuditRecords.None }),
        cancellationToken);

    [LoggerMessage(3001, LogLevel.Warning, "Keys: {What} could not be tended to ({Fault}); it is tried again.")]
    private static partial void LogFailed(ILogger log, string what, string fault);

    [LoggerMessage(3002, LogLevel.Warning, "Keys of {Tenant}: {Retired} older keys are forgotten; all rows are under epoch {Epoch} and index version {IndexVersion}.")]
    private static partial void LogRetired(ILogger log, string tenant, int retired, int epoch, int indexVersion);
}
