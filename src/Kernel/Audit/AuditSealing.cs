using System.Collections.Concurrent;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Bulkhead.Kernel.Audit;

/// <summary>
/// Seals the logs of all tenants, over and over, and appends their heads to the log of heads. A tenant that is suspended has no capability,
/// and without one the database shows its log to nobody: its last entries are sealed when it is resumed.
/// </summary>
internal sealed partial class AuditSealing(
    AuditSealer sealer,
    WaitingLogs waiting,
    HeadLog heads,
    Catalogue catalogue,
    KernelOptions options,
    TimeProvider time,
    ILogger<AuditSealing> log) : BackgroundService
{
    private readonly ConcurrentDictionary<string, bool> _failing = new(StringComparer.Ordinal);

    /// <summary>Sizes of logs whose heads are known to be in the log of heads. Another process may have appended longer ones.</summary>
    private readonly ConcurrentDictionary<TenantId, long> _appended = new();

    /// <summary>One round over all tenants, each until nothing is left. Public to the tests, which do not wait for the time.</summary>
    internal async Task SealAsync(CancellationToken cancellationToken)
    {
        var grown = new List<SealedHead>();
        var behind = new List<WaitingLog>();
        var active = catalogue.Current.Tenants.Values.Where(t => t.Status == TenantStatus.Active);
        foreach (var database in active.GroupBy(t => t.Placement.Unit.Database))
        {
            foreach (var found in await AskAsync(database.Key, [.. database], cancellationToken))
            {
                if (!found.Unsealed)
                {
                    behind.Add(found);
                }
                else if (await SealAsync(found.Tenant, cancellationToken) is { } head)
                {
                    grown.Add(head);
                }
            }
        }

        if (behind.Count > 0)
        {
            await CompareAsync(behind, grown, cancellationToken);
        }

        if (grown.Count > 0)
        {
            await heads.AppendAsync(grown, cancellationToken);
            grown.ForEach(head => _appended[head.Tenant] = head.Size);
        }
    }

    private async Task<List<WaitingLog>> AskAsync(string database, List<TenantEntry> tenants, CancellationToken cancellationToken)
    {
        List<WaitingLog> found = [];
        if (await TryAsync(database, async () => found = await waiting.AskAsync(database, tenants, SizeOf, DateTimeOffset.UnixEpoch, cancellationToken)))
        {
            foreach (var tenant in tenants.Where(t => _failing.ContainsKey(t.Slug) && !found.Exists(w => w.Tenant == t)))
            {
                await TryAsync(tenant.Slug, () => Task.CompletedTask);
            }
        }

        return found;

        long SizeOf(TenantId tenant) => _appended.GetValueOrDefault(tenant);
    }

    private async Task<SealedHead?> SealAsync(TenantEntry tenant, CancellationToken cancellationToken)
    {
        SealedHead? last = null;
        await TryAsync(tenant.Slug, async () =>
        {
            while (await sealer.SealAsync(tenant, cancellationToken) is { } head)
            {
                if (head.Refused > 0)
                {
                    LogRefused(log, head.Refused, tenant.Slug);
                }

                var before = last?.Size ?? 0;
                last = head.Size > 0 ? head : last;
                if (head.Size - before < options.AuditSealingBatch)
                {
                    break;
                }
            }
        });
        return last;
    }

    /// <summary>Tells once that something failed, and once that it no longer does.</summary>
    private async Task<bool> TryAsync(string what, Func<Task> work)
    {
        try
        {
            await work();
            if (_failing.TryRemove(what, out _))
            {
                LogBack(log, what);
            }

            return true;
        }
        catch (Exception fault) when (fault is TenantFault or NpgsqlException or IOException or InvalidOperationException)
        {
            if (_failing.TryAdd(what, true))
            {
                LogFailed(log, what, fault is TenantFault refused ? refused.Kind.ToString() : fault.GetType().Name);
            }

            return false;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.AuditSealing, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await SealAsync(stoppingToken);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                LogHeadsFailed(log, fault.GetType().Name);
            }
        }
    }

    /// <summary>Heads that were sealed by a process which died, or has not come yet to append them.</summary>
    private async Task CompareAsync(List<WaitingLog> behind, List<SealedHead> grown, CancellationToken cancellationToken)
    {
        var sizes = await heads.SizesAsync(behind.Select(found => found.Tenant.Id), cancellationToken);
        foreach (var found in behind)
        {
            var known = sizes.GetValueOrDefault(found.Tenant.Id);
            _appended[found.Tenant.Id] = known;
            await TryAsync(found.Tenant.Slug, async () =>
            {
                if (known < found.Size && await sealer.HeadAsync(found.Tenant, cancellationToken) is { } head)
                {
                    grown.Add(head);
                }
            });
        }
    }

    [LoggerMessage(4001, LogLevel.Error, "The audit logs of {Where}, a tenant or a database, could not be sealed ({Fault}); it is tried again.")]
    private static partial void LogFailed(ILogger log, string where, string fault);

    [LoggerMessage(4004, LogLevel.Critical,
        "{Refused} audit entries of {Tenant} are not as the platform wrote them, and got no position. Next step: docs/audit-integrity.md")]
    private static partial void LogRefused(ILogger log, int refused, string tenant);

    [LoggerMessage(4002, LogLevel.Warning, "The audit logs of {Where} are sealed again.")]
    private static partial void LogBack(ILogger log, string where);

    [LoggerMessage(4003, LogLevel.Error, "The log of heads could not be grown ({Fault}); it is tried again.")]
    private static partial void LogHeadsFailed(ILogger log, string fault);
}
