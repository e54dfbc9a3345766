using System.Collections.Concurrent;
using System.Globalization;
using Bulkhead.Kernel.Audit.Streams;
using Bulkhead.Kernel.Isolation;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Platform.Audit.Streams;

/// <summary>
/// Sends what is sealed to the tenants' collectors, in order, each by one process of the installation at a time. What a collector has not
/// taken is sent again, whoever died meanwhile; one that fails holds up nobody else.
/// </summary>
internal sealed partial class StreamSending(StreamQueue queue, TimeProvider time, ILogger<StreamSending> log) : BackgroundService
{
    /// <summary>Collectors that are sent to at once.</summary>
    private const int Most = 16;

    /// <summary>Of one stream, before others have their turn.</summary>
    private const int MostBatches = 64;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<string, Task> _running = new(StringComparer.Ordinal);

    private int _turn;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(queue.Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await BeginAsync(stoppingToken);
            }
        }
        finally
        {
            await Task.WhenAll(_running.Values);
        }
    }

    /// <summary>1, 2, 4 … 300 seconds.</summary>
    internal static TimeSpan WaitAfter(long failures) =>
        TimeSpan.FromSeconds(Math.Min(LongestWait.TotalSeconds, Math.Pow(2, Math.Min(failures, 20))));

    private async Task BeginAsync(CancellationToken cancellationToken)
    {
        // Where there are more streams than turns, none is always the first.
        var tenants = queue.Tenants.OrderBy(t => t.Id.Value).ToList();
        var first = tenants.Count == 0 ? 0 : (int)((uint)_turn++ % tenants.Count);
        foreach (var tenant in tenants.Skip(first).Concat(tenants.Take(first)))
        {
            try
            {
                foreach (var stream in await queue.DueAsync(tenant, cancellationToken))
                {
                    if (_running.Count >= Most)
                    {
                        return;
                    }

                    var id = $"{tenant.Id}/{stream.Name}";
                    if (!_running.ContainsKey(id))
                    {
                        _running[id] = Task.Run(() => RunAsync(id, stream, cancellationToken), CancellationToken.None);
                    }
                }
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                LogFailed(log, tenant.Slug, fault is TenantFault refused ? refused.Kind.ToString() : fault.GetType().Name);
            }
        }
    }

    private async Task RunAsync(string id, DueStream stream, CancellationToken cancellationToken)
    {
        try
        {
            await queue.WorkAsync(stream, held => SendAsync(stream, held), cancellationToken);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            LogFailed(log, stream.Tenant.Slug, fault is TenantFault refused ? refused.Kind.ToString() : fault.GetType().Name);
        }
        catch (OperationCanceledException)
        {
            // The program ends; what was not acknowledged is sent by the next one.
        }
        finally
        {
            _running.TryRemove(id, out _);
        }
    }

    private async Task SendAsync(DueStream stream, CancellationToken cancellationToken)
    {
        var connection = new CollectorConnection(stream.Authority, queue.AllowsPrivateAddresses, time);
        using ICollector collector = stream.Kind == StreamKind.Syslog
            ? new SyslogCollector(stream, connection)
            : new HttpsCollector(stream, connection, queue, time);
        for (var i = 0; i < MostBatches && await queue.NextAsync(stream, cancellationToken) is { } batch; i++)
        {
            if (batch.IsChanged)
            {
                await queue.FailedAsync(stream, ChangedFault(batch.From), WaitAfter(stream.Failures), cancellationToken);
                return;
            }

            if (batch.Entries.Count > 0 && await DeliverAsync(collector, batch, cancellationToken) is { } fault)
            {
                await queue.FailedAsync(stream, fault, WaitAfter(stream.Failures), cancellationToken);
                return;
            }

            await queue.AcknowledgedAsync(stream, batch, cancellationToken);
        }
    }

    private static string ChangedFault(long position) => string.Create(
        CultureInfo.InvariantCulture,
        $"What is stored at position {position} is not what was sealed: it was edited in the database, and is not sent. ")
        + "Next step: have it put back as docs/audit-integrity.md says; the stream then goes on by itself";

    /// <returns>What is wrong; null when it was delivered.</returns>
    private static async Task<string?> DeliverAsync(ICollector collector, StreamBatch batch, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            await collector.DeliverAsync(batch, limit.Token);
            return null;
        }
        catch (StreamFault fault)
        {
            return fault.Message;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return "The collector did not take a batch within 30 seconds. Next step: look at its load; over syslog, whether it closes its side "
                + "when we close ours";
        }
    }

    [LoggerMessage(4121, LogLevel.Error, "Streams of {Tenant} could not be worked at ({Fault}); it is tried again.")]
    private static partial void LogFailed(ILogger log, string tenant, string fault);
}
