using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>Makes a tenant's keys, under the deployer's credential.</summary>
internal sealed class TenantKeyMaking(RootStores stores, TimeProvider time)
{
    /// <summary>First versions of the tenant keys, and the first data key. Harmless when they are there.</summary>
    public async Task EnsureFirstAsync(NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken)
    {
        if (await control.ScalarAsync<bool>(
            "select exists (select 1 from control.tenant_key where tenant_id = $1)", cancellationToken, tenant.Value))
        {
            return;
        }

        var now = time.GetUtcNow();
        var holder = await KeyHolder.PlatformAsync(control, stores, cancellationToken);
        using var tenantKey = SecretKey.Random();
        using var indexKey = SecretKey.Random();
        using var subjectKey = SecretKey.Random();
        foreach (var (purpose, key) in new[]
        {
            (KeyPurpose.Data, tenantKey), (KeyPurpose.Index, indexKey), (KeyPurpose.Subject, subjectKey),
        })
        {
            var wrapped = await holder.WrapAsync(tenant, purpose, 1, key, cancellationToken);
            await PutTenantKeyAsync(control, tenant, purpose, 1, holder, wrapped, key, now, cancellationToken);
        }

        await AddDataKeyAsync(control, tenant, 1, tenantKey, 1, now, cancellationToken);
    }

    /// <param name="wrapped">The key, as the holder wrapped it.</param>
    public static Task PutTenantKeyAsync(
        NpgsqlConnection control,
        TenantId tenant,
        KeyPurpose purpose,
        int version,
        KeyHolder holder,
        byte[] wrapped,
        SecretKey key,
        DateTimeOffset activeAt,
        CancellationToken cancellationToken) =>
        control.RunAsync(
            $"""
            insert into control.tenant_key
                (tenant_id, purpose, version, {(holder.IsTenant ? "held_root" : "root")}, wrapped, commitment, active_at)
            values ($1, $2, $3, $4, $5, $6, $7)
            """,
            cancellationToken, tenant.Value, purpose.Word(), version, holder.Root, wrapped, key.Commitment(), activeAt);

    public static async Task AddDataKeyAsync(
        NpgsqlConnection control,
        TenantId tenant,
        int epoch,
        SecretKey tenantKey,
        int tenantKeyVersion,
        DateTimeOffset activeAt,
        CancellationToken cancellationToken)
    {
        using var key = SecretKey.Random();
        await control.RunAsync(
            """
            insert into control.data_key (tenant_id, epoch, tenant_key_version, wrapped, commitment, active_at)
            values ($1, $2, $3, $4, $5, $6)
            """,
            cancellationToken,
            tenant.Value,
            epoch,
            tenantKeyVersion,
            WrappedDataKey.Wrap(tenantKey, tenant, epoch, tenantKeyVersion, key),
            key.Commitment(),
            activeAt);
    }
}
