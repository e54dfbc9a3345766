using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Bulkhead.Kernel.Audit.Retention;

/// <summary>Lets entries expire in the background, in one process of the installation at a time; who goes on begins where it was.</summary>
internal sealed partial class AuditExpiring(
    EntryExpiry expiry, Duties duties, Catalogue catalogue, KernelOptions options, TimeProvider time, ILogger<AuditExpiring> log)
    : BackgroundService
{
    private const string Duty = "audit expiry";

    /// <summary>So that a tenant with millions of them does not keep the others waiting.</summary>
    private const int RoundsAtATime = 10;

    /// <summary>One look: everything that is due now. Public to the tests, which do not wait for the time.</summary>
    internal Task ExpireAsync(CancellationToken cancellationToken) => duties.WorkAsync(Duty, ExpireAllAsync, cancellationToken);

    private async Task ExpireAllAsync(CancellationToken cancellationToken)
    {
        foreach (var tenant in catalogue.Current.Tenants.Values.Where(t => t.Status == TenantStatus.Active))
        {
            try
            {
                for (var i = 0; i < RoundsAtATime; i++)
                {
                    var (expired, more) = await expiry.RunAsync(tenant, cancellationToken);
                    if (expired > 0)
                    {
                        LogExpired(log, tenant.Slug, expired);
                    }

                    if (!more)
                    {
                        break;
                    }
                }
            }
            catch (RetentionEditedException)
            {
                LogEdited(log, tenant.Slug);
            }
            catch (Exception fault) when (fault is TenantFault or NpgsqlException or IOException or InvalidOperationException)
            {
                LogFailed(log, tenant.Slug, fault is TenantFault refused ? refused.Kind.ToString() : fault.GetType().Name);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.AuditExpiry, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await ExpireAsync(stoppingToken);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                LogFailed(log, "(all)", fault is TenantFault refused ? refused.Kind.ToString() : fault.GetType().Name);
            }
        }
    }

    [LoggerMessage(4031, LogLevel.Information, "{Expired} audit entries of {Tenant} expired.")]
    private static partial void LogExpired(ILogger log, string tenant, int expired);

    [LoggerMessage(4032, LogLevel.Error, "The audit entries of {Tenant} that are due could not expire ({Fault}); it is tried again.")]
    private static partial void LogFailed(ILogger log, string tenant, string fault);

    [LoggerMessage(
        4033,
        LogLevel.Critical,
        "Retention or holds of {Tenant} in the database are not those that its log says: somebody edited them. Nothing of it expires. Next step: docs/audit-integrity.md")]
    private static partial void LogEdited(ILogger log, string tenant);
}
