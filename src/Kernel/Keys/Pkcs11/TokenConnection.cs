using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys.Pkcs11;

/// <summary>
/// Being logged in to a token: its slot, sessions to lend, and the handles of roots found there. Dropped whole when the token is lost.
/// </summary>
internal sealed class TokenConnection
{
    private readonly TokenInfo _token;

    // Never lent: with the last session of a process its login ends, and private objects turn invisible.
    private readonly nuint _login;
    private readonly ConcurrentStack<nuint> _idle = [];
    private bool _dropped;

    private TokenConnection(CryptokiLibrary library, TokenInfo token, nuint login)
    {
        Library = library;
        _token = token;
        _login = login;
        Generation = library.Generation;
    }

    public CryptokiLibrary Library { get; }

    public int Generation { get; }

    /// <summary>Handles by number of the root.</summary>
    public ConcurrentDictionary<int, nuint[]> Roots { get; } = [];

    /// <summary>Finds the token by its label and logs in.</summary>
    public static TokenConnection Open(CryptokiLibrary library, Pkcs11Options options)
    {
        var login = library.Login(options.TokenLabel);
        lock (login.Gate)
        {
            if (login.Refusal is { } refusal)
            {
                throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured, refusal);
            }

            var token = FindToken(library.Functions, options.TokenLabel);
            if (RefusalOf(token) is { } reason)
            {
                throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured, reason);
            }

            Require(token, library.Functions.MechanismFlags(token.Slot, Ck.AesGcm), Ck.CanEncrypt | Ck.CanDecrypt, "CKM_AES_GCM");
            Require(token, library.Functions.MechanismFlags(token.Slot, Ck.AesKeyGeneration), Ck.CanGenerate, "CKM_AES_KEY_GEN");
            var session = library.Functions.OpenSession(token.Slot, write: false);
            try
            {
                LogIn(library.Functions, session, options, login);
                return new TokenConnection(library, token, session);
            }
            catch
            {
                library.Functions.CloseSession(session);
                throw;
            }
        }
    }

    /// <summary>Why no PIN should be presented to this token; null when one may be.</summary>
    internal static string? RefusalOf(TokenInfo token) => token.Flags switch
    {
        var f when (f & Ck.TokenInitialized) == 0 || (f & Ck.UserPinInitialized) == 0 =>
            $"The token {token.Label} has no user PIN yet. Next step: initialize the token and its user PIN with the HSM's own tool",
        var f when (f & Ck.UserPinLocked) != 0 =>
            $"The token {token.Label} has locked its user PIN. Next step: unlock it as its security officer, correct the PIN " +
            "file, and restart",
        // A program that a service manager starts again and again must not be what locks the token.
        var f when (f & Ck.UserPinFinalTry) != 0 =>
            $"The token {token.Label} locks itself at the next wrong PIN. Next step: log in once by hand with the right one, " +
            "correct the PIN file, and restart",
        _ => null,
    };

    /// <summary>A session, for one operation of one thread.</summary>
    public nuint Borrow() => _idle.TryPop(out var session) ? session : OpenSession(write: false);

    /// <param name="whole">The operation ended well; a session where one was broken off is closed.</param>
    public void Return(nuint session, bool whole)
    {
        if (!whole)
        {
            Close(session);
            return;
        }

        _idle.Push(session);
        if (Volatile.Read(ref _dropped))
        {
            CloseIdle();
        }
    }

    public nuint OpenSession(bool write) => Library.Functions.OpenSession(_token.Slot, write);

    public void Close(nuint session)
    {
        // After a new initialization the number may be another's session.
        if (Library.Generation == Generation)
        {
            Library.Functions.CloseSession(session);
        }
    }

    /// <summary>
    /// The token is there, and we are logged in to it. Asked around every answer "there is none": who is not logged in is shown no
    /// private objects, and a token whose storage is gone may look empty (SoftHSM's does), both without any fault.
    /// </summary>
    /// <exception cref="CryptokiFault">One that loses the token.</exception>
    public void RequirePresent(nuint session)
    {
        if (Library.Functions.SessionInfo(session).State is not (Ck.StateReadUser or Ck.StateWriteUser))
        {
            throw new CryptokiFault("C_GetSessionInfo", ReturnCodes.UserNotLoggedIn);
        }

        try
        {
            var now = Library.Functions.TokenIn(_token.Slot);
            if (now.Label == _token.Label && now.Serial == _token.Serial)
            {
                return;
            }
        }
        catch (CryptokiFault)
        {
            // Whatever the reason: it is not there.
        }

        throw new CryptokiFault("C_GetTokenInfo", ReturnCodes.TokenNotPresent);
    }

    /// <summary>Closes what is not lent; what is lent is closed when it comes back.</summary>
    public void Drop()
    {
        if (!Interlocked.Exchange(ref _dropped, true))
        {
            CloseIdle();
            Close(_login);
        }
    }

    private void CloseIdle()
    {
        while (_idle.TryPop(out var session))
        {
            Close(session);
        }
    }

    private static TokenInfo FindToken(Cryptoki functions, string label)
    {
        var found = new List<TokenInfo>();
        foreach (var slot in functions.Slots())
        {
            try
            {
                found.Add(functions.TokenIn(slot));
            }
            catch (CryptokiFault fault) when (fault.Code.Kind == KeyStoreFaultKind.Unavailable)
            {
                // Another token that is broken, or was pulled just now, is none of our business.
            }
        }

        found.RemoveAll(token => token.Label != label);
        return found.Count switch
        {
            0 => throw new CryptokiFault("C_GetTokenInfo", ReturnCodes.TokenNotPresent, $"No slot has a token labelled {label}"),
            1 => found[0],
            _ => throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured,
                $"{found.Count} tokens are labelled {label}, and the roots may be in any of them. Next step: give the label to one alone"),
        };
    }

    internal static void Require(TokenInfo token, nuint offered, nuint wanted, string mechanism)
    {
        if ((offered & wanted) != wanted)
        {
            throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured,
                $"The token {token.Label} does not do all of {mechanism}. Next step: allow it in the HSM's policy, or take an HSM that has it");
        }
    }

    private static void LogIn(Cryptoki functions, nuint session, Pkcs11Options options, TokenLogin login)
    {
        var pin = PinFile.Read(options.PinFile);
        nuint code;
        try
        {
            code = functions.Login(session, pin);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pin);
        }

        if (ReturnCodes.RefusesPin(code))
        {
            login.Refusal = $"The token {options.TokenLabel} refuses the PIN ({ReturnCodes.Of(code).Name}), and is not asked again, " +
                $"since it would lock itself. Next step: correct {options.PinFile} and restart";
            throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured, login.Refusal);
        }

        // A process is logged in as a whole: another store of ours, or another user of the library, may have been first.
        if (code is not (ReturnCodes.Ok or ReturnCodes.UserAlreadyLoggedIn))
        {
            throw new CryptokiFault("C_Login", code);
        }
    }
}
