namespace Bulkhead.Bench.Measure;

/// <summary>What one variant did in one slice of time.</summary>
/// <param name="PerSecond">Operations per second, all callers together.</param>
/// <param name="P50">Microseconds.</param>
/// <param name="P99">Microseconds.</param>
/// <param name="ServerCpu">Microseconds per operation of the program: the client process, or the HTTP server.</param>
/// <param name="PostgresCpu">Microseconds per operation of the whole PostgreSQL.</param>
/// <param name="Allocated">Bytes per operation in this process; null where the work is done elsewhere.</param>
internal sealed record Slice(
    long Operations, double PerSecond, double P50, double P99, double ServerCpu, double PostgresCpu, double? Allocated)
{
    public double Cpu => ServerCpu + PostgresCpu;

    public static async Task<Slice> MeasureAsync(
        Variant variant, int postmaster, int callers, TimeSpan time, CancellationToken cancellationToken)
    {
        var server = variant.Server();
        var postgres = ProcessTime.OfTree(postmaster);
        var allocated = GC.GetTotalAllocatedBytes();
        var start = Clock.Now;
        var times = await variant.Load.RunAsync(callers, time, cancellationToken);
        var seconds = Clock.Microseconds(Clock.Now - start) / 1e6;
        allocated = GC.GetTotalAllocatedBytes() - allocated;
        postgres = ProcessTime.OfTree(postmaster) - postgres;
        server = variant.Server() - server;
        var all = times.SelectMany(t => t).ToArray();
        if (all.Length == 0)
        {
            throw new InvalidOperationException($"'{variant.Name}' did nothing in {seconds:0.0} s. Next step: longer slices (--seconds)");
        }

        Array.Sort(all);
        var operations = (long)all.Length * variant.Load.Together;
        return new(
            operations,
            operations / seconds,
            Clock.Microseconds(all[all.Length / 2]),
            Clock.Microseconds(all[(int)(all.Length * 0.99)]),
            server * 1e6 / operations,
            postgres * 1e6 / operations,
            variant.InProcess ? (double)allocated / operations : null);
    }
}
