using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>
/// Ed25519 (RFC 8032) through OpenSSL 3, which .NET 10 itself does not offer; witnesses of transparency logs speak it. The library is found
/// by the name by which .NET's own cryptography finds it.
/// </summary>
public static partial class Ed25519
{
    public const int SeedLength = 32;
    public const int PublicKeyLength = 32;
    public const int SignatureLength = 64;

    private const int Algorithm = 1087;
    private const string Library = "libcrypto.so.3";

    public static byte[] PublicKey(ReadOnlySpan<byte> seed)
    {
        using var key = Private(seed);
        var publicKey = new byte[PublicKeyLength];
        var length = (nuint)PublicKeyLength;
        Require(EVP_PKEY_get_raw_public_key(key, publicKey, ref length) == 1 && length == PublicKeyLength);
        return publicKey;
    }

    public static byte[] Sign(ReadOnlySpan<byte> seed, ReadOnlySpan<byte> message)
    {
        using var key = Private(seed);
        using var context = EVP_MD_CTX_new();
        Require(!context.IsInvalid && EVP_DigestSignInit(context, 0, 0, 0, key) == 1);
        var signature = new byte[SignatureLength];
        var length = (nuint)SignatureLength;
        Require(EVP_DigestSign(context, signature, ref length, message, (nuint)message.Length) == 1 && length == SignatureLength);
        return signature;
    }

    /// <summary>False also for what is no key and no signature.</summary>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        if (publicKey.Length != PublicKeyLength || signature.Length != SignatureLength)
        {
            return false;
        }

        using var key = EVP_PKEY_new_raw_public_key(Algorithm, 0, publicKey, PublicKeyLength);
        using var context = EVP_MD_CTX_new();
        var isGenuine = !key.IsInvalid && !context.IsInvalid && EVP_DigestVerifyInit(context, 0, 0, 0, key) == 1
            && EVP_DigestVerify(context, signature, SignatureLength, message, (nuint)message.Length) == 1;
        ERR_clear_error();
        return isGenuine;
    }

    private static Key Private(ReadOnlySpan<byte> seed)
    {
        if (seed.Length != SeedLength)
        {
            throw new ArgumentException($"A seed has {SeedLength} bytes.", nameof(seed));
        }

        var key = EVP_PKEY_new_raw_private_key(Algorithm, 0, seed, SeedLength);
        Require(!key.IsInvalid);
        return key;
    }

    private static void Require(bool holds)
    {
        if (!holds)
        {
            ERR_clear_error();
            throw new CryptographicException("OpenSSL could not compute an Ed25519 signature.");
        }
    }

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial Key EVP_PKEY_new_raw_private_key(int type, nint engine, ReadOnlySpan<byte> key, nuint length);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial Key EVP_PKEY_new_raw_public_key(int type, nint engine, ReadOnlySpan<byte> key, nuint length);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int EVP_PKEY_get_raw_public_key(Key key, Span<byte> publicKey, ref nuint length);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial void EVP_PKEY_free(nint key);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial Context EVP_MD_CTX_new();

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial void EVP_MD_CTX_free(nint context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int EVP_DigestSignInit(Context context, nint keyContext, nint digest, nint engine, Key key);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int EVP_DigestSign(
        Context context, Span<byte> signature, ref nuint length, ReadOnlySpan<byte> message, nuint messageLength);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int EVP_DigestVerifyInit(Context context, nint keyContext, nint digest, nint engine, Key key);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int EVP_DigestVerify(
        Context context, ReadOnlySpan<byte> signature, nuint length, ReadOnlySpan<byte> message, nuint messageLength);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial void ERR_clear_error();

    private sealed class Key() : SafeHandleZeroOrMinusOneIsInvalid(true)
    {
        protected override bool ReleaseHandle()
        {
            EVP_PKEY_free(handle);
            return true;
        }
    }

    private sealed class Context() : SafeHandleZeroOrMinusOneIsInvalid(true)
    {
        protected override bool ReleaseHandle()
        {
            EVP_MD_CTX_free(handle);
            return true;
        }
    }
}
