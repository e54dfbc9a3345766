using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys.Pkcs11;

/// <summary>
/// Roots that live in an HSM and never leave it: AES-256 keys, under which the token itself encrypts other keys with AES-GCM.
/// <para>
/// Shape of a wrapped key: version (1 byte), number of the root (4, big endian), nonce (12), ciphertext (32), tag (16). Its associated
/// data are the kind of this store and the root's number, each with its length before it, then what the caller gives.
/// </para>
/// <para>
/// The nonce is 96 random bits, which NIST SP 800-38D section 8.3 allows for 2^32 messages under one key. A root wraps keys and never
/// values: once when one is made, once more when it moves to this root. A million tenants with ten keys each, all wrapped anew a hundred
/// times within the root's epoch, are 2^30.
/// </para>
/// </summary>
internal sealed class Pkcs11KeyStore : IRootKeyStore
{
    public const string StoreKind = "pkcs11";

    private const byte Version = 1;
    private const int HeaderLength = 5;
    private const int SealedLength = SecretKey.Length + Cryptoki.TagLength;
    private const int WrappedLength = HeaderLength + Cryptoki.NonceLength + SealedLength;
    private const int MostGenerations = 5;

    private readonly Pkcs11Options _options;
    private readonly Token _token;

    /// <exception cref="KeyStoreFault">Misconfigured: the options break a rule; the message lists all of them.</exception>
    public Pkcs11KeyStore(Pkcs11Options options, TimeProvider clock)
    {
        if (options.Validate() is { Count: > 0 } faults)
        {
            throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured, $"The settings of the HSM break rules: {string.Join("; ", faults)}");
        }

