using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys;

/// <summary>The root key of the file key store: 32 random bytes in a file that only its owner reads.</summary>
internal sealed class RootKey
{
    private const int Length = 32;
    private readonly byte[] _key;

    private RootKey(byte[] key) => _key = key;

    /// <summary>What the installation remembers of its root key, to notice another one.</summary>
    public byte[] Check => Derive("check", []);

    /// <exception cref="InvalidOperationException">The file is readable by others, or is no key.</exception>
    public static RootKey LoadOrCreate(string directory)
    {
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var path = Path.Combine(directory, "root.key");
        if (!File.Exists(path))
        {
            Create(path);
        }

        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        if ((File.GetUnixFileMode(path) & others) != 0)
        {
            throw new InvalidOperationException($"{path} is readable by others than its owner. Next step: chmod 600 {path}");
        }

        var key = new byte[Length];
        using var file = File.OpenRead(path);
        if (file.Length != Length)
        {
            throw new InvalidOperationException($"{path} is not a root key: it has {file.Length} bytes and not {Length}. Restore it from its backup.");
        }

        file.ReadExactly(key);
        return new RootKey(key);
    }

    /// <summary>A key for one use. The label and the context are length-prefixed, so that no two uses share one.</summary>
    public byte[] Derive(string label, ReadOnlySpan<byte> context)
    {
        var info = new byte[1 + label.Length + context.Length];
        info[0] = checked((byte)label.Length);
        System.Text.Encoding.ASCII.GetBytes(label, info.AsSpan(1));
        context.CopyTo(info.AsSpan(1 + label.Length));
        return HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, Length, salt: "bulkhead/v1"u8.ToArray(), info: info);
    }

    // Written beside and renamed: a crash leaves either no key or a whole one, never a file that seals with half of it.
    private static void Create(string path)
    {
        var fresh = path + ".new";
        File.Delete(fresh);
        using (var file = new FileStream(fresh, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(RandomNumberGenerator.GetBytes(Length));
            file.Flush(flushToDisk: true);
        }

        try
        {
            File.Move(fresh, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(fresh);
        }
    }
}
