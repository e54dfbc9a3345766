using System.Collections.Immutable;
using System.Globalization;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Bulkhead.Kernel.Audit.Integrity;

/// <summary>
/// Walks the logs of all tenants, over and over, in one process of the installation at a time. What it finds is told in four places, and no
/// setting silences one of them: the log of the program, the status and readiness of the installation, and the tenant's own log.
/// </summary>
internal sealed partial class AuditSweeping(
    LogSweep sweep,
    HeadSweep heads,
    SweepProgress progress,
    GapRecords records,
    Duties duties,
    TenantDatabase database,
    Catalogue catalogue,
    KernelOptions options,
    TimeProvider time,
    ILogger<AuditSweeping> log) : BackgroundService
{
    private const string Duty = "audit sweep";

    private static readonly Actor Self = new(ActorKind.Platform, "audit sweep", []);

    /// <summary>One walk over all logs. Public to the tests, which do not wait for the time.</summary>
    /// <returns>False while another process is at it.</returns>
    internal Task<bool> SweepAsync(CancellationToken cancellationToken) => duties.WorkAsync(Duty, SweepAllAsync, cancellationToken);

    private async Task SweepAllAsync(CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        var walked = new Dictionary<TenantId, bool>();
        var isWhole = true;
        foreach (var tenant in catalogue.Current.Tenants.Values.Where(t => t.Status == TenantStatus.Active).OrderBy(t => t.Slug))
        {
            try
            {
                var found = await sweep.RunAsync(tenant, positions => PaceAsync(positions, cancellationToken), cancellationToken);
                walked[tenant.Id] = found.CanGrow;
                var changes = await records.KeepAsync(tenant.Id, found, time.GetUtcNow(), cancellationToken);
                await TellAsync(tenant.Id, tenant.Slug, found.CanGrow ? tenant : null, changes, cancellationToken);
            }
            catch (Exception fault) when (fault is TenantFault or NpgsqlException or IOException or InvalidOperationException)
            {
                isWhole = false;
                LogFailed(log, tenant.Slug, fault is TenantFault refused ? refused.Kind.ToString() : fault.GetType().Name);
            }
        }

        try
        {
            await SweepHeadsAsync(walked, cancellationToken);
        }
        catch (Exception fault) when (fault is TenantFault or NpgsqlException or IOException or InvalidOperationException)
        {
            isWhole = false;
            LogFailed(log, "(heads)", fault is TenantFault refused ? refused.Kind.ToString() : fault.GetType().Name);
        }

        // One that left a log out is none: who takes a table away from the sealer would silence it.
        if (isWhole)
        {
            progress.End(begun);
        }
    }

    /// <param name="walked">Tenants whose logs were walked, and whether they can grow.</param>
    private async Task SweepHeadsAsync(Dictionary<TenantId, bool> walked, CancellationToken cancellationToken)
    {
        var found = await heads.RunAsync(positions => PaceAsync(positions, cancellationToken), cancellationToken);
        foreach (var tenant in found.Tenants.Union(await records.OfHeadsAsync(cancellationToken)))
        {
            var changes = await records.KeepHeadsAsync(tenant, found.Of(tenant), time.GetUtcNow(), cancellationToken);
            var entry = tenant is { } id ? catalogue.Current.Tenants.GetValueOrDefault(id) : null;
            var canGrow = entry is not null && walked.GetValueOrDefault(entry.Id);
            await TellAsync(tenant, entry?.Slug ?? tenant?.ToString() ?? "(installation)", canGrow ? entry : null, changes, cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        progress.Begin();
        await Task.WhenAll(WalkAsync(stoppingToken), WatchAsync(stoppingToken));
    }

    private async Task WalkAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.AuditSweep, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                // The lease saves work and decides nothing: whoever writes that another has it does not silence this process. Two may walk.
                if (!await SweepAsync(stoppingToken) && progress.IsDue)
                {
                    await SweepAllAsync(stoppingToken);
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, "(all)", fault is TenantFault refused ? refused.Kind.ToString() : fault.GetType().Name);
            }
        }
    }

    /// <summary>Beside the walk, which may hang.</summary>
    private async Task WatchAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.AuditSealingAlert, time);
        DateTimeOffset? told = null;
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (progress.OverdueSince is { } since && since != told)
            {
                LogOverdue(log, since);
                told = since;
            }
        }
    }

    /// <summary>The walk takes its time, so that it costs the others little.</summary>
    private Task PaceAsync(int positions, CancellationToken cancellationToken) =>
        Task.Delay(TimeSpan.FromSeconds((double)positions / options.AuditSweepRate), cancellationToken);

    /// <param name="own">Whose own log is to tell it; null where none is, or it cannot grow.</param>
    private async Task TellAsync(
        TenantId? tenant, string name, TenantEntry? own, GapChanges changes, CancellationToken cancellationToken)
    {
        // Each time again, as long as it holds.
        foreach (var gap in changes.Open)
        {
            LogGapFound(log, name, gap.Word, gap.Place);
        }

        foreach (var gap in changes.Resolved)
        {
            LogGapResolved(log, name, gap.Word, gap.Place);
        }

        if (tenant is not { } id || own is null)
        {
            return;
        }

        var context = new RequestContext(id, Self, "audit-sweep", $"{own.App}@{own.AppVersion}");
        // Where the log cannot grow, the entry that tells of a gap would be the next one: it is written when the log does again.
        foreach (var gap in changes.Unrecorded)
        {
            await database.RunAsync(context, new TenantWork().Record(Event("audit.gap", gap)), cancellationToken);
            await records.RecordedAsync(id, gap, cancellationToken);
        }

        foreach (var gap in changes.Resolved)
        {
            await database.RunAsync(context, new TenantWork().Record(Event("audit.gap.resolved", gap)), cancellationToken);
        }
    }

    private static AuditEvent Event(string action, LogGap gap)
    {
        var details = ImmutableSortedDictionary.CreateRange(
            StringComparer.Ordinal, [KeyValuePair.Create("kind", gap.Word)]);
        return new(action)
        {
            Records = AuditRecords.None,
            Details = gap.Kind == LogGapKind.EntryForged
                ? details.Add("entry", $"{gap.Entry}")
                : details.Add("from", gap.From.ToString(CultureInfo.InvariantCulture)).Add("to", gap.To.ToString(CultureInfo.InvariantCulture)),
        };
    }

    [LoggerMessage(4021, LogLevel.Critical, "The audit log of {Tenant} does not hold: {Kind}, {Place}. Next step: docs/audit-integrity.md")]
    private static partial void LogGapFound(ILogger log, string tenant, string kind, string place);

    [LoggerMessage(4022, LogLevel.Warning, "The audit log of {Tenant} holds again: {Kind}, {Place}.")]
    private static partial void LogGapResolved(ILogger log, string tenant, string kind, string place);

    [LoggerMessage(4027, LogLevel.Critical, "No walk over the audit logs has ended since {Since:O}. Next step: docs/audit-integrity.md")]
    private static partial void LogOverdue(ILogger log, DateTimeOffset since);

    [LoggerMessage(4023, LogLevel.Error, "The audit log of {Tenant} could not be walked ({Fault}); it is tried again.")]
    private static partial void LogFailed(ILogger log, string tenant, string fault);
}