        _options = options;
        _token = new Token(options, clock);
    }

    public string Kind => StoreKind;

    public ValueTask<byte[]> WrapAsync(
        int root, SecretKey key, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken)
    {
        var bound = Bound(root, associated.Span);
        return new(_token.RunAsync((connection, session) => Wrap(connection, session, root, key, bound), cancellationToken));
    }

    public ValueTask<SecretKey> UnwrapAsync(
        int root, ReadOnlyMemory<byte> wrapped, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken)
    {
        var bound = Bound(root, associated.Span);
        // A copy: who stops waiting for a slow token may use the memory for something else.
        var copy = wrapped.Length == WrappedLength ? wrapped.ToArray() : [];
        return new(_token.RunAsync((connection, session) => Unwrap(connection, session, root, copy, bound), cancellationToken));
    }

    public ValueTask<ImmutableArray<int>> ListAsync(CancellationToken cancellationToken) => new(_token.RunAsync(
        (connection, session) => Objects(connection).List(session), cancellationToken));

    public async ValueTask CreateAsync(int root, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(root, 1);
        await _token.RunAsync((connection, session) =>
        {
            var objects = Objects(connection);
            for (var attempt = 1; objects.Find(session, root).Length == 0; attempt++)
            {
                try
                {
                    Writing(connection, write => objects.Generate(write, root));
                }
                catch (CryptokiFault fault) when (attempt < MostGenerations && fault.Code.Value is ReturnCodes.GeneralError or ReturnCodes.FunctionFailed)
                {
                    // SoftHSM fails one of several that write at the same moment. The next look may find the root of another.
                    continue;
                }

                // What the token made is looked at, not believed.
                connection.Roots[root] = RequireSome(objects.Find(session, root), root);
            }

            return true;
        }, cancellationToken);
    }

    public async ValueTask DestroyAsync(int root, CancellationToken cancellationToken) =>
        await _token.RunAsync((connection, session) =>
        {
            connection.Roots.TryRemove(root, out _);
            Writing(connection, write => Objects(connection).Destroy(write, root));
            return true;
        }, cancellationToken);

    public void Dispose() => _token.Dispose();

    private byte[] Wrap(TokenConnection connection, nuint session, int root, SecretKey key, byte[] bound)
    {
        var handle = Handles(connection, session, root)[0];
        var wrapped = new byte[WrappedLength];
        wrapped[0] = Version;
        BinaryPrimitives.WriteInt32BigEndian(wrapped.AsSpan(1), root);
        var nonce = wrapped.AsSpan(HeaderLength, Cryptoki.NonceLength);
        RandomNumberGenerator.Fill(nonce);
        connection.Library.Functions.Encrypt(session, handle, nonce, bound, key.Bytes, wrapped.AsSpan(HeaderLength + Cryptoki.NonceLength));
        return wrapped;
    }

    private SecretKey Unwrap(TokenConnection connection, nuint session, int root, byte[] wrapped, byte[] bound)
    {
        var handles = Handles(connection, session, root);
        if (wrapped.Length != WrappedLength || wrapped[0] != Version || BinaryPrimitives.ReadInt32BigEndian(wrapped.AsSpan(1)) != root)
        {
            throw NotGenuine(root);
        }

        if (TryOpen(connection.Library.Functions, session, handles, wrapped, bound) is { } key)
        {
            return key;
        }

        // Another process may have made the same root at the same moment, and wrapped under its key.
        var others = Objects(connection).Find(session, root).Except(handles).ToArray();
        if (TryOpen(connection.Library.Functions, session, others, wrapped, bound) is { } other)
        {
            connection.Roots[root] = [.. handles, .. others];
            return other;
        }

        throw NotGenuine(root);
    }

    private static SecretKey? TryOpen(Cryptoki functions, nuint session, nuint[] handles, byte[] wrapped, byte[] bound)
    {
        Span<byte> text = stackalloc byte[SealedLength];
        try
        {
            foreach (var handle in handles)
            {
                var code = functions.Decrypt(
                    session,
                    handle,
                    wrapped.AsSpan(HeaderLength, Cryptoki.NonceLength),
                    bound,
                    wrapped.AsSpan(HeaderLength + Cryptoki.NonceLength),
                    text,
                    out var written);
                if (code == ReturnCodes.Ok && written == SecretKey.Length)
                {
                    return SecretKey.CopyOf(text[..written]);
                }

                if (!SaysNotGenuine(functions, session, handle, code))
                {
                    throw new CryptokiFault("C_Decrypt", code);
                }
            }

            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(text);
        }
    }

    // Libraries disagree on what a wrong tag is, and some (SoftHSM) have one word for it and for any fault of theirs. A token that
    // opens what it has just sealed under the same key is well, so it was the input.
    private static bool SaysNotGenuine(Cryptoki functions, nuint session, nuint handle, nuint code)
    {
        if (ReturnCodes.Of(code).Kind == KeyStoreFaultKind.NotGenuine)
        {
            return true;
        }

        if (code is not (ReturnCodes.GeneralError or ReturnCodes.FunctionFailed or ReturnCodes.DataInvalid))
        {
            return false;
        }

        Span<byte> nonce = stackalloc byte[Cryptoki.NonceLength];
        Span<byte> sealedText = stackalloc byte[SealedLength];
        Span<byte> opened = stackalloc byte[SealedLength];
        RandomNumberGenerator.Fill(nonce);
        functions.Encrypt(session, handle, nonce, [], stackalloc byte[SecretKey.Length], sealedText);
        return functions.Decrypt(session, handle, nonce, [], sealedText, opened, out var written) == ReturnCodes.Ok &&
            written == SecretKey.Length && !opened[..written].ContainsAnyExcept((byte)0);
    }

    private nuint[] Handles(TokenConnection connection, nuint session, int root)
    {
        if (!connection.Roots.TryGetValue(root, out var handles))
        {
            handles = RequireSome(Objects(connection).Find(session, root), root);
            connection.Roots[root] = handles;
        }

        return handles;
    }

    private RootObjects Objects(TokenConnection connection) => new(connection, _options.KeyLabelPrefix);

    private static void Writing(TokenConnection connection, Action<nuint> work)
    {
        var session = connection.OpenSession(write: true);
        try
        {
            work(session);
        }
        finally
        {
            connection.Close(session);
        }
    }

    private static byte[] Bound(int root, ReadOnlySpan<byte> associated) => [.. new KeyContext(StoreKind).Add(root).Bytes, .. associated];

    private static nuint[] RequireSome(nuint[] handles, int root) => handles.Length > 0
        ? handles
        : throw Fault(KeyStoreFaultKind.NoSuchRoot, $"The token has no root {root}: it was destroyed, or the token is another's");

    private static KeyStoreFault NotGenuine(int root) =>
        Fault(KeyStoreFaultKind.NotGenuine, $"The wrapped key is not one of root {root} and of what it is bound to");

    private static KeyStoreFault Fault(KeyStoreFaultKind kind, FormattableString message) =>
        new(kind, message.ToString(CultureInfo.InvariantCulture));
}
