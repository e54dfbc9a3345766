using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Bulkhead.Kernel.Audit.Integrity;

/// <summary>A log whose first unsealed entry is older than it may be.</summary>
/// <param name="Since">When its act began.</param>
public sealed record UnsealedLog(TenantId Tenant, DateTimeOffset Since);

/// <summary>
/// Looks in every process, whatever its role, whether the logs are being sealed: a transaction that somebody forgot holds the horizon, no
/// worker runs, or a tree was changed. Until an entry is sealed, its owner can change it and nobody finds out.
/// </summary>
public sealed partial class UnsealedLogs : BackgroundService
{
    private readonly WaitingLogs _waiting;
    private readonly Catalogue _catalogue;
    private readonly KernelOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<UnsealedLogs> _log;
    private ImmutableArray<UnsealedLog> _late = [];

    internal UnsealedLogs(WaitingLogs waiting, Catalogue catalogue, KernelOptions options, TimeProvider time, ILogger<UnsealedLogs> log)
    {
        _waiting = waiting;
        _catalogue = catalogue;
        _options = options;
        _time = time;
        _log = log;
    }

    /// <summary>As this process saw it last: the longest waiting first.</summary>
    public ImmutableArray<UnsealedLog> Open { get; private set; } = [];

    /// <summary>One look. What is late in two of them with the same entry is not being sealed.</summary>
    internal async Task LookAsync(CancellationToken cancellationToken)
    {
        var late = ImmutableArray.CreateBuilder<UnsealedLog>();
        var active = _catalogue.Current.Tenants.Values.Where(t => t.Status == TenantStatus.Active);
        foreach (var database in active.GroupBy(t => t.Placement.Unit.Database))
        {
            var limit = _time.GetUtcNow() - _options.AuditSealingAlert;
            try
            {
                late.AddRange((await _waiting.AskAsync(database.Key, database, _ => long.MaxValue, limit, cancellationToken))
                    .Where(found => found.Since < limit).Select(found => new UnsealedLog(found.Tenant.Id, found.Since!.Value)));
            }
            catch (Exception fault) when (fault is TenantFault or NpgsqlException or IOException or InvalidOperationException)
            {
                // Who does not answer is told by those who serve from it; what was known of it stays.
                late.AddRange(_late.Where(before => database.Any(t => t.Id == before.Tenant)));
            }
        }

        var open = late.Intersect(_late).OrderBy(log => log.Since).ToImmutableArray();
        Tell(open);
        (_late, Open) = (late.ToImmutable(), open);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(_options.AuditSealingAlert / 4, _time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                LogFailed(_log, fault.GetType().Name);
            }
        }
    }

    private void Tell(ImmutableArray<UnsealedLog> open)
    {
        if (open.Length > 0 && Open.IsEmpty)
        {
            LogUnsealed(_log, open.Length, open[0].Since);
        }
        else if (open.IsEmpty && !Open.IsEmpty)
        {
            LogSealed(_log);
        }
    }

    [LoggerMessage(4024, LogLevel.Critical,
        "The audit logs of {Count} tenants are not being sealed, since {Since:O} the longest. Next step: docs/audit-integrity.md")]
    private static partial void LogUnsealed(ILogger log, int count, DateTimeOffset since);

    [LoggerMessage(4025, LogLevel.Warning, "All audit logs are being sealed again.")]
    private static partial void LogSealed(ILogger log);

    [LoggerMessage(4026, LogLevel.Error, "Whether the audit logs are being sealed could not be looked at ({Fault}); it is tried again.")]
    private static partial void LogFailed(ILogger log, string fault);
}
