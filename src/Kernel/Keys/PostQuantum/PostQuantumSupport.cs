using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys.PostQuantum;

/// <summary>What this platform's OpenSSL has of the algorithms that a quantum computer does not break. ML-KEM and ML-DSA came with 3.5.</summary>
public static class PostQuantumSupport
{
    private const long FirstWithPostQuantum = 0x3_05_00000;

    /// <summary>ML-KEM (FIPS 203).</summary>
    public static bool HasMLKem => MLKem.IsSupported;

    /// <summary>ML-DSA (FIPS 204).</summary>
    public static bool HasMLDsa => MLDsa.IsSupported;

    /// <summary>
    /// Whether TLS agrees on keys by X25519MLKEM768 with a peer that offers it (draft-ietf-tls-ecdhe-mlkem). From 3.5 on it is among
    /// OpenSSL's default groups, and we do not change them; an administrator's openssl.cnf can.
    /// </summary>
    public static bool HasHybridTls => SafeEvpPKeyHandle.OpenSslVersion >= FirstWithPostQuantum;

    /// <summary>Such as <c>OpenSSL 3.0.19</c>.</summary>
    public static string OpenSsl { get; } = InWords(SafeEvpPKeyHandle.OpenSslVersion);

    /// <summary>One line: what is there, what is not, and then the next step.</summary>
    public static string Status => Describe(OpenSsl, HasMLKem, HasMLDsa, HasHybridTls);

    internal static string Describe(string openSsl, bool mlKem, bool mlDsa, bool hybridTls)
    {
        (string Name, bool IsThere)[] all =
        [
            ("ML-KEM-768 (sealing)", mlKem),
            ("ML-DSA-65 (receipts)", mlDsa),
            ("X25519MLKEM768 (TLS)", hybridTls),
        ];
        var there = string.Join(", ", all.Where(a => a.IsThere).Select(a => a.Name));
        var absent = string.Join(", ", all.Where(a => !a.IsThere).Select(a => a.Name));
        if (absent.Length == 0)
        {
            return $"post-quantum: {there} beside the classical ones, {openSsl}";
        }

        var found = there.Length == 0 ? "" : $"{there}; ";
        return $"post-quantum: {found}not available with {openSsl}: {absent}; classical algorithms only. "
            + "Next step: run on OpenSSL 3.5 or newer (Debian 13), make new keys and rewrap";
    }

    /// <summary>OPENSSL_VERSION_NUMBER: 0xMNN00PP0 since 3.0 (OPENSSL_VERSION_NUMBER(3)); 0xMNNFFPPS before, its patch a letter.</summary>
    internal static string InWords(long number)
    {
        var (major, minor) = (number >> 28, (number >> 20) & 0xff);
        if (major >= 3)
        {
            return $"OpenSSL {major}.{minor}.{(number >> 4) & 0xff}";
        }

        var (fix, patch) = ((number >> 12) & 0xff, (number >> 4) & 0xff);
        return $"OpenSSL {major}.{minor}.{fix}{(patch == 0 ? "" : ((char)('a' + patch - 1)).ToString())}";
    }
}
