namespace Bulkhead.Kernel.Audit.Integrity;

/// <summary>
/// Whether this process' walks over the logs end, by its own clock: nothing that the database says, and its owner could write, counts. In a
/// process that does not walk it says nothing.
/// </summary>
public sealed class SweepProgress
{
    private readonly KernelOptions _options;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private Ended? _last;

    internal SweepProgress(KernelOptions options, TimeProvider time)
    {
        _options = options;
        _time = time;
    }

    /// <summary>When the last whole walk ended, or the process began, if that is too long ago; otherwise null.</summary>
    public DateTimeOffset? OverdueSince
    {
        get
        {
            lock (_gate)
            {
                return _last is { } last && _time.GetElapsedTime(last.Stamp) > (3 * _options.AuditSweep) + (2 * last.Took) + _options.AuditSealingAlert
                    ? last.At
                    : null;
            }
        }
    }

    /// <summary>Another process may hold the lease, or somebody may have written that one does: it is time to walk without it.</summary>
    internal bool IsDue
    {
        get
        {
            lock (_gate)
            {
                // Half a period less: the timer's ticks are not exact.
                return _last is { } last && _time.GetElapsedTime(last.Stamp) > 1.5 * _options.AuditSweep;
            }
        }
    }

    internal void Begin() => Keep(TimeSpan.Zero);

    internal void End(long begun) => Keep(_time.GetElapsedTime(begun));

    private void Keep(TimeSpan took)
    {
        lock (_gate)
        {
            _last = new(_time.GetTimestamp(), _time.GetUtcNow(), took);
        }
    }

    private sealed record Ended(long Stamp, DateTimeOffset At, TimeSpan Took);
}
