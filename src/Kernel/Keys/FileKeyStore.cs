using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// Roots in files that only their owner reads: <c>root-{number}.key</c>. Shape of a file: the bytes <c>BHROOT1</c>, how it is kept
/// (1 byte: 0 as it stands, 1 under a passphrase), then the root (32 bytes), or salt (16), iterations (4, big endian), nonce (24) and
/// the sealed root (48). The passphrase's key is PBKDF2-HMAC-SHA-256 (RFC 8018).
/// Shape of what is wrapped: version (1 byte, 1), root (4, big endian), nonce (24), sealed key (48).
/// </summary>
internal sealed class FileKeyStore : IRootKeyStore
{
    public const int Iterations = 600_000;

    private const byte WrapVersion = 1;
    private const int Head = 1 + 4 + Xaes.NonceLength;
    private const int SealedLength = SecretKey.Length + Xaes.TagLength;
    private const int SaltLength = 16;
    private const byte AsItStands = 0;
    private const byte UnderPassphrase = 1;

    private static readonly byte[] Magic = "BHROOT1"u8.ToArray();

    private readonly string _folder;
    private readonly byte[]? _passphrase;
    private readonly ConcurrentDictionary<int, Xaes> _open = new();
    private readonly Lock _opening = new();

    /// <param name="passphrase">Zeroed when the store is disposed; null keeps the roots as they stand.</param>
    public FileKeyStore(string folder, byte[]? passphrase = null)
    {
        _folder = folder;
        _passphrase = passphrase;
    }

    public string Kind => "file";

    public ValueTask<byte[]> WrapAsync(
        int root, SecretKey key, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken)
    {
        var wrapped = new byte[Head + SealedLength];
        wrapped[0] = WrapVersion;
        BinaryPrimitives.WriteInt32BigEndian(wrapped.AsSpan(1), root);
        Nonces.Fill(wrapped.AsSpan(5, Xaes.NonceLength));
        Root(root).Seal(wrapped.AsSpan(5, Xaes.NonceLength), key.Bytes, Associated(root, associated.Span), wrapped.AsSpan(Head));
        return ValueTask.FromResult(wrapped);
    }

