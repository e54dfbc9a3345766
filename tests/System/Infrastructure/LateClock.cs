namespace Bulkhead.Tests.System.Infrastructure;

/// <summary>The time of day, moved on by hand: what waits for a date need not be waited for. Timers and measured times stay real.</summary>
public sealed class LateClock : TimeProvider
{
    private long _late;

    public TimeSpan Late => TimeSpan.FromTicks(Volatile.Read(ref _late));

    public void Advance(TimeSpan by) => Interlocked.Add(ref _late, by.Ticks);

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Late;
}
