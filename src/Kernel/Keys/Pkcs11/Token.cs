using System.Globalization;

namespace Bulkhead.Kernel.Keys.Pkcs11;

/// <summary>
/// The token as it comes and goes. When it is lost (pulled, restarted, logged out by another, initialized anew), it is found again by
/// its label, and the operation done once more. A PIN that it refused is never presented again. While it hangs it keeps its own threads,
/// no more than there are sessions, and whoever waits for it is told after the timeout.
/// </summary>
internal sealed class Token(Pkcs11Options options, TimeProvider clock) : IDisposable
{
    private const int MostAttempts = 3;

    private readonly SemaphoreSlim _free = new(options.MaxSessions);
    private readonly TokenThreads _threads = new(options.MaxSessions);
    private readonly Lock _connecting = new();
    private TokenConnection? _connection;
    private volatile bool _disposed;

    /// <summary>Runs the work with a session.</summary>
    /// <param name="work">Blocks; harmless when repeated; raises <see cref="CryptokiFault"/> for what the token refuses.</param>
    /// <exception cref="KeyStoreFault">Its own, or what the token's refusal means.</exception>
    public async Task<T> RunAsync<T>(Func<TokenConnection, nuint, T> work, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var since = clock.GetTimestamp();
        if (!await _free.WaitAsync(options.OperationTimeout, cancellationToken))
        {
            throw Hangs();
        }

        var call = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _threads.Run(() =>
        {
            try
            {
                call.SetResult(Run(work));
            }
            catch (Exception fault)
            {
                call.SetException(fault);
            }
            finally
            {
                if (_disposed)
                {
                    Close();
                }

                _free.Release();
            }
        });
        var left = options.OperationTimeout - clock.GetElapsedTime(since);
        try
        {
            return await call.Task.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, clock, cancellationToken);
        }
        catch (Exception fault) when (!call.Task.IsFaulted && fault is TimeoutException or OperationCanceledException)
        {
            // What comes when nobody waits any more is looked at, so that no key stays in memory and no fault goes unobserved.
            _ = call.Task.ContinueWith(Forget, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            cancellationToken.ThrowIfCancellationRequested();
            throw Hangs(fault);
        }
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        // On a thread of the token's: closing sessions of one that hangs would hang.
        _threads.Run(Close);
        _threads.Dispose();
    }

    private static void Forget<T>(Task<T> late)
    {
        if (late.IsCompletedSuccessfully)
        {
            (late.Result as IDisposable)?.Dispose();
        }
        else
        {
            _ = late.Exception;
        }
    }

    private T Run<T>(Func<TokenConnection, nuint, T> work)
    {
        try
        {
            var library = CryptokiLibrary.Open(options.Library);
            for (var attempt = 1; ; attempt++)
            {
                var generation = library.Generation;
                try
                {
                    return Attempt(library, work);
                }
                // First with a new login; then with the library initialized anew, too.
                catch (CryptokiFault fault) when (fault.Code.LosesToken && attempt < MostAttempts)
                {
                    if (attempt == MostAttempts - 1 && !library.TryRestart(generation, clock))
                    {
                        throw;
                    }
                }
            }
        }
        catch (CryptokiFault fault)
        {
            throw fault.AsKeyStoreFault();
        }
    }

    private T Attempt<T>(CryptokiLibrary library, Func<TokenConnection, nuint, T> work)
    {
        library.EnterCall();
        TokenConnection? connection = null;
        try
        {
            connection = Connection(library);
            var session = connection.Borrow();
            var whole = false;
            try
            {
                var result = work(connection, session);
                whole = true;
                return result;
            }
            catch (KeyStoreFault)
            {
                // What was asked for is refused; the session is well.
                whole = true;
                throw;
            }
            finally
            {
                connection.Return(session, whole);
            }
        }
        catch (CryptokiFault fault) when (fault.Code.LosesToken && connection is not null)
        {
            // Unless another thread has a new one already.
            if (Interlocked.CompareExchange(ref _connection, null, connection) == connection)
            {
                connection.Drop();
            }

            throw;
        }
        finally
        {
            library.ExitCall();
        }
    }

    private TokenConnection Connection(CryptokiLibrary library)
    {
        if (Current() is { } known)
        {
            return known;
        }

        lock (_connecting)
        {
            if (Current() is { } others)
            {
                return others;
            }

            var opened = TokenConnection.Open(library, options);
            Interlocked.Exchange(ref _connection, opened)?.Drop();
            return opened;
        }

        TokenConnection? Current() => Volatile.Read(ref _connection) is { } one && one.Generation == library.Generation ? one : null;
    }

    private void Close()
    {
        if (Interlocked.Exchange(ref _connection, null) is { } connection)
        {
            connection.Library.EnterCall();
            connection.Drop();
            connection.Library.ExitCall();
        }
    }

    private KeyStoreFault Hangs(Exception? inner = null) => new(
        KeyStoreFaultKind.Unavailable,
        string.Create(
            CultureInfo.InvariantCulture,
            $"The token {options.TokenLabel} did not answer within {options.OperationTimeout.TotalSeconds:0.#} s"),
        inner);
}
