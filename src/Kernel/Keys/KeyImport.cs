using System.Security.Cryptography;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys.PostQuantum;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <param name="Id">To be given back with the sealed key.</param>
/// <param name="Algorithm">Stable name of how to seal; see docs/key-import.md.</param>
/// <param name="Associated">What the sealing is bound to.</param>
public sealed record ImportOffer(Guid Id, string Algorithm, byte[] PublicKey, byte[] Associated, DateTimeOffset ExpiresAt);

/// <summary>What was given cannot be taken: unknown, expired, or not sealed for this offer. Nothing was changed.</summary>
public sealed class ImportRefused(string reason) : Exception(reason);

/// <summary>
/// Bring your own key: the tenant seals 32 bytes of its own to a key pair that was made for this once, and they become its tenant key.
/// Data keys are wrapped under it at once; rows stay as they are.
/// </summary>
public sealed class KeyImport
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    private readonly KeyCustody _custody;
    private readonly Sealing _sealing;
    private readonly HybridSealing _hybrid;
    private readonly TimeProvider _time;

    internal KeyImport(KeyCustody custody, Sealing sealing, HybridSealing hybrid, TimeProvider time)
    {
        _custody = custody;
        _sealing = sealing;
        _hybrid = hybrid;
        _time = time;
    }

    /// <summary>A fresh key pair for one import; it holds for an hour, and replaces an older offer that was not taken.</summary>
    /// <exception cref="AlgorithmFault">Post-quantum is demanded, and this platform does not have it.</exception>
    public async Task<ImportOffer> OfferAsync(RequestContext context, CancellationToken cancellationToken)
    {
        await _custody.RecordAsync(context, "keys.import.offer", ("hours", "1"), cancellationToken);
        await using var control = await _custody.LockAsync(context.Tenant, cancellationToken);
        var now = _time.GetUtcNow();
        var id = Guid.CreateVersion7(now);
        using var key = _hybrid.GenerateKey();
        var name = key.Algorithm.Name;
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await control.RunAsync("delete from control.key_import where tenant_id = $1", cancellationToken, context.Tenant.Value);
        await control.RunAsync(
            """
            insert into control.key_import (id, tenant_id, algorithm, public_key, private_sealed, created_at, expires_at)
            values ($1, $2, $3, $4, $5, $6, $7)
            """,
            cancellationToken,
            id,
            context.Tenant.Value,
            name,
            key.PublicKey.ToArray(),
            _sealing.Seal(context.Tenant, SealPurpose.ImportKey, key.Encoding, id.ToByteArray(bigEndian: true)),
            now,
            now + Lifetime);
        await _custody.LogAsync(control, context, "keys.import.offer", ("algorithm", name), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new(id, name, key.PublicKey.ToArray(), Associated(context.Tenant, id), now + Lifetime);
    }

    /// <summary>Takes the sealed key as the tenant's new one, once.</summary>
    /// <exception cref="ImportRefused">Nothing was changed.</exception>
    /// <exception cref="TenantFault">The keys are withdrawn, destroyed or out of reach.</exception>
    public async Task<int> TakeAsync(RequestContext context, Guid offer, byte[] sealedKey, CancellationToken cancellationToken)
    {
        _custody.RequireOpen(context.Tenant);
        await using var control = await _custody.LockAsync(context.Tenant, cancellationToken);
        var offers = await control.ListAsync(
            "select private_sealed, expires_at from control.key_import where id = $1 and tenant_id = $2",
            r => (Sealed: r.GetFieldValue<byte[]>(0), Expires: r.GetFieldValue<DateTimeOffset>(1)),
            cancellationToken, offer, context.Tenant.Value);
        if (offers.Count == 0 || offers[0].Expires <= _time.GetUtcNow())
        {
            throw new ImportRefused("There is no such offer any more. Next step: ask for a new one.");
        }

        using var key = Open(context.Tenant, offer, offers[0].Sealed, sealedKey);
        await _custody.RecordAsync(context, "keys.import", ("offer", offer.ToString()), cancellationToken);
        var version = await _custody.Life.RotateTenantKeyAsync(
            control, context.Tenant, key, cancellationToken);
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await control.RunAsync("delete from control.key_import where tenant_id = $1", cancellationToken, context.Tenant.Value);
        await _custody.LogAsync(control, context, "keys.import", ("offer", offer.ToString()), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await _custody.RefreshAsync(cancellationToken);
        return version;
    }

    private SecretKey Open(TenantId tenant, Guid offer, byte[] privateSealed, byte[] sealedKey)
    {
        var encoding = _sealing.Open(tenant, SealPurpose.ImportKey, privateSealed, offer.ToByteArray(bigEndian: true));
        try
        {
            using var privateKey = HybridPrivateKey.Import(encoding);
            if (!_hybrid.TryOpen(privateKey, sealedKey, Associated(tenant, offer), out var text))
            {
                throw new ImportRefused("The key does not open: it was sealed for another offer, or with other associated bytes.");
            }

            using (text)
            {
                return text.Bytes.Length == SecretKey.Length
                    ? SecretKey.CopyOf(text.Bytes)
                    : throw new ImportRefused($"A key has {SecretKey.Length} bytes, and what was sealed has {text.Bytes.Length}.");
            }
        }
        catch (AlgorithmFault fault)
        {
            throw new ImportRefused(fault.Message);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(encoding);
        }
    }

    internal static byte[] Associated(TenantId tenant, Guid offer) =>
        new KeyContext("key import").Add(tenant.Value).Add(offer).Bytes.ToArray();
}
