using System.Collections.Concurrent;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Bulkhead.Kernel.Audit;

/// <summary>Seals the logs of all tenants, over and over, and appends their heads to the log of heads.</summary>
internal sealed partial class AuditSealing(
    AuditSealer sealer, HeadLog heads, Catalogue catalogue, KernelOptions options, TimeProvider time, ILogger<AuditSealing> log)
    : BackgroundService
{
    private readonly ConcurrentDictionary<TenantId, bool> _failing = new();
    private bool _compared;

    /// <summary>One round over all tenants, each until nothing is left. Public to the tests, which do not wait for the time.</summary>
    internal async Task SealAsync(CancellationToken cancellationToken)
    {
        var grown = new List<SealedHead>();
        foreach (var tenant in catalogue.Current.Tenants.Values.Where(t => t.Status == TenantStatus.Active))
        {
            try
            {
                SealedHead? last = null;
                while (await sealer.SealAsync(tenant, cancellationToken) is { } head)
                {
                    var before = last?.Size ?? 0;
                    last = head;
                    if (head.Size - before < options.AuditSealingBatch)
                    {
                        break;
                    }
                }

                if (last is not null)
                {
                    grown.Add(last);
                }

                if (_failing.TryRemove(tenant.Id, out _))
                {
                    LogBack(log, tenant.Slug);
                }
            }
            catch (Exception fault) when (fault is TenantFault or NpgsqlException or IOException or InvalidOperationException)
            {
                if (_failing.TryAdd(tenant.Id, true))
                {
                    LogFailed(log, tenant.Slug, fault is TenantFault refused ? refused.Kind.ToString() : fault.GetType().Name);
                }
            }
        }

        if (!_compared)
        {
            await CompareAsync(grown, cancellationToken);
            _compared = true;
        }

        if (grown.Count > 0)
        {
            await heads.AppendAsync(grown, cancellationToken);
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
                // Appended heads are compared again from the beginning: none is left out.
                _compared = false;
                LogHeadsFailed(log, fault.GetType().Name);
            }
        }
    }

    /// <summary>Heads that were sealed by a process which died before it appended them.</summary>
    private async Task CompareAsync(List<SealedHead> grown, CancellationToken cancellationToken)
    {
        var sizes = await heads.SizesAsync(cancellationToken);
        foreach (var tenant in catalogue.Current.Tenants.Values.Where(t => t.Status == TenantStatus.Active))
        {
            if (grown.Exists(h => h.Tenant == tenant.Id) || _failing.ContainsKey(tenant.Id))
            {
                continue;
            }

            if (await sealer.HeadAsync(tenant, cancellationToken) is { } head && sizes.GetValueOrDefault(tenant.Id.Value) < head.Size)
            {
                grown.Add(head);
            }
        }
    }

    [LoggerMessage(4001, LogLevel.Error, "The audit log of {Tenant} could not be sealed ({Fault}); it is tried again.")]
    private static partial void LogFailed(ILogger log, string tenant, string fault);

    [LoggerMessage(4002, LogLevel.Warning, "The audit log of {Tenant} is sealed again.")]
    private static partial void LogBack(ILogger log, string tenant);

    [LoggerMessage(4003, LogLevel.Error, "The log of heads could not be grown ({Fault}); it is tried again.")]
    private static partial void LogHeadsFailed(ILogger log, string fault);
}
