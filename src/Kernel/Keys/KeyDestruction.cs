using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Keys.PostQuantum;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <param name="Text">Canonical JSON (RFC 8785): the bytes that are signed.</param>
/// <param name="PublicKey">Of the receipt key: form (1 byte), point (65), and in form 2 the ML-DSA-65 key (1,952).</param>
/// <param name="MlDsa65">Null where this platform has none; then <paramref name="WhyNoMlDsa65"/> says why.</param>
public sealed record Receipt(string Text, byte[] PublicKey, byte[] EcdsaP256, byte[]? MlDsa65, string? WhyNoMlDsa65);

/// <param name="Receipt">Null while it waits for the second actor.</param>
public sealed record Destruction(
    Guid Id, string RequestedBy, DateTimeOffset RequestedAt, DateTimeOffset ExpiresAt, string? ConfirmedBy, Receipt? Receipt);

/// <summary>Who asked for it cannot also be the one who does it.</summary>
public sealed class SecondActorNeeded() : Exception("The destruction was asked for by the same actor: another one must confirm it.");

/// <summary>
/// Erasure of a tenant by destroying its keys: one actor asks, another does it. What the keys sealed is unreadable from then on, here at
/// once, and in backups when the root that wraps the keys there is destroyed, on a date that the receipt names.
/// </summary>
public sealed class KeyDestruction
{
    private static readonly TimeSpan Patience = TimeSpan.FromHours(24);

    private readonly KeyCustody _custody;
    private readonly Catalogue _catalogue;
    private readonly Sealing _sealing;
    private readonly ReceiptSigning _signing;
    private readonly KernelOptions _options;
    private readonly TimeProvider _time;

    internal KeyDestruction(
        KeyCustody custody, Catalogue catalogue, Sealing sealing, ReceiptSigning signing, KernelOptions options, TimeProvider time)
    {
        _custody = custody;
        _catalogue = catalogue;
        _sealing = sealing;
        _signing = signing;
        _options = options;
        _time = time;
    }

    /// <summary>The newest request or destruction of the tenant; null when there was none.</summary>
    public async Task<Destruction?> FindAsync(TenantId tenant, CancellationToken cancellationToken)
    {
        await using var control = await _custody.OpenAsync(cancellationToken);
        return await FindAsync(control, tenant, cancellationToken);
    }

    /// <summary>
    /// Asks for the destruction, or does it when another actor asked less than 24 hours ago. There is no way back from the second.
    /// </summary>
    /// <exception cref="SecondActorNeeded">The same actor asked before.</exception>
    public async Task<Destruction> DestroyAsync(RequestContext context, CancellationToken cancellationToken)
    {
        await using var control = await _custody.LockAsync(context.Tenant, cancellationToken);
        var now = _time.GetUtcNow();
        var known = await FindAsync(control, context.Tenant, cancellationToken);
        if (known is { Receipt: not null })
        {
            return known;
        }

        if (known is null || known.ExpiresAt <= now)
        {
            await RequestAsync(control, context, now, cancellationToken);
        }
        else if (known.RequestedBy == Name(context.Actor))
        {
            throw new SecondActorNeeded();
        }
        else
        {
            await ConfirmAsync(control, context, known, now, cancellationToken);
        }

        return (await FindAsync(control, context.Tenant, cancellationToken))!;
    }

