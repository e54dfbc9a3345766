namespace Bulkhead.Platform.Identity;

/// <summary>
/// Refusals leave at whole steps of time after the request came, so that their moment does not tell whether the client exists
/// (a known one costs the commit of an entry, an unknown one does not).
/// </summary>
internal static class RefusalPace
{
    /// <summary>Longer than the commit of an entry on a busy disk; short enough for a person.</summary>
    public static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    /// <param name="started">Timestamp of the same clock when the request came.</param>
    public static Task WaitAsync(TimeProvider time, long started, CancellationToken cancellationToken) =>
        Task.Delay(Left(time.GetElapsedTime(started)), time, cancellationToken);

    internal static TimeSpan Left(TimeSpan past) => TimeSpan.FromTicks(Step.Ticks - (past.Ticks % Step.Ticks));
}
