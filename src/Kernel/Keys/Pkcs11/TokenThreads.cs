using System.Collections.Concurrent;

namespace Bulkhead.Kernel.Keys.Pkcs11;

/// <summary>
/// Threads for calls that block. Not the thread pool's: a token that hangs would keep those, and with them the server from answering
/// anything. A thread starts when it is first needed, and ends with this.
/// </summary>
internal sealed class TokenThreads(int most) : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private int _underWay;
    private int _started;

    /// <param name="work">Raises nothing. The caller keeps no more than <c>most</c> under way.</param>
    public void Run(Action work)
    {
        // As many threads as calls: none waits behind one that hangs.
        var needed = Math.Min(Interlocked.Increment(ref _underWay), most);
        _work.Add(work);
        var started = Volatile.Read(ref _started);
        while (started < needed)
        {
            var seen = Interlocked.CompareExchange(ref _started, started + 1, started);
            if (seen == started)
            {
                // Background: a hanging call keeps no program from ending.
                new Thread(Work) { IsBackground = true, Name = "PKCS#11" }.Start();
                return;
            }

            started = seen;
        }
    }

    /// <summary>The threads end when they have done what is there.</summary>
    public void Dispose() => _work.CompleteAdding();

    private void Work()
    {
        foreach (var work in _work.GetConsumingEnumerable())
        {
            work();
            Interlocked.Decrement(ref _underWay);
        }
    }
}
