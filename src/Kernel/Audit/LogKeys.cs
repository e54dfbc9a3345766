using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Security.Cryptography;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.PostQuantum;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Audit;

/// <summary>
/// Origins of the logs, and the keys that sign their checkpoints: of Ed25519, and of ML-DSA-44 where the platform has it. They hang on no
/// tenant's key: the switch silences no log.
/// </summary>
public sealed class LogKeys : IDisposable
{
    private readonly Catalogue _catalogue;
    private readonly Sealing _sealing;
    private readonly ConcurrentDictionary<(Guid, NoteSignatureKind), (byte[] Of, SecretKey Seed)> _open = new();

    internal LogKeys(Catalogue catalogue, Sealing sealing)
    {
        _catalogue = catalogue;
        _sealing = sealing;
    }

    // A seed that was sealed for one algorithm does not open for the other.
    private static ReadOnlySpan<byte> PostQuantumSeed => "ml-dsa-44"u8;

    public static string OriginOf(TenantId tenant) => $"bulkhead-audit/{tenant}";

    /// <summary>Of the log of heads.</summary>
    public string HeadsOrigin => $"bulkhead-heads/{_catalogue.Current.Installation:D}";

    /// <summary>The Ed25519 key of a tenant's log, or of the log of heads; null before it has one.</summary>
    public NoteKey? Find(TenantId? tenant) => All(tenant) is [var first, ..] ? first : null;

    /// <summary>Its keys, that of Ed25519 first; none before it has one.</summary>
    public ImmutableArray<NoteKey> All(TenantId? tenant)
    {
        if (!_catalogue.Current.LogKeys.TryGetValue(tenant?.Value ?? Guid.Empty, out var key))
        {
            return [];
        }

        var first = NoteKey.Of(NameOf(tenant), NoteSignatureKind.Ed25519, key.PublicKey);
        return key.PostQuantum is { } second
            ? [first, NoteKey.Of(first.Name, NoteSignatureKind.CosignatureMLDsa44, second.PublicKey)]
            : [first];
    }

    public void Dispose()
    {
        foreach (var (_, seed) in _open.Values)
        {
            seed.Dispose();
        }
    }

    internal static async Task CreateAsync(
        NpgsqlConnection control, Sealing sealing, TenantId? tenant, CancellationToken cancellationToken)
    {
        using var seed = SecretKey.Random();
        await control.RunAsync(
            "insert into control.log_key (tenant_id, public_key, private_sealed, entry_key_sealed) values (nullif($1, $4), $2, $3, $5)",
            cancellationToken,
            tenant?.Value ?? Guid.Empty,
            Ed25519.PublicKey(seed.Bytes),
            sealing.Seal(tenant, SealPurpose.LogKey, seed.Bytes, []),
            Guid.Empty,
            tenant is { } own ? EntryMacs.NewKey(sealing, own) : DBNull.Value);
        if (PostQuantumSupport.HasMLDsa)
        {
            await AddPostQuantumAsync(control, sealing, tenant, cancellationToken);
        }
    }

    /// <summary>Gives every log a second key that has none: they were made where OpenSSL lacked the algorithm.</summary>
    internal static async Task CompleteAsync(NpgsqlConnection control, Sealing sealing, CancellationToken cancellationToken)
    {
        if (!PostQuantumSupport.HasMLDsa)
        {
            return;
        }

        foreach (var tenant in await control.ListAsync(
            "select tenant_id from control.log_key where post_quantum_public is null",
            r => r.IsDBNull(0) ? (TenantId?)null : new TenantId(r.GetGuid(0)),
            cancellationToken))
        {
            await AddPostQuantumAsync(control, sealing, tenant, cancellationToken);
        }
    }

    /// <summary>The root that the log's own key signed for a tree of this size; null where it did not.</summary>
    internal byte[]? SignedRoot(TenantId? tenant, string note, long size) =>
        IsOwn(tenant) && Find(tenant) is { } key && SignedNote.Parse(note) is { } signed && signed.IsSignedBy(key, out _)
        && Checkpoint.Parse(signed.Text) is { } checkpoint && checkpoint.Origin == NameOf(tenant) && checkpoint.Size == size
            ? checkpoint.Root
            : null;