    /// <summary>Takes a request back. Harmless when there is none.</summary>
    public async Task CancelAsync(RequestContext context, CancellationToken cancellationToken)
    {
        await using var control = await _custody.LockAsync(context.Tenant, cancellationToken);
        await _custody.RecordAsync(context, "keys.destroy.cancel", ("actor", Name(context.Actor)), cancellationToken);
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await control.RunAsync(
            "delete from control.key_destruction where tenant_id = $1 and confirmed_at is null", cancellationToken, context.Tenant.Value);
        await _custody.LogAsync(control, context, "keys.destroy.cancel", ("actor", Name(context.Actor)), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Signs what a text says, with the date when the last backup is worthless put in by this.</summary>
    internal async Task<(Receipt Receipt, int KeyVersion)> SignAsync(Func<string, string> text, CancellationToken cancellationToken)
    {
        await using var control = await _custody.OpenAsync(cancellationToken);
        var (version, key) = await ReceiptKeyAsync(control, cancellationToken);
        using var signer = key;
        var signed = text(Text(await LastBackupAsync(control, _time.GetUtcNow(), cancellationToken)));
        var signatures = _signing.Sign(signer, Encoding.UTF8.GetBytes(signed));
        return (new(signed, signer.PublicKey.ToArray(), signatures.EcdsaP256, signatures.MLDsa65, signatures.WhyNoMLDsa65), version);
    }

    internal async Task<byte[]> PublicKeyAsync(int version, CancellationToken cancellationToken)
    {
        await using var control = await _custody.OpenAsync(cancellationToken);
        return await control.ScalarAsync<byte[]>(
            "select public_key from control.receipt_key where version = $1", cancellationToken, version) ?? [];
    }

    private static string Name(Actor actor) => $"{actor.Kind.ToString().ToLowerInvariant()} {actor.Id}";

    private async Task RequestAsync(
        NpgsqlConnection control, RequestContext context, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await _custody.RecordAsync(context, "keys.destroy.request", ("actor", Name(context.Actor)), cancellationToken);
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await control.RunAsync(
            "delete from control.key_destruction where tenant_id = $1 and confirmed_at is null", cancellationToken, context.Tenant.Value);
        await control.RunAsync(
            "insert into control.key_destruction (id, tenant_id, requested_by, requested_at, expires_at) values ($1, $2, $3, $4, $5)",
            cancellationToken, Guid.CreateVersion7(now), context.Tenant.Value, Name(context.Actor), now, now + Patience);
        await _custody.LogAsync(control, context, "keys.destroy.request", ("actor", Name(context.Actor)), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private async Task ConfirmAsync(
        NpgsqlConnection control,
        RequestContext context,
        Destruction known,
        DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        await _custody.RecordAsync(context, "keys.destroy", ("actor", Name(context.Actor)), cancellationToken);
        var (version, key) = await ReceiptKeyAsync(control, cancellationToken);
        using var signer = key;
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        var text = await TextAsync(control, context, known, now, cancellationToken);
        var signatures = _signing.Sign(signer, Encoding.UTF8.GetBytes(text));
        await control.RunAsync("delete from control.data_key where tenant_id = $1", cancellationToken, context.Tenant.Value);
        await control.RunAsync("delete from control.tenant_key where tenant_id = $1", cancellationToken, context.Tenant.Value);
        await SealedRegistration.DeleteAsync(control, context.Tenant, cancellationToken);
        await control.RunAsync("delete from control.key_import where tenant_id = $1", cancellationToken, context.Tenant.Value);
        await control.RunAsync(
            """
            update control.key_destruction set confirmed_by = $2, confirmed_at = $3, receipt = $4, receipt_key = $5, ecdsa_p256 = $6,
                ml_dsa_65 = nullif($7, ''::bytea), no_ml_dsa_65 = nullif($8, '')
            where id = $1
            """,
            cancellationToken,
            known.Id,
            Name(context.Actor),
            now,
            text,
            version,
            signatures.EcdsaP256,
            signatures.MLDsa65 ?? [],
            signatures.WhyNoMLDsa65 ?? "");
        await _custody.LogAsync(control, context, "keys.destroy", ("actor", Name(context.Actor)), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await _custody.RefreshAsync(cancellationToken);
    }

    /// <summary>What became unreadable, by which keys, and when the last backup that could still open them is worthless.</summary>
    private async Task<string> TextAsync(
        NpgsqlConnection control,
        RequestContext context,
        Destruction known,
        DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var keys = await control.ListAsync(
            """
            select purpose, version, coalesce(root::text, 'held by the tenant'), encode(commitment, 'hex') from control.tenant_key
            where tenant_id = $1
            union all
            select 'rows', epoch, 'tenant key ' || tenant_key_version, encode(commitment, 'hex') from control.data_key where tenant_id = $1
            order by 1, 2
            """,
            r => (Purpose: r.GetString(0), Number: r.GetInt32(1), WrappedBy: r.GetString(2), Commitment: r.GetString(3)),
            cancellationToken,
            context.Tenant.Value);
        var gone = await LastBackupAsync(control, now, cancellationToken);
        var json = new StringBuilder("{");
        json.AppendMember("app", context.App);
        json.AppendMember("confirmedBy", Name(context.Actor));
        json.AppendMember("destroyedAt", Text(now));
        json.AppendName("keys").Append('[');
        foreach (var key in keys)
        {
            json.Append(json[^1] == '[' ? "{" : ",{");
            json.AppendMember("commitment", key.Commitment).AppendMember("key", key.Purpose)
                .AppendMember("number", key.Number.ToString(CultureInfo.InvariantCulture)).AppendMember("wrappedBy", key.WrappedBy).Append('}');
        }

        json.Append(']');
        json.AppendMember("lastBackupExpires", Text(gone));
        json.AppendMember("requestedAt", Text(known.RequestedAt));
        json.AppendMember("requestedBy", known.RequestedBy);
        json.AppendMember("tenant", context.Tenant.ToString());
        json.AppendMember("type", "bulkhead/v1 destruction of a tenant's keys");
        json.AppendMember(
            "unreadable",
            "every sealed field (classes health, cardholder and secret, and what the app seals besides) of every record, every kept answer "
            + "of an idempotent request, and every blind index; fields in the clear are not covered and must be deleted");
        return json.Append('}').ToString();
    }

    /// <summary>
    /// Wrapped copies in backups hang on roots that are not destroyed yet. The one in use is retired when its epoch ends at the latest.
    /// </summary>
    private async Task<DateTimeOffset> LastBackupAsync(NpgsqlConnection control, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // A root in files may be in a backup of the key store that was made right before it is destroyed, and which ends as long after.
        var roots = await control.ListAsync(
            "select store = 'file', created_at, destroy_after from control.key_root where destroyed_at is null order by root",
            r => (IsFile: r.GetBoolean(0), Created: r.GetFieldValue<DateTimeOffset>(1),
                Destroy: r.IsDBNull(2) ? (DateTimeOffset?)null : r.GetFieldValue<DateTimeOffset>(2)),
            cancellationToken);
        return roots.Max(r => (r.Destroy ?? Later(r.Created + _options.RootEpoch, now) + _options.BackupRetention)
            + (r.IsFile ? _options.BackupRetention : TimeSpan.Zero));
    }

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    internal static string Text(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private async Task<(int Version, ReceiptKey Key)> ReceiptKeyAsync(NpgsqlConnection control, CancellationToken cancellationToken)
    {
        var known = await control.ListAsync(
            "select version, private_sealed from control.receipt_key order by version desc limit 1",
            r => (Version: r.GetInt32(0), Sealed: r.GetFieldValue<byte[]>(1)),
            cancellationToken);
        if (known.Count > 0)
        {
            var encoding = _sealing.Open(null, SealPurpose.ReceiptKey, known[0].Sealed, Number(known[0].Version));
            try
            {
                var key = ReceiptKey.Import(encoding);
                // A platform that has ML-DSA now gets a key that has it too.
                if (key.HasMLDsa || !PostQuantumSupport.HasMLDsa)
                {
                    return (known[0].Version, key);
                }

                key.Dispose();
            }
            finally
            {
                CryptographicOperations.ZeroMemory(encoding);
            }
        }

        var version = known.Count > 0 ? known[0].Version + 1 : 1;
        var fresh = ReceiptKey.Generate();
        await control.RunAsync(
            "insert into control.receipt_key (version, public_key, private_sealed) values ($1, $2, $3)",
            cancellationToken,
            version,
            fresh.PublicKey.ToArray(),
            _sealing.Seal(null, SealPurpose.ReceiptKey, fresh.Encoding, Number(version)));
        return (version, fresh);
    }

    private static byte[] Number(int version) => new KeyContext("receipt key").Add(version).Bytes.ToArray();

    private static async Task<Destruction?> FindAsync(NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken)
    {
        var found = await control.ListAsync(
            """
            select d.id, d.requested_by, d.requested_at, d.expires_at, d.confirmed_by, d.receipt, k.public_key, d.ecdsa_p256, d.ml_dsa_65,
                   d.no_ml_dsa_65
            from control.key_destruction d left join control.receipt_key k on k.version = d.receipt_key
            where d.tenant_id = $1 order by d.requested_at desc limit 1
            """,
            r => new Destruction(
                r.GetGuid(0),
                r.GetString(1),
                r.GetFieldValue<DateTimeOffset>(2),
                r.GetFieldValue<DateTimeOffset>(3),
                r.IsDBNull(4) ? null : r.GetString(4),
                r.IsDBNull(5)
                    ? null
                    : new(
                        r.GetString(5),
                        r.GetFieldValue<byte[]>(6),
                        r.GetFieldValue<byte[]>(7),
                        r.IsDBNull(8) ? null : r.GetFieldValue<byte[]>(8),
                        r.IsDBNull(9) ? null : r.GetString(9))),
            cancellationToken,
            tenant.Value);
        return found.Count > 0 ? found[0] : null;
    }
}
