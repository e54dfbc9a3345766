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
    internal Task SweepAsync(CancellationToken cancellationToken) => duties.WorkAsync(Duty, SweepAllAsync, cancellationToken);

    private async Task SweepAllAsync(CancellationToken cancellationToken)
    {
        foreach (var tenant in catalogue.Current.Tenants.Values.Where(t => t.Status == TenantStatus.Active).OrderBy(t => t.Slug))
        {
            try
            {
                var found = await sweep.RunAsync(tenant, positions => PaceAsync(positions, cancellationToken), cancellationToken);
                await TellAsync(tenant, found, cancellationToken);
            }
            catch (Exception fault) when (fault is TenantFault or NpgsqlException or IOException or InvalidOperationException)
            {
                LogFailed(log, tenant.Slug, fault is TenantFault refused ? refused.Kind.ToString() : fault.GetType().Name);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.AuditSweep, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                LogFailed(log, "(all)", fault is TenantFault refused ? refused.Kind.ToString() : fault.GetType().Name);
            }
        }
    }

    /// <summary>The walk takes its time, so that it costs the others little.</summary>
    private Task PaceAsync(int positions, CancellationToken cancellationToken) =>
        Task.Delay(TimeSpan.FromSeconds((double)positions / options.AuditSweepRate), cancellationToken);

    private async Task TellAsync(TenantEntry tenant, LogFindings found, CancellationToken cancellationToken)
    {
        var changes = await records.KeepAsync(tenant.Id, found, time.GetUtcNow(), cancellationToken);
        // Each time again, as long as it holds.
        foreach (var gap in changes.Open)
        {
            LogGapFound(log, tenant.Slug, gap.Word, gap.Place);
        }

        var context = new RequestContext(tenant.Id, Self, "audit-sweep", $"{tenant.App}@{tenant.AppVersion}");
        // Where the log cannot grow, the entry that tells of a gap would be the next one: it is written when the log does again.
        foreach (var gap in found.CanGrow ? changes.Unrecorded : [])
        {
            await database.RunAsync(context, new TenantWork().Record(Event("audit.gap", gap)), cancellationToken);
            await records.RecordedAsync(tenant.Id, gap, cancellationToken);
        }

        foreach (var gap in changes.Resolved)
        {
            LogGapResolved(log, tenant.Slug, gap.Word, gap.Place);
            if (found.CanGrow)
            {
                await database.RunAsync(context, new TenantWork().Record(Event("audit.gap.resolved", gap)), cancellationToken);
            }
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

    [LoggerMessage(4023, LogLevel.Error, "The audit log of {Tenant} could not be walked ({Fault}); it is tried again.")]
    private static partial void LogFailed(ILogger log, string tenant, string fault);
}
