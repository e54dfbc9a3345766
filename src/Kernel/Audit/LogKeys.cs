using System.Collections.Concurrent;
using System.Security.Cryptography;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Audit;

/// <summary>Origins of the logs, and the keys that sign their checkpoints. They hang on no tenant's key: the switch silences no log.</summary>
public sealed class LogKeys : IDisposable
{
    private readonly Catalogue _catalogue;
    private readonly Sealing _sealing;
    private readonly ConcurrentDictionary<Guid, (SealedLogKey Of, SecretKey Seed)> _open = new();

    internal LogKeys(Catalogue catalogue, Sealing sealing)
    {
        _catalogue = catalogue;
        _sealing = sealing;
    }

    public static string OriginOf(TenantId tenant) => $"bulkhead-audit/{tenant}";

    /// <summary>Of the log of heads.</summary>
    public string HeadsOrigin => $"bulkhead-heads/{_catalogue.Current.Installation:D}";

    /// <summary>The key of a tenant's log, or of the log of heads; null before it has one.</summary>
    public NoteKey? Find(TenantId? tenant) =>
        _catalogue.Current.LogKeys.TryGetValue(tenant?.Value ?? Guid.Empty, out var key)
            ? NoteKey.Of(tenant is { } id ? OriginOf(id) : HeadsOrigin, NoteSignatureKind.Ed25519, key.PublicKey)
            : null;

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
            "insert into control.log_key (tenant_id, public_key, private_sealed) values (nullif($1, $4), $2, $3)",
            cancellationToken,
            tenant?.Value ?? Guid.Empty,
            Ed25519.PublicKey(seed.Bytes),
            sealing.Seal(tenant, SealPurpose.LogKey, seed.Bytes, []),
            Guid.Empty);
    }

    /// <summary>Signs a checkpoint's text.</summary>
    internal SignedNote Sign(TenantId? tenant, string text)
    {
        var id = tenant?.Value ?? Guid.Empty;
        var key = Find(tenant) ?? throw new TenantFault(TenantFaultKind.Unknown);
        var known = _catalogue.Current.LogKeys[id];
        if (!_open.TryGetValue(id, out var open) || !open.Of.PublicKey.AsSpan().SequenceEqual(known.PublicKey))
        {
            var seed = _sealing.Open(tenant, SealPurpose.LogKey, known.PrivateSealed, []);
            open = (known, SecretKey.CopyOf(seed));
            CryptographicOperations.ZeroMemory(seed);
            _open[id] = open;
        }

        return SignedNote.Of(text).With([SignedNote.Sign(text, key, open.Seed.Bytes)]);
    }
}
