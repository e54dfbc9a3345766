namespace Bulkhead.Bench.Measure;

/// <summary>One way of doing a thing, which is measured beside the others of its group.</summary>
/// <param name="Name">As it stands in the table.</param>
/// <param name="Base">Name of the variant that it is compared with; null for one that is compared with nothing.</param>
/// <param name="Load">Does the thing over and over until the slice ends.</param>
/// <param name="Server">CPU seconds used so far by the programs that count, without PostgreSQL.</param>
/// <param name="InProcess">
/// Whether the thing is done by this process, so that its allocations are this process's own.
/// </param>
internal sealed record Variant(string Name, string? Base, ILoad Load, Func<double> Server, bool InProcess)
{
    /// <summary>Callers at a time, where it is not the number that the run was asked for.</summary>
    public int? Callers { get; init; }

    /// <summary>Another variant that its CPU is also compared with.</summary>
    public string? SecondBase { get; init; }

    /// <summary>Reached by ratio of throughput, when the issue asks for it.</summary>
    public double? ThroughputGoal { get; init; }

    /// <summary>Reached by the base's CPU per operation divided by this one's, when the issue asks for it.</summary>
    public double? CpuGoal { get; init; }

    /// <summary>Operations in a second of one core's time, when the issue asks for it.</summary>
    public double? PerCoreGoal { get; init; }

    /// <summary>Operations in a second, all callers together, when the issue asks for it.</summary>
    public double? PerSecondGoal { get; init; }

    /// <summary>Milliseconds that 99 of 100 stay below, when the issue asks for it.</summary>
    public double? P99Goal { get; init; }
}

/// <summary>Variants that are compared with each other, under one heading.</summary>
internal sealed record Group(string Title, string Note, IReadOnlyList<Variant> Variants);

/// <summary>A load: in this process, or over HTTP.</summary>
internal interface ILoad
{
    /// <summary>How many operations one time stands for: it is their mean, or what each of them waited.</summary>
    int Together => 1;

    /// <summary>
    /// Runs with the given number of callers at a time; returns the time that each operation took, in stopwatch ticks.
    /// </summary>
    Task<List<long>[]> RunAsync(int callers, TimeSpan time, CancellationToken cancellationToken);
}

/// <summary>Calls that this process makes itself.</summary>
/// <param name="once">One operation, given the caller's own random numbers.</param>
/// <param name="together">How many operations it is that are done, and waited for, as one.</param>
internal sealed class CallLoad(Func<Dice, CancellationToken, Task> once, int together = 1) : ILoad
{
    public int Together => together;

    public async Task<List<long>[]> RunAsync(int callers, TimeSpan time, CancellationToken cancellationToken)
    {
        var end = Clock.After(time);
        return await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(
            async () =>
            {
                var dice = new Dice((uint)(Clock.Now + (caller * 7919)));
                var times = new List<long>(16_384);
                for (var start = Clock.Now; start < end;)
                {
                    await once(dice, cancellationToken);
                    var now = Clock.Now;
                    times.Add(now - start);
                    start = now;
                }

                return times;
            },
            cancellationToken)));
    }
}

/// <summary>
/// Calls of a few microseconds, each caller on a thread of its own; several are timed together, so that the clock is not what is
/// measured.
/// </summary>
/// <param name="caller">Makes one caller's call, with what that caller shares with nobody.</param>
internal sealed class RepeatedLoad(Func<Action> caller) : ILoad
{
    public int Together => 16;

    public async Task<List<long>[]> RunAsync(int callers, TimeSpan time, CancellationToken cancellationToken)
    {
        var end = Clock.After(time);
        return await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Factory.StartNew(
            () => Repeat(caller(), end, cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
    }

    private List<long> Repeat(Action call, long end, CancellationToken cancellationToken)
    {
        var times = new List<long>(16_384);
        for (var start = Clock.Now; start < end;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            for (var i = 0; i < Together; i++)
            {
                call();
            }

            var now = Clock.Now;
            times.Add((now - start) / Together);
            start = now;
        }

        return times;
    }
}
