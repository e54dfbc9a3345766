using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys.OwnKeyService;

/// <summary>
/// A registration as the catalogue holds it. The client's private key is sealed and bound to all the rest: whoever writes into the
/// catalogue cannot slip in a public key of his own, under which we would then wrap, without the registration failing to open.
/// </summary>
internal sealed record SealedRegistration(
    string Url, string ServerCa, string ClientCertificate, byte[] ClientKeySealed, DateTimeOffset CreatedAt, ImmutableArray<HeldKey> Keys)
{
    /// <summary>The root of the service that new keys are wrapped under.</summary>
    public int Root => Keys.Max(k => k.Root);

    public static SealedRegistration Seal(Sealing sealing, TenantHeldKeyRegistration registration, DateTimeOffset now)
    {
        var secret = new byte[Encoding.UTF8.GetByteCount(registration.ClientKey.Span)];
        try
        {
            Encoding.UTF8.GetBytes(registration.ClientKey.Span, secret);
            var open = new SealedRegistration(
                registration.Url,
                registration.ServerCa,
                registration.ClientCertificate,
                [],
                // As the catalogue keeps it.
                now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)),
                [.. registration.Keys.OrderBy(k => k.Root)]);
            return open with
            {
                ClientKeySealed = sealing.Seal(registration.Tenant, SealPurpose.HeldClientKey, secret, open.Bound()),
            };
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    /// <exception cref="KeyStoreFault">It is not what was registered.</exception>
    public TenantHeldKeys Open(Sealing sealing, TenantId tenant, TenantHeldKeyOptions options, TimeProvider time)
    {
        if (!sealing.TryOpen(tenant, SealPurpose.HeldClientKey, ClientKeySealed, Bound(), out var secret))
        {
            throw new KeyStoreFault(
                KeyStoreFaultKind.NotGenuine,
                "The registration of the tenant's key service was changed in the catalogue. Next step: the tenant registers it again.");
        }

        var key = GC.AllocateUninitializedArray<char>(Encoding.UTF8.GetCharCount(secret), pinned: true);
        try
        {
            Encoding.UTF8.GetChars(secret, key);
            return new TenantHeldKeys(
                new TenantHeldKeyRegistration
                {
                    Tenant = tenant,
                    Url = Url,
                    ServerCa = ServerCa,
                    Keys = Keys,
                    ClientCertificate = ClientCertificate,
                    ClientKey = key,
                },
                options,
                time);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            Array.Clear(key);
        }
    }

    public bool IsSame(SealedRegistration? other) =>
        other is not null
        && Url == other.Url
        && ServerCa == other.ServerCa
        && ClientCertificate == other.ClientCertificate
        && ClientKeySealed.AsSpan().SequenceEqual(other.ClientKeySealed)
        && Keys.SequenceEqual(other.Keys);

    /// <summary>Null where the tenant's keys are with us.</summary>
    public static async Task<SealedRegistration?> ReadAsync(
        NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken)
    {
        var keys = await control.ListAsync(
            "select root, public_key from control.held_key_root where tenant_id = $1 order by root",
            r => new HeldKey(r.GetInt32(0), r.GetString(1)), cancellationToken, tenant.Value);
        var found = await control.ListAsync(
            """
            select url, server_ca, client_certificate, client_key_sealed, created_at from control.held_key_service where tenant_id = $1
            """,
            r => new SealedRegistration(
                r.GetString(0),
                r.GetString(1),
                r.GetString(2),
                r.GetFieldValue<byte[]>(3),
                r.GetFieldValue<DateTimeOffset>(4),
                [.. keys]),
            cancellationToken,
            tenant.Value);
        return found.Count > 0 ? found[0] : null;
    }

    /// <summary>
    /// Inside the caller's transaction, in place of an older one. Roots that are no more are dropped by <see cref="PruneAsync"/>.
    /// </summary>
    public async Task PutAsync(NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken)
    {
        await control.RunAsync(
            """
            insert into control.held_key_service (tenant_id, url, server_ca, client_certificate, client_key_sealed, created_at)
            values ($1, $2, $3, $4, $5, $6)
            on conflict (tenant_id) do update set url = excluded.url, server_ca = excluded.server_ca,
                client_certificate = excluded.client_certificate, client_key_sealed = excluded.client_key_sealed,
                created_at = excluded.created_at
            """,
            cancellationToken, tenant.Value, Url, ServerCa, ClientCertificate, ClientKeySealed, CreatedAt);
        foreach (var key in Keys)
        {
            await control.RunAsync(
                """
                insert into control.held_key_root (tenant_id, root, public_key) values ($1, $2, $3)
                on conflict (tenant_id, root) do update set public_key = excluded.public_key
                """,
                cancellationToken, tenant.Value, key.Root, key.PublicKey);
        }
    }

    /// <summary>Inside the caller's transaction, once no key hangs on them any more.</summary>
    public Task PruneAsync(NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken) => control.RunAsync(
        "delete from control.held_key_root where tenant_id = $1 and root <> all ($2)",
        cancellationToken, tenant.Value, Keys.Select(k => k.Root).ToArray());

    /// <summary>Inside the caller's transaction, once no key hangs on it any more. Harmless when there is none.</summary>
    public static async Task DeleteAsync(NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken)
    {
        await control.RunAsync("delete from control.held_key_root where tenant_id = $1", cancellationToken, tenant.Value);
        await control.RunAsync("delete from control.held_key_service where tenant_id = $1", cancellationToken, tenant.Value);
    }

    private byte[] Bound()
    {
        var bound = new KeyContext("key service").Add(Url).Add(ServerCa).Add(ClientCertificate).Add(Keys.Length);
        foreach (var key in Keys)
        {
            bound.Add(key.Root).Add(key.PublicKey);
        }

        return bound.Bytes.ToArray();
    }
}
