using System.Security.Cryptography;
using Bulkhead.Kernel.Keys.Pkcs11;

namespace Bulkhead.Kernel.Keys;

/// <summary>Opens the key stores that the options name.</summary>
internal static class KeyStores
{
    private const int MaxPassphrase = 4096;

    public static RootStores Open(KernelOptions options)
    {
        var file = new FileKeyStore(options.KeyDirectory, Passphrase(options.KeyPassphraseFile));
        // Roots that were files before the HSM came still open what was wrapped under them.
        return options.Hsm is { } hsm ? new RootStores(new Pkcs11KeyStore(hsm, TimeProvider.System), file) : new RootStores(file);
    }

    /// <summary>The file's bytes without a newline at the end.</summary>
    private static byte[]? Passphrase(string? path)
    {
        if (path is null)
        {
            return null;
        }

        var content = File.ReadAllBytes(path);
        var length = content.AsSpan().TrimEnd("\r\n"u8).Length;
        if (length is < 12 or > MaxPassphrase)
        {
            CryptographicOperations.ZeroMemory(content);
            throw new KeyStoreFault(
                KeyStoreFaultKind.Misconfigured, $"{path} holds no passphrase of 12 to {MaxPassphrase} bytes. Next step: write one into it.");
        }

        var passphrase = content.AsSpan(0, length).ToArray();
        CryptographicOperations.ZeroMemory(content);
        return passphrase;
    }
}