    /// <summary>Signs a checkpoint's text, by every key of the log whose algorithm is here.</summary>
    internal SignedNote Sign(TenantId? tenant, string text)
    {
        var id = tenant?.Value ?? Guid.Empty;
        var keys = All(tenant);
        if (keys.IsEmpty)
        {
            throw new TenantFault(TenantFaultKind.Unknown);
        }

        var known = _catalogue.Current.LogKeys[id];
        var seed = Seed(tenant, NoteSignatureKind.Ed25519, known, []);
        return PostQuantumSupport.HasMLDsa && known.PostQuantum is { } second && keys is [_, var postQuantumKey]
            ? Sign(text, keys[0], seed, postQuantumKey, Seed(tenant, NoteSignatureKind.CosignatureMLDsa44, second, PostQuantumSeed))
            : Sign(text, keys[0], seed, null, []);
    }

    internal static SignedNote Sign(
        string text, NoteKey key, ReadOnlySpan<byte> seed, NoteKey? postQuantumKey, ReadOnlySpan<byte> postQuantumSeed)
    {
        var note = SignedNote.Of(text).With([SignedNote.Sign(text, key, seed)]);

        // What ML-DSA-44 signs has a time of its own: the checkpoint's.
        return postQuantumKey is not null && Checkpoint.Parse(text)?.At is { } at
            ? note.With([SignedNote.Cosign(text, postQuantumKey, postQuantumSeed, at)])
            : note;
    }

    private static async Task AddPostQuantumAsync(
        NpgsqlConnection control, Sealing sealing, TenantId? tenant, CancellationToken cancellationToken)
    {
        using var seed = SecretKey.Random();
        await control.RunAsync(
            """
            update control.log_key set post_quantum_public = $2, post_quantum_sealed = $3
            where tenant_id is not distinct from nullif($1, $4) and post_quantum_public is null
            """,
            cancellationToken,
            tenant?.Value ?? Guid.Empty,
            MLDsa44.PublicKey(seed.Bytes),
            sealing.Seal(tenant, SealPurpose.LogKey, seed.Bytes, PostQuantumSeed),
            Guid.Empty);
    }

    /// <summary>Whether what the database calls the log's key is that of the sealed seed: its owner could have put another there.</summary>
    private bool IsOwn(TenantId? tenant)
    {
        try
        {
            return _catalogue.Current.LogKeys.TryGetValue(tenant?.Value ?? Guid.Empty, out var known)
                && !Seed(tenant, NoteSignatureKind.Ed25519, known, []).IsEmpty;
        }
        catch (ForeignLogKeyException)
        {
            return false;
        }
    }

    private string NameOf(TenantId? tenant) => tenant is { } id ? OriginOf(id) : HeadsOrigin;

    private ReadOnlySpan<byte> Seed(TenantId? tenant, NoteSignatureKind kind, SealedLogKey known, ReadOnlySpan<byte> associated)
    {
        var at = (tenant?.Value ?? Guid.Empty, kind);
        if (!_open.TryGetValue(at, out var open) || !open.Of.AsSpan().SequenceEqual(known.PublicKey))
        {
            var seed = _sealing.Open(tenant, SealPurpose.LogKey, known.PrivateSealed, associated);
            var own = kind == NoteSignatureKind.Ed25519 ? Ed25519.PublicKey(seed) : MLDsa44.PublicKey(seed);
            open = (known.PublicKey, SecretKey.CopyOf(seed));
            CryptographicOperations.ZeroMemory(seed);
            if (!own.AsSpan().SequenceEqual(known.PublicKey))
            {
                throw new ForeignLogKeyException();
            }

            _open[at] = open;
        }

        return open.Seed.Bytes;
    }
}

/// <summary>The public key of a log in the database is not that of its seed: nothing is signed, and nothing that it signed is believed.</summary>
internal sealed class ForeignLogKeyException()
    : InvalidOperationException("The public key of a log is not that of its sealed seed: somebody edited it. Next step: docs/audit-integrity.md");
