using System.Runtime.InteropServices;
using System.Text;

namespace Bulkhead.Kernel.Keys.Pkcs11;

internal sealed record TokenInfo(nuint Slot, string Label, string Serial, nuint Flags);

/// <summary>
/// The functions of a PKCS#11 library that the key store uses, through its function list. Each gives what it found or raises a
/// <see cref="CryptokiFault"/>. This and <see cref="AttributeTemplate"/> are all the unsafe code there is.
/// </summary>
internal sealed unsafe class Cryptoki
{
    public const int NonceLength = 12;
    public const int TagLength = 16;

    // CK_FUNCTION_LIST: a version, padded to a pointer, then one pointer for each function in the order of the standard.
    private readonly void** _functions;

    private Cryptoki(void** functions) => _functions = functions;

    private enum Function
    {
        Initialize = 0,
        Finalize = 1,
        GetSlotList = 4,
        GetTokenInfo = 6,
        GetMechanismInfo = 8,
        OpenSession = 12,
        CloseSession = 13,
        GetSessionInfo = 15,
        Login = 18,
        DestroyObject = 22,
        GetAttributeValue = 24,
        FindObjectsInit = 26,
        FindObjects = 27,
        FindObjectsFinal = 28,
        EncryptInit = 29,
        Encrypt = 30,
        DecryptInit = 33,
        Decrypt = 34,
        GenerateKey = 58,
    }

    /// <exception cref="KeyStoreFault">Misconfigured: there is no such library, or it is none of PKCS#11.</exception>
    public static Cryptoki Load(string path)
    {
        if (!File.Exists(path))
        {
            throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured,
                $"The PKCS#11 library {path} is missing. Next step: install the HSM's client software, or correct the path");
        }

