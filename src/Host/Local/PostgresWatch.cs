using System.Globalization;

namespace Bulkhead.Host.Local;

/// <summary>Starts PostgreSQL again when it dies under a serving program; gives up when it does not stay up.</summary>
internal sealed class PostgresWatch(PostgresCluster cluster, TimeProvider time, Action<string> say)
{
    /// <summary>Deaths within <see cref="Window"/> after which something is wrong that a further start does not mend.</summary>
    private const int MostRestarts = 5;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    /// <summary>Runs until cancelled.</summary>
    /// <exception cref="StartFault">PostgreSQL cannot be kept up.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var restarts = new Queue<DateTimeOffset>();
        while (true)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancellationToken);
            if (cluster.IsAlive)
            {
                continue;
            }

            var now = time.GetUtcNow();
            while (restarts.TryPeek(out var oldest) && now - oldest > Window)
            {
                restarts.Dequeue();
            }

            if (restarts.Count == MostRestarts)
            {
                throw new StartFault(string.Create(
                    CultureInfo.InvariantCulture,
                    $"PostgreSQL died {MostRestarts + 1} times within {Window.TotalMinutes} minutes: see its log, then start again"));
            }

            restarts.Enqueue(now);
            say(string.Create(CultureInfo.InvariantCulture, $"PostgreSQL died; starting it again ({restarts.Count} of {MostRestarts})"));
            await cluster.StartAsync(cancellationToken);
            say("PostgreSQL is back");
        }
    }
}
