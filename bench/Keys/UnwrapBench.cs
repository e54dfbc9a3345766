using System.Security.Cryptography;
using Bulkhead.Bench.Measure;
using Bulkhead.Bench.Servers;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.Pkcs11;

namespace Bulkhead.Bench.Keys;

/// <summary>Tenant keys wrapped and unwrapped by the key stores, beside AES-GCM with a key that lies in this process.</summary>
internal static class UnwrapBench
{
    private const string BareWrap = "bare AES-256-GCM, wrap";
    private const string BareUnwrap = "bare AES-256-GCM, unwrap";
    private const int Root = 1;

    public static async Task<Measured> RunAsync(
        PrivatePostgres postgres, TrialToken? token, BenchOptions options, Action<string> progress, CancellationToken cancellationToken)
    {
        using var file = new FileKeyStore(Path.Combine(postgres.Folder, "unwrap-keys"));
        using var hsm = token is null
            ? null
            : new Pkcs11KeyStore(await token.AddAsync("unwrap", cancellationToken), TimeProvider.System);
        using var key = SecretKey.Random();
        // A cipher is for one thread at a time.
        using var bare = new ThreadLocal<AesGcm>(() => new AesGcm(key.Bytes, 16));
        var bound = new KeyContext("tenant key").Add(Guid.CreateVersion7()).Add("data").Add(1).Memory;
        var variants = new List<Variant>(Bare(bare, key, bound));
        variants.AddRange(await OfAsync(file, "file", key, bound, cancellationToken));
        if (hsm is not null)
        {
            variants.AddRange(await OfAsync(hsm, "HSM (SoftHSM)", key, bound, cancellationToken));
        }

        var group = new Group(
            "Key stores",
            "A key of 32 bytes. Bare keeps its cipher in this process and draws a nonce of 96 bits from the system's generator; the file "
            + "store derives a key for each message (XAES), and the HSM's root stays in the token. An unwrapped key is pinned memory, "
            + "zeroed afterwards."
            + (hsm is null ? $" {TrialToken.Missing}." : ""),
            variants);
        return await Interleaved.RunAsync(group, options, postgres.Postmaster, progress, cancellationToken);
    }

    private static IEnumerable<Variant> Bare(ThreadLocal<AesGcm> cipher, SecretKey key, ReadOnlyMemory<byte> bound)
    {
        var kept = Wrap();
        yield return Call(BareWrap, null, (_, _) =>
        {
            Wrap();
            return Task.CompletedTask;
        });
        yield return Call(BareUnwrap, null, (_, _) =>
        {
            Span<byte> output = stackalloc byte[SecretKey.Length];
            cipher.Value!.Decrypt(
                kept.AsSpan(0, 12), kept.AsSpan(12, SecretKey.Length), kept.AsSpan(12 + SecretKey.Length), output, bound.Span);
            return Task.CompletedTask;
        });

        byte[] Wrap()
        {
            var wrapped = new byte[12 + SecretKey.Length + 16];
            RandomNumberGenerator.Fill(wrapped.AsSpan(0, 12));
            cipher.Value!.Encrypt(
                wrapped.AsSpan(0, 12), key.Bytes, wrapped.AsSpan(12, SecretKey.Length), wrapped.AsSpan(12 + SecretKey.Length), bound.Span);
            return wrapped;
        }
    }

    private static async Task<Variant[]> OfAsync(
        IRootKeyStore store, string name, SecretKey key, ReadOnlyMemory<byte> bound, CancellationToken cancellationToken)
    {
        await store.CreateAsync(Root, cancellationToken);
        var wrapped = await store.WrapAsync(Root, key, bound, cancellationToken);
        using (var opened = await store.UnwrapAsync(Root, wrapped, bound, cancellationToken))
        {
            if (!opened.Bytes.SequenceEqual(key.Bytes))
            {
                throw new InvalidOperationException($"The key store '{name}' opens another key than it wrapped.");
            }
        }

        return
        [
            Call($"{name}, wrap", BareWrap, async (_, stop) => await store.WrapAsync(Root, key, bound, stop)),
            Call($"{name}, unwrap", BareUnwrap, async (_, stop) => (await store.UnwrapAsync(Root, wrapped, bound, stop)).Dispose()),
        ];
    }

    private static Variant Call(string name, string? comparedWith, Func<Dice, CancellationToken, Task> once) =>
        new(name, comparedWith, new CallLoad(once), () => ProcessTime.OfProcess(Environment.ProcessId), InProcess: true);
}