        nint library;
        try
        {
            library = NativeLibrary.Load(path);
        }
        catch (Exception fault) when (fault is DllNotFoundException or BadImageFormatException)
        {
            throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured,
                $"The PKCS#11 library {path} cannot be loaded: {fault.Message} Next step: install the one for this processor",
                fault);
        }

        if (!NativeLibrary.TryGetExport(library, "C_GetFunctionList", out var export))
        {
            throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured,
                $"{path} is no PKCS#11 library: it has no C_GetFunctionList. Next step: name the library that the HSM's maker documents");
        }

        void** list = null;
        Check("C_GetFunctionList", ((delegate* unmanaged[Cdecl]<void***, nuint>)export)(&list));
        return new Cryptoki(list + 1);
    }

    /// <summary>The code, since "already" is none of a fault.</summary>
    public nuint Initialize()
    {
        // We give it no mutexes: it locks with those of the operating system, and may be called from any thread.
        var arguments = new CkInitializeArguments { Flags = Ck.OsLockingOk };
        return ((delegate* unmanaged[Cdecl]<void*, nuint>)At(Function.Initialize))(&arguments);
    }

    public nuint Terminate() => ((delegate* unmanaged[Cdecl]<void*, nuint>)At(Function.Finalize))(null);

    /// <summary>Slots with a token in them.</summary>
    public IReadOnlyList<nuint> Slots()
    {
        var list = (delegate* unmanaged[Cdecl]<byte, nuint*, nuint*, nuint>)At(Function.GetSlotList);
        nuint count = 0;
        Check("C_GetSlotList", list(1, null, &count));
        // Room for a token that arrives between the two calls.
        count += 8;
        var slots = new nuint[count];
        fixed (nuint* first = slots)
        {
            Check("C_GetSlotList", list(1, first, &count));
        }

        return slots.AsSpan(0, (int)count).ToArray();
    }

    public TokenInfo TokenIn(nuint slot)
    {
        CkTokenInfo info;
        Check("C_GetTokenInfo", ((delegate* unmanaged[Cdecl]<nuint, CkTokenInfo*, nuint>)At(Function.GetTokenInfo))(slot, &info));
        return new TokenInfo(slot, Text(info.Label), Text(info.Serial), info.Flags);

        static string Text(ReadOnlySpan<byte> padded) => Encoding.UTF8.GetString(padded).TrimEnd(' ', '\0');
    }

    public nuint MechanismFlags(nuint slot, nuint mechanism)
    {
        CkMechanismInfo info;
        Check("C_GetMechanismInfo",
            ((delegate* unmanaged[Cdecl]<nuint, nuint, CkMechanismInfo*, nuint>)At(Function.GetMechanismInfo))(slot, mechanism, &info));
        return info.Flags;
    }

    public nuint OpenSession(nuint slot, bool write)
    {
        nuint session;
        var flags = Ck.SerialSession | (write ? Ck.WriteSession : 0);
        Check("C_OpenSession", ((delegate* unmanaged[Cdecl]<nuint, nuint, void*, void*, nuint*, nuint>)At(Function.OpenSession))(
            slot, flags, null, null, &session));
        return session;
    }

    /// <summary>Says nothing: a session that cannot be closed is gone already.</summary>
    public void CloseSession(nuint session) =>
        _ = ((delegate* unmanaged[Cdecl]<nuint, nuint>)At(Function.CloseSession))(session);

    public CkSessionInfo SessionInfo(nuint session)
    {
        CkSessionInfo info;
        Check("C_GetSessionInfo",
            ((delegate* unmanaged[Cdecl]<nuint, CkSessionInfo*, nuint>)At(Function.GetSessionInfo))(session, &info));
        return info;
    }

    /// <summary>The code: what a refusal means is decided once, where the PIN is.</summary>
    public nuint Login(nuint session, ReadOnlySpan<byte> pin)
    {
        fixed (byte* bytes = pin)
        {
            return ((delegate* unmanaged[Cdecl]<nuint, nuint, byte*, nuint, nuint>)At(Function.Login))(
                session, Ck.User, bytes, (nuint)pin.Length);
        }
    }

    /// <param name="most">More than these are a fault.</param>
    public List<nuint> Find(nuint session, AttributeTemplate template, int most)
    {
        Check("C_FindObjectsInit", ((delegate* unmanaged[Cdecl]<nuint, CkAttribute*, nuint, nuint>)At(Function.FindObjectsInit))(
            session, template.Pointer, (nuint)template.Count));
        GC.KeepAlive(template);
        var found = new List<nuint>();
        const int batch = 64;
        var handles = stackalloc nuint[batch];
        nuint count;
        do
        {
            Check("C_FindObjects", ((delegate* unmanaged[Cdecl]<nuint, nuint*, nuint, nuint*, nuint>)At(Function.FindObjects))(
                session, handles, batch, &count));
            found.AddRange(new ReadOnlySpan<nuint>(handles, (int)count));
        }
        while (count > 0 && found.Count <= most);

        Check("C_FindObjectsFinal", ((delegate* unmanaged[Cdecl]<nuint, nuint>)At(Function.FindObjectsFinal))(session));
        return found.Count <= most ? found : throw new CryptokiFault("C_FindObjects", 0x31, $"The token holds more than {most} keys");
    }

    /// <summary>The attribute's bytes; null when the token has none or does not tell.</summary>
    public byte[]? Attribute(nuint session, nuint item, nuint type)
    {
        const int longest = 256;
        var buffer = stackalloc byte[longest];
        var attribute = new CkAttribute { Type = type, Value = buffer, Length = longest };
        var code = ((delegate* unmanaged[Cdecl]<nuint, nuint, CkAttribute*, nuint, nuint>)At(Function.GetAttributeValue))(
            session, item, &attribute, 1);
        // Sensitive, unknown type, longer than we hold: CK_UNAVAILABLE_INFORMATION in the length.
        if (code is 0x11 or 0x12 or 0x150)
        {
            return null;
        }

        Check("C_GetAttributeValue", code);
        return attribute.Length <= longest ? new ReadOnlySpan<byte>(buffer, (int)attribute.Length).ToArray() : null;
    }

    public void GenerateAesKey(nuint session, AttributeTemplate template)
    {
        nuint key;
        var mechanism = new CkMechanism { Type = Ck.AesKeyGeneration };
        Check("C_GenerateKey",
            ((delegate* unmanaged[Cdecl]<nuint, CkMechanism*, CkAttribute*, nuint, nuint*, nuint>)At(Function.GenerateKey))(
                session, &mechanism, template.Pointer, (nuint)template.Count, &key));
        GC.KeepAlive(template);
    }

    public nuint Destroy(nuint session, nuint item) =>
        ((delegate* unmanaged[Cdecl]<nuint, nuint, nuint>)At(Function.DestroyObject))(session, item);

    /// <param name="nonce">Given, and read back after the call: some tokens put one of their own there.</param>
    /// <param name="output">Ciphertext and tag.</param>
    public void Encrypt(
        nuint session, nuint key, Span<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> text, Span<byte> output)
    {
        fixed (byte* noncePointer = nonce, associatedPointer = associated, input = text, result = output)
        {
            var parameters = Gcm(noncePointer, associatedPointer, associated.Length);
            var mechanism = Mechanism(&parameters);
            Check("C_EncryptInit", ((delegate* unmanaged[Cdecl]<nuint, CkMechanism*, nuint, nuint>)At(Function.EncryptInit))(
                session, &mechanism, key));
            var length = (nuint)output.Length;
            Check("C_Encrypt", ((delegate* unmanaged[Cdecl]<nuint, byte*, nuint, byte*, nuint*, nuint>)At(Function.Encrypt))(
                session, input, (nuint)text.Length, result, &length));
            if (length != (nuint)output.Length)
            {
                throw new CryptokiFault("C_Encrypt", 0x21, "The token's AES-GCM puts out another length than ciphertext and tag");
            }
        }
    }

    /// <summary>The code of C_Decrypt: what a refusal means depends on the token.</summary>
    /// <param name="output">Has room for the tag too: some libraries want it.</param>
    public nuint Decrypt(
        nuint session, nuint key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> sealedText,
        Span<byte> output, out int written)
    {
        fixed (byte* noncePointer = nonce, associatedPointer = associated, input = sealedText, result = output)
        {
            var parameters = Gcm(noncePointer, associatedPointer, associated.Length);
            var mechanism = Mechanism(&parameters);
            Check("C_DecryptInit", ((delegate* unmanaged[Cdecl]<nuint, CkMechanism*, nuint, nuint>)At(Function.DecryptInit))(
                session, &mechanism, key));
            var length = (nuint)output.Length;
            var code = ((delegate* unmanaged[Cdecl]<nuint, byte*, nuint, byte*, nuint*, nuint>)At(Function.Decrypt))(
                session, input, (nuint)sealedText.Length, result, &length);
            written = code == ReturnCodes.Ok ? (int)length : 0;
            return code;
        }
    }

    public static void Check(string function, nuint code)
    {
        if (code != ReturnCodes.Ok)
        {
            throw new CryptokiFault(function, code);
        }
    }

    private static CkGcmParameters Gcm(byte* nonce, byte* associated, int associatedLength) => new()
    {
        Nonce = nonce,
        NonceLength = NonceLength,
        NonceBits = NonceLength * 8,
        Associated = associated,
        AssociatedLength = (nuint)associatedLength,
        TagBits = TagLength * 8,
    };

    private static CkMechanism Mechanism(CkGcmParameters* parameters) => new()
    {
        Type = Ck.AesGcm,
        Parameter = parameters,
        ParameterLength = (nuint)sizeof(CkGcmParameters),
    };

    private void* At(Function function) => _functions[(int)function];
}
