using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Kernel.Keys;

/// <summary>A backup of the key store cannot be made or taken back. Nothing was changed; the message says the next step.</summary>
public sealed class BackupRefused(string reason) : Exception(reason);

/// <param name="Roots">Numbers of the roots that were put back.</param>
/// <param name="Kept">Numbers of those that were there already, the same.</param>
public sealed record RestoredRoots(ImmutableArray<int> Roots, ImmutableArray<int> Kept, DateTimeOffset MadeAt);

/// <summary>
/// Backups of the file key store, sealed for the future to a recovery key that is kept elsewhere. A token is backed up by its maker's
/// means. What is sealed: the words <c>BHBACKUP1</c>, when it was made and when it ends (8 bytes each, Unix seconds, big endian), then
/// for each root its number and the length of its file (4 bytes each), and the file as it stands: under its passphrase where it has one.
/// A backup ends with the backups of the databases: a root that was destroyed must not come back by it.
/// </summary>
public sealed class KeyStoreBackup
{
    private const int MaxRoots = 10_000;
    private const int MaxFile = 4096;
    private const int Head = 9 + 8 + 8;

    private static readonly byte[] Magic = "BHBACKUP1"u8.ToArray();
    private static readonly byte[] Associated = "bulkhead/v1 key store backup"u8.ToArray();

    private readonly HybridSealing _hybrid;
    private readonly TimeProvider _time;

    public KeyStoreBackup(bool requirePostQuantum, TimeProvider time)
    {
        _hybrid = new(requirePostQuantum);
        _time = time;
    }

    /// <summary>A recovery key pair; the private part belongs in a safe, and nowhere near the installation.</summary>
    /// <returns>Public key, private key (the caller zeroes it), name of the algorithm.</returns>
    public (byte[] Public, byte[] Private, string Algorithm) MakeRecoveryKey()
    {
        using var key = _hybrid.GenerateKey();
        return (key.PublicKey.ToArray(), key.Encoding.ToArray(), key.Algorithm.Name);
    }

    /// <param name="folder">Of the file key store.</param>
    /// <param name="retention">How long backups are kept.</param>
    /// <exception cref="BackupRefused">There are no roots in the folder.</exception>
    /// <exception cref="AlgorithmFault">The recovery key is none, or of an algorithm that is refused or not available.</exception>
    public byte[] Make(string folder, ReadOnlySpan<byte> recoveryKey, TimeSpan retention)
    {
        using var store = new FileKeyStore(folder);
        var roots = store.ListAsync(default).AsTask().GetAwaiter().GetResult();
        if (roots.IsEmpty)
        {
            throw new BackupRefused($"{folder} holds no roots. Next step: name the folder of the file key store; a token is backed up by its maker's means.");
        }

        var now = _time.GetUtcNow();
        var text = new MemoryStream();
        text.Write(Magic);
        text.Write(Number64(now.ToUnixTimeSeconds()));
        text.Write(Number64((now + retention).ToUnixTimeSeconds()));
        foreach (var root in roots)
        {
            var file = File.ReadAllBytes(FileKeyStore.PathOf(folder, root));
            text.Write(Number32(root));
            text.Write(Number32(file.Length));
            text.Write(file);
            CryptographicOperations.ZeroMemory(file);
        }

        var content = text.GetBuffer().AsSpan(0, (int)text.Length);
        try
        {
            return _hybrid.Seal(recoveryKey, content, Associated);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    /// <summary>Puts back the roots that are missing. One that is there with other bytes is left alone and refused: it would be lost.</summary>
    /// <exception cref="BackupRefused">The backup does not open, has ended, or meets another installation's roots.</exception>
    /// <exception cref="AlgorithmFault">The private key is none, or of an algorithm that is refused or not available.</exception>
    public RestoredRoots Restore(string folder, ReadOnlySpan<byte> privateKey, ReadOnlySpan<byte> backup)
    {
        using var key = HybridPrivateKey.Import(privateKey);
        if (!_hybrid.TryOpen(key, backup, Associated, out var text))
        {
            throw new BackupRefused("The backup does not open: it was changed, or sealed to another recovery key.");
        }

        using (text)
        {
            var roots = Read(text.Bytes, out var made, out var ends);
            if (ends <= _time.GetUtcNow())
            {
                throw new BackupRefused(
                    $"The backup ended at {ends.ToString("u", CultureInfo.InvariantCulture)}: roots in it may have been destroyed since, and must not come back. Next step: take a newer one, and destroy this.");
            }

            return Put(folder, text.Bytes, roots, made);
        }
    }

    private static RestoredRoots Put(
        string folder, ReadOnlySpan<byte> content, List<(int Root, int Start, int Length)> roots, DateTimeOffset made)
    {
        var (put, kept) = (ImmutableArray.CreateBuilder<int>(), ImmutableArray.CreateBuilder<int>());
        foreach (var (root, start, length) in roots)
        {
            var path = FileKeyStore.PathOf(folder, root);
            if (!File.Exists(path))
            {
                put.Add(root);
            }
            else if (content.Slice(start, length).SequenceEqual(File.ReadAllBytes(path)))
            {
                kept.Add(root);
            }
            else
            {
                throw new BackupRefused($"{path} is another root than the backup's. Next step: move it away first, if it is the wrong one.");
            }
        }

        foreach (var (root, start, length) in roots.Where(r => put.Contains(r.Root)))
        {
            FileKeyStore.Put(folder, root, content.Slice(start, length));
        }

        return new(put.ToImmutable(), kept.ToImmutable(), made);
    }

    private static List<(int Root, int Start, int Length)> Read(ReadOnlySpan<byte> text, out DateTimeOffset made, out DateTimeOffset ends)
    {
        if (text.Length < Head || !text.StartsWith(Magic))
        {
            throw new BackupRefused("What was sealed is no backup of a key store.");
        }

        made = DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(text[9..]));
        ends = DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(text[17..]));
        var roots = new List<(int, int, int)>();
        for (var at = Head; at < text.Length;)
        {
            var left = text[at..];
            var root = left.Length >= 8 ? BinaryPrimitives.ReadInt32BigEndian(left) : 0;
            var length = left.Length >= 8 ? BinaryPrimitives.ReadInt32BigEndian(left[4..]) : 0;
            if (root < 1 || length is < 1 or > MaxFile || left.Length < 8 + length || roots.Count >= MaxRoots)
            {
                throw new BackupRefused("What was sealed is no backup of a key store.");
            }

            roots.Add((root, at + 8, length));
            at += 8 + length;
        }

        return roots;
    }

    private static byte[] Number64(long number)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        return bytes;
    }

    private static byte[] Number32(int number)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, number);
        return bytes;
    }
}
