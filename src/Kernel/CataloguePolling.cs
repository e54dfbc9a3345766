using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Kernel;

/// <summary>Keeps the catalogue current. When the control database is away the last snapshot stays: the databases enforce in any case.</summary>
internal sealed partial class CataloguePolling(
    Catalogue catalogue, KeyRing keys, KernelOptions options, TimeProvider time, ILogger<CataloguePolling> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.CataloguePolling, time);
        var away = false;
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await catalogue.RefreshAsync(stoppingToken);
                if (away)
                {
                    LogBack(log);
                }

                away = false;
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                if (!away)
                {
                    LogAway(log, fault.GetType().Name);
                }

                away = true;
            }

            // Also while the catalogue is away: what is too old is dropped.
            keys.Sweep();
        }
    }

    [LoggerMessage(1001, LogLevel.Warning, "The control database does not answer ({Fault}); serving on with the last catalogue.")]
    private static partial void LogAway(ILogger log, string fault);

    [LoggerMessage(1002, LogLevel.Warning, "The control database answers again.")]
    private static partial void LogBack(ILogger log);
}
