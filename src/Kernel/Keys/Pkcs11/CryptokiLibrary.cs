using System.Collections.Concurrent;

namespace Bulkhead.Kernel.Keys.Pkcs11;

/// <summary>
/// A PKCS#11 library in this process: loaded and initialized once, however many stores use it, and initialized anew when a token can
/// no longer be found, since some libraries look for tokens only then. Calls are not serialized: the library locks by itself.
/// </summary>
#pragma warning disable CA1001 // It lives as long as the process, and so does its lock.
internal sealed class CryptokiLibrary
#pragma warning restore CA1001
{
    /// <summary>A call takes far less; a longer one hangs, and then nothing is taken from under it.</summary>
    private static readonly TimeSpan LongestWaitForCalls = TimeSpan.FromMilliseconds(500);

    /// <summary>At most so often: it throws away everybody's sessions.</summary>
    private static readonly TimeSpan RestartPause = TimeSpan.FromSeconds(1);

    private static readonly Dictionary<string, CryptokiLibrary> Loaded = new(StringComparer.Ordinal);
    private static readonly Lock Loading = new();

    private readonly ConcurrentDictionary<string, TokenLogin> _logins = new(StringComparer.Ordinal);
    private readonly ReaderWriterLockSlim _calls = new();
    private bool _isOurs;
    private long _restarted;

    private CryptokiLibrary(Cryptoki functions) => Functions = functions;

    public Cryptoki Functions { get; }

    /// <summary>Which initialization this is: slots, sessions and handles of another one mean nothing, or something else.</summary>
    public int Generation { get; private set; }

    /// <exception cref="KeyStoreFault">Misconfigured: the library is missing or cannot work with threads.</exception>
    /// <exception cref="CryptokiFault">It does not initialize.</exception>
    public static CryptokiLibrary Open(string path)
    {
        lock (Loading)
        {
            if (!Loaded.TryGetValue(path, out var library))
            {
                library = new CryptokiLibrary(Cryptoki.Load(path));
                library.Initialize();
                Loaded.Add(path, library);
            }

            return library;
        }
    }

    /// <summary>What all stores of this process know of a token's login.</summary>
    public TokenLogin Login(string label) => _logins.GetOrAdd(label, _ => new TokenLogin());

    /// <summary>While this is held, nothing is finalized. Held by a thread, for one operation.</summary>
    public void EnterCall() => _calls.EnterReadLock();

    public void ExitCall() => _calls.ExitReadLock();

    /// <summary>Initializes anew what was ours; false when it may not be: another's, used too lately, or a call hangs in it.</summary>
    /// <param name="generation">The one that did not do: who comes late finds a newer one, and is content.</param>
    public bool TryRestart(int generation, TimeProvider clock)
    {
        if (!_calls.TryEnterWriteLock(LongestWaitForCalls))
        {
            return false;
        }

        try
        {
            if (Generation != generation)
            {
                return true;
            }

            if (_restarted != 0 && clock.GetElapsedTime(_restarted) < RestartPause)
            {
                return false;
            }

            _restarted = clock.GetTimestamp();
            if (_isOurs)
            {
                var code = Functions.Terminate();
                if (code is not (ReturnCodes.Ok or ReturnCodes.CryptokiNotInitialized))
                {
                    throw new CryptokiFault("C_Finalize", code);
                }
            }

            return Initialize();
        }
        finally
        {
            _calls.ExitWriteLock();
        }
    }

    /// <summary>False when somebody else in this process has initialized the library: it is theirs to finalize.</summary>
    private bool Initialize()
    {
        var code = Functions.Initialize();
        if (code == ReturnCodes.CantLock)
        {
            throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured,
                "C_Initialize: CKR_CANT_LOCK. The PKCS#11 library cannot be called from several threads. Next step: ask its maker " +
                "for one that can");
        }

        if (code is not (ReturnCodes.Ok or ReturnCodes.CryptokiAlreadyInitialized))
        {
            throw new CryptokiFault("C_Initialize", code);
        }

        _isOurs = code == ReturnCodes.Ok;
        Generation += _isOurs ? 1 : 0;
        return _isOurs;
    }
}

/// <summary>One login at a time for each token, and none after the token has refused the PIN: a token locks itself after a few.</summary>
internal sealed class TokenLogin
{
    public Lock Gate { get; } = new();

    /// <summary>Why no PIN is presented any more in this process.</summary>
    public string? Refusal { get; set; }
}
