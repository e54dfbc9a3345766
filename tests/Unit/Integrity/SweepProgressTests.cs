using Bulkhead.Kernel;
using Bulkhead.Kernel.Audit.Integrity;

namespace Bulkhead.Tests.Unit.Integrity;

/// <summary>Whether walks over the logs end, by the clock of the process alone.</summary>
public sealed class SweepProgressTests
{
    private static readonly TimeSpan Period = TimeSpan.FromHours(1);

    private readonly MeasuredClock _clock = new();

    [Fact]
    public void Who_does_not_walk_says_nothing()
    {
        var progress = Progress();
        _clock.Advance(TimeSpan.FromDays(30));
        Assert.Null(progress.OverdueSince);
        Assert.False(progress.IsDue);
    }

    [Fact]
    public void Walks_that_do_not_end_are_told_after_three_periods_what_the_last_took_twice_and_a_minute()
    {
        var progress = Progress();
        progress.Begin();
        var (since, begun) = (_clock.GetUtcNow(), _clock.GetTimestamp());
        _clock.Advance((3 * Period) + TimeSpan.FromMinutes(1));
        Assert.Null(progress.OverdueSince);
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(since, progress.OverdueSince);

        progress.End(begun);
        Assert.Null(progress.OverdueSince);
        var took = (3 * Period) + TimeSpan.FromMinutes(1) + TimeSpan.FromTicks(1);
        _clock.Advance((3 * Period) + (2 * took) + TimeSpan.FromMinutes(1));
        Assert.Null(progress.OverdueSince);
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.NotNull(progress.OverdueSince);
    }

    [Fact]
    public void Whoever_has_the_lease_a_process_walks_itself_after_one_and_a_half_periods()
    {
        var progress = Progress();
        progress.Begin();
        _clock.Advance(1.5 * Period);
        Assert.False(progress.IsDue);
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.True(progress.IsDue);
    }

    private SweepProgress Progress() => new(new KernelOptions { AppConnection = "", KeyDirectory = "", AuditSweep = Period }, _clock);

    /// <summary>Measured times and the time of day stand still until they are moved.</summary>
    private sealed class MeasuredClock : TimeProvider
    {
        private TimeSpan _passed;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Advance(TimeSpan by) => _passed += by;

        public override long GetTimestamp() => _passed.Ticks;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + _passed;
    }
}
