using System.Diagnostics;

namespace Bulkhead.Bench.Measure;

/// <summary>The monotonic clock that everything here is timed by.</summary>
internal static class Clock
{
    public static long Now => Stopwatch.GetTimestamp();

    public static long After(TimeSpan time) => Now + (long)(time.TotalSeconds * Stopwatch.Frequency);

    public static double Microseconds(long ticks) => ticks * 1e6 / Stopwatch.Frequency;
}
