using System.Collections.Concurrent;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Platform.Audit;

/// <summary>Limits of live tails, bound from <c>Bulkhead:Audit:Tail</c>. Every one is finite.</summary>
internal sealed record TailOptions
{
    /// <summary>In this process; far below what the edge allows at a time, so that tails leave room for work.</summary>
    public int MaxTails { get; init; } = 128;

    public int MaxTailsPerTenant { get; init; } = 16;

    /// <summary>How often one tenant's log is asked for its size, however many follow it.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromMilliseconds(500);

    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A reader that does not take what is written within this time is cut off.</summary>
    public TimeSpan Slow { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A stream ends after it; a client goes on where it was.</summary>
    public TimeSpan Longest { get; init; } = TimeSpan.FromHours(1);

    public TailOptions Validated() =>
        MaxTails is > 0 and <= 10_000 && MaxTailsPerTenant is > 0 and <= 1_000 && Between(Poll, 0.01, 60) && Between(Heartbeat, 0.05, 60)
            && Between(Slow, 0.05, 300) && Between(Longest, 0.05, 86_400)
            ? this
            : throw new InvalidOperationException("Bulkhead:Audit:Tail: a limit is out of its range.");

    private static bool Between(TimeSpan span, double least, double most) => span.TotalSeconds >= least && span.TotalSeconds <= most;
}

/// <summary>
/// The live tails of this process. What they cost is one look at the size of a followed tenant's log per <see cref="TailOptions.Poll"/>;
/// a connection is held for that look and for the reading of entries, never between.
/// </summary>
internal sealed class AuditTails(AuditLog log, TailOptions options, TimeProvider time)
{
    private readonly ConcurrentDictionary<TenantId, Followed> _followed = new();
    private readonly Lock _gate = new();
    private int _count;

    public TailOptions Options => options;

    internal int Count => _count;

    /// <summary>Null when there are as many as may be.</summary>
    public Seat? Take(TenantId tenant)
    {
        lock (_gate)
        {
            var followed = _followed.GetOrAdd(tenant, static _ => new());
            if (_count >= options.MaxTails || followed.Tails >= options.MaxTailsPerTenant)
            {
                return null;
            }

            _count++;
            followed.Tails++;
            return new(this, tenant, followed);
        }
    }

    private void Leave(TenantId tenant, Followed followed)
    {
        lock (_gate)
        {
            _count--;
            if (--followed.Tails == 0)
            {
                _followed.TryRemove(tenant, out _);
            }
        }
    }

    internal sealed class Followed
    {
        public SemaphoreSlim Asking { get; } = new(1, 1);

        public int Tails { get; set; }

        public long Size { get; set; }

        public long AskedAt { get; set; }
    }

    /// <summary>One tail's place among those that may be.</summary>
    internal sealed class Seat : IDisposable
    {
        private readonly AuditTails _tails;
        private readonly TenantId _tenant;
        private readonly Followed _followed;
        private bool _left;

        internal Seat(AuditTails tails, TenantId tenant, Followed followed)
        {
            _tails = tails;
            _tenant = tenant;
            _followed = followed;
        }

        /// <summary>Entries that are sealed; asked anew when the last answer is older than a poll.</summary>
        public async Task<long> SizeAsync(RequestContext context, CancellationToken cancellationToken)
        {
            await _followed.Asking.WaitAsync(cancellationToken);
            try
            {
                if (_followed.AskedAt == 0 || _tails.Elapsed(_followed.AskedAt) >= _tails.Options.Poll)
                {
                    var asked = _tails.Now;
                    var state = await _tails.StateAsync(context, cancellationToken);
                    (_followed.Size, _followed.AskedAt) = (state.Size, asked);
                }

                return _followed.Size;
            }
            finally
            {
                _followed.Asking.Release();
            }
        }

        public void Dispose()
        {
            if (!_left)
            {
                _left = true;
                _tails.Leave(_tenant, _followed);
            }
        }
    }

    private long Now => time.GetTimestamp();

    private TimeSpan Elapsed(long since) => time.GetElapsedTime(since);

    private Task<LogState> StateAsync(RequestContext context, CancellationToken cancellationToken) => log.StateAsync(context, cancellationToken);
}