    public ValueTask<SecretKey> UnwrapAsync(
        int root, ReadOnlyMemory<byte> wrapped, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken)
    {
        var span = wrapped.Span;
        Span<byte> key = stackalloc byte[SecretKey.Length];
        try
        {
            if (span.Length != Head + SealedLength
                || span[0] != WrapVersion
                || BinaryPrimitives.ReadInt32BigEndian(span[1..]) != root
                || !Root(root).TryOpen(
                    span.Slice(5, Xaes.NonceLength), span[Head..], Associated(root, associated.Span), key))
            {
                throw new KeyStoreFault(KeyStoreFaultKind.NotGenuine, $"A wrapped key does not open under root {root}.");
            }

            return ValueTask.FromResult(SecretKey.CopyOf(key));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    public ValueTask<ImmutableArray<int>> ListAsync(CancellationToken cancellationToken)
    {
        if (!Directory.Exists(_folder))
        {
            return ValueTask.FromResult(ImmutableArray<int>.Empty);
        }

        var roots = ImmutableArray.CreateBuilder<int>();
        foreach (var file in Directory.EnumerateFiles(_folder, "root-*.key"))
        {
            if (int.TryParse(
                Path.GetFileNameWithoutExtension(file).AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var root))
            {
                roots.Add(root);
            }
        }

        roots.Sort();
        return ValueTask.FromResult(roots.ToImmutable());
    }

    public ValueTask CreateAsync(int root, CancellationToken cancellationToken)
    {
        if (!File.Exists(PathOf(root)))
        {
            if (Directory.Exists(_folder))
            {
                OwnerOnly.Require(_folder, "700");
            }

            var content = Content(root);
            Put(_folder, root, content);
            CryptographicOperations.ZeroMemory(content);
        }

        else if (!IsAsConfigured(root))
        {
            // Left by a start without the passphrase that was killed. What hangs on it from now on would hang on a bare file.
            throw new KeyStoreFault(
                KeyStoreFaultKind.Misconfigured,
                $"{PathOf(root)} was made without the passphrase, and no key hangs on it. Next step: move it away, then try again.");
        }

        Root(root);
        return ValueTask.CompletedTask;
    }

    public ValueTask<bool> IsAsConfiguredAsync(int root, CancellationToken cancellationToken) => ValueTask.FromResult(IsAsConfigured(root));

    public ValueTask DestroyAsync(int root, CancellationToken cancellationToken)
    {
        if (_open.TryRemove(root, out var cipher))
        {
            cipher.Dispose();
        }

        var path = PathOf(root);
        if (File.Exists(path))
        {
            // Overwriting does not reach every copy that a disk keeps of its own accord; the docs say so.
            using (var file = new FileStream(path, FileMode.Open, FileAccess.Write))
            {
                file.Write(RandomNumberGenerator.GetBytes((int)file.Length));
                file.Flush(flushToDisk: true);
            }

            File.Delete(path);
        }

        return ValueTask.CompletedTask;
    }

    public void Dispose()
    {
        foreach (var cipher in _open.Values)
        {
            cipher.Dispose();
        }

        _open.Clear();
        CryptographicOperations.ZeroMemory(_passphrase);
    }

    private Xaes Root(int root)
    {
        if (_open.TryGetValue(root, out var open))
        {
            return open;
        }

        lock (_opening)
        {
            if (_open.TryGetValue(root, out open))
            {
                return open;
            }

            using var key = Read(root);
            return _open.GetOrAdd(root, new Xaes(key.Bytes));
        }
    }

    // Under a passphrase where there is one; without it such a root does not open at all.
    private bool IsAsConfigured(int root)
    {
        if (_passphrase is null)
        {
            return true;
        }

        var content = File.ReadAllBytes(PathOf(root));
        var isUnder = content.Length > Magic.Length && content[Magic.Length] == UnderPassphrase;
        CryptographicOperations.ZeroMemory(content);
        return isUnder;
    }

    private SecretKey Read(int root)
    {
        var path = PathOf(root);
        if (!File.Exists(path))
        {
            throw new KeyStoreFault(
                KeyStoreFaultKind.NoSuchRoot, $"{path} is not there: the root was destroyed, or is another installation's.");
        }

        OwnerOnly.Require(_folder, "700");
        OwnerOnly.Require(path, "600");
        var content = File.ReadAllBytes(path);
        try
        {
            return Parse(root, path, content);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    private SecretKey Parse(int root, string path, ReadOnlySpan<byte> content)
    {
        var body = content.Length > Magic.Length && content.StartsWith(Magic) ? content[(Magic.Length + 1)..] : default;
        switch (body.Length, body.IsEmpty ? 255 : content[Magic.Length])
        {
            // Also where a passphrase is configured: it opens what hangs on it until a rotation has moved that.
            case (SecretKey.Length, AsItStands):
                return SecretKey.CopyOf(body);
            case (SaltLength + 4 + Xaes.NonceLength + SealedLength, UnderPassphrase) when _passphrase is null:
                throw new KeyStoreFault(
                    KeyStoreFaultKind.Misconfigured, $"{path} is kept under a passphrase. Next step: configure KeyPassphraseFile (BULKHEAD_KEY_PASSPHRASE_FILE).");
            case (SaltLength + 4 + Xaes.NonceLength + SealedLength, UnderPassphrase):
                return OpenUnderPassphrase(root, path, body);
            default:
                throw new KeyStoreFault(
                    KeyStoreFaultKind.Misconfigured, $"{path} is not a root of Bulkhead. Next step: restore it from its backup.");
        }
    }

    private SecretKey OpenUnderPassphrase(int root, string path, ReadOnlySpan<byte> body)
    {
        Span<byte> key = stackalloc byte[SecretKey.Length];
        using var cipher = PassphraseCipher(body[..SaltLength], BinaryPrimitives.ReadInt32BigEndian(body[SaltLength..]));
        try
        {
            return cipher.TryOpen(
                body.Slice(SaltLength + 4, Xaes.NonceLength),
                body[(SaltLength + 4 + Xaes.NonceLength)..],
                Associated(root, "passphrase"u8),
                key)
                ? SecretKey.CopyOf(key)
                : throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured, $"The passphrase does not open {path}.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    private Xaes PassphraseCipher(ReadOnlySpan<byte> salt, int iterations)
    {
        // A changed file must not make the program compute for hours.
        if (iterations is < 1 or > 10 * Iterations)
        {
            throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured, "A root's file names an impossible number of iterations.");
        }

        Span<byte> key = stackalloc byte[SecretKey.Length];
        Rfc2898DeriveBytes.Pbkdf2(_passphrase!, salt, key, iterations, HashAlgorithmName.SHA256);
        var cipher = new Xaes(key);
        CryptographicOperations.ZeroMemory(key);
        return cipher;
    }

    internal static string PathOf(string folder, int root) =>
        Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"root-{root}.key"));

    /// <summary>
    /// Written beside and renamed: a crash leaves either no root or a whole one, never a file that seals with half of it. One that is
    /// there stays.
    /// </summary>
    internal static void Put(string folder, int root, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var path = PathOf(folder, root);
        var fresh = $"{path}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}.new";
        using (var file = new FileStream(fresh, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        // Not File.Move: where there is no such file it looks first and renames then, and two processes would each have a root of its own.
        var isFirst = OwnerOnly.TryName(fresh, path);
        File.Delete(fresh);
        if (!isFirst && !File.Exists(path))
        {
            throw new KeyStoreFault(
                KeyStoreFaultKind.Misconfigured, $"{path} could not be made. Next step: keep the key folder on a file system with hard links.");
        }
    }

    private byte[] Content(int root)
    {
        using var key = SecretKey.Random();
        if (_passphrase is null)
        {
            return [.. Magic, AsItStands, .. key.Bytes];
        }

        var body = new byte[SaltLength + 4 + Xaes.NonceLength + SealedLength];
        RandomNumberGenerator.Fill(body.AsSpan(0, SaltLength));
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(SaltLength), Iterations);
        var nonce = body.AsSpan(SaltLength + 4, Xaes.NonceLength);
        Nonces.Fill(nonce);
        using var cipher = PassphraseCipher(body.AsSpan(0, SaltLength), Iterations);
        cipher.Seal(nonce, key.Bytes, Associated(root, "passphrase"u8), body.AsSpan(SaltLength + 4 + Xaes.NonceLength));
        return [.. Magic, UnderPassphrase, .. body];
    }

    private string PathOf(int root) => PathOf(_folder, root);

    private static byte[] Associated(int root, ReadOnlySpan<byte> associated)
    {
        var bound = new KeyContext("file").Add(root).Bytes;
        return [.. bound, .. associated];
    }
}
