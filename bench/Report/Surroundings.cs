using System.Globalization;
using System.Runtime.InteropServices;
using Bulkhead.Bench.Measure;
using Bulkhead.Bench.Servers;

namespace Bulkhead.Bench.Report;

/// <summary>Under what the figures were taken: without this a figure says nothing.</summary>
internal sealed record Surroundings(IReadOnlyList<string> Lines)
{
    public static async Task<Surroundings> LookAsync(
        PrivatePostgres postgres, BenchOptions options, CancellationToken cancellationToken)
    {
        await using var connection = await postgres.OpenAsync("postgres", cancellationToken);
        var load = (await File.ReadAllTextAsync("/proc/loadavg", cancellationToken)).Split(' ')[0];
        return new(
        [
            string.Create(
                CultureInfo.InvariantCulture,
                $"{options.Concurrency} callers at a time where a row does not say otherwise, {options.Rounds} rounds of {options.Seconds:0.##} s per variant, interleaved, "
                + $"the order turned each round"),
            string.Create(
                CultureInfo.InvariantCulture,
                $"Shared: {options.Tenants} tenants with {options.Rows} rows each, in one table; schema and database: one tenant with "
                + $"{options.Tenants * options.Rows} rows; plain: the shared tenants' rows in one unprotected table"),
            $"PostgreSQL {connection.PostgreSqlVersion} on a Unix socket, {await Durability.OfAsync(connection, cancellationToken)}; "
                + string.Create(CultureInfo.InvariantCulture, $"one fsync of 8 KiB takes {FsyncMicroseconds(postgres.Folder):0} µs (median)"),
            $"{RuntimeInformation.FrameworkDescription}, {Environment.ProcessorCount} processors, load average before the run {load}",
        ]);
    }

    private static double FsyncMicroseconds(string folder)
    {
        var path = Path.Combine(folder, "fsync");
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1);
        var block = new byte[8192];
        var times = new List<double>();
        for (var i = 0; i < 50; i++)
        {
            var start = Clock.Now;
            file.Write(block);
            file.Flush(flushToDisk: true);
            times.Add(Clock.Microseconds(Clock.Now - start));
        }

        return Spread.Of(times).Median;
    }
}
