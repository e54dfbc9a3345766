using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys.Pkcs11;

/// <summary>The user PIN's file.</summary>
internal static class PinFile
{
    private const int Longest = 256;

    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute |
        UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>The PIN, pinned so that nothing copies it; the caller zeroes it after use.</summary>
    /// <exception cref="KeyStoreFault">Misconfigured: the file is missing, empty, or others may read it.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            using var file = File.OpenHandle(path);
            // Of what was opened, not of what the path says a moment later.
            if ((File.GetUnixFileMode(file) & Others) != 0)
            {
                throw Misconfigured($"{path} holds the PIN of the token and is open to others than its owner. Next step: chmod 600 {path}");
            }

            return Read(path, file);
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Misconfigured($"{path} is missing. Next step: write the token's user PIN into it, with mode 600", fault);
        }
        catch (Exception fault) when (fault is UnauthorizedAccessException or IOException)
        {
            throw Misconfigured($"{path} cannot be read. Next step: give it to the user that this program runs as, with mode 600", fault);
        }
    }

    private static byte[] Read(string path, Microsoft.Win32.SafeHandles.SafeFileHandle file)
    {
        var buffer = GC.AllocateArray<byte>(Longest + 1, pinned: true);
        try
        {
            var length = 0;
            while (length < buffer.Length && RandomAccess.Read(file, buffer.AsSpan(length), length) is > 0 and var read)
            {
                length += read;
            }

            if (length > 0 && length <= Longest && buffer[length - 1] == '\n')
            {
                length--;
            }

            if (length is 0 or > Longest)
            {
                throw Misconfigured($"{path} holds no PIN: it has none or more than {Longest} bytes. Next step: write the PIN into it");
            }

            var pin = GC.AllocateUninitializedArray<byte>(length, pinned: true);
            buffer.AsSpan(0, length).CopyTo(pin);
            return pin;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(buffer);
        }
    }

    private static KeyStoreFault Misconfigured(string message, Exception? inner = null) =>
        new(KeyStoreFaultKind.Misconfigured, message, inner);
}
