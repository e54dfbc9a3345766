using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>Makes a tenant's keys, under the deployer's credential.</summary>
internal sealed class TenantKeyMaking(RootStores stores, TimeProvider time)
{
    /// <summary>First versions of both tenant keys, and the first data key. Harmless when they are there.</summary>
    public async Task EnsureFirstAsync(NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken)
    {
        if (await control.ScalarAsync<bool>(
            "select exists (select 1 from control.tenant_key where tenant_id = $1)", cancellationToken, tenant.Value))
        {
            return;
        }

        var now = time.GetUtcNow();
        using var tenantKey = await AddTenantKeyAsync(control, tenant, KeyPurpose.Data, 1, now, cancellationToken);
        using var indexKey = await AddTenantKeyAsync(control, tenant, KeyPurpose.Index, 1, now, cancellationToken);
        await AddDataKeyAsync(control, tenant, 1, tenantKey, 1, now, cancellationToken);
    }

    /// <summary>A fresh tenant key, wrapped under the root in use.</summary>
    public async Task<SecretKey> AddTenantKeyAsync(
        NpgsqlConnection control,
        TenantId tenant,
        KeyPurpose purpose,
        int version,
        DateTimeOffset activeAt,
        CancellationToken cancellationToken)
    {
        var key = SecretKey.Random();
        await PutTenantKeyAsync(control, tenant, purpose, version, key, activeAt, cancellationToken);
        return key;
    }

    public async Task PutTenantKeyAsync(
        NpgsqlConnection control,
        TenantId tenant,
        KeyPurpose purpose,
        int version,
        SecretKey key,
        DateTimeOffset activeAt,
        CancellationToken cancellationToken)
    {
        var (root, store) = await RootLife.CurrentAsync(control, cancellationToken);
        var wrapped = await stores.Of(store).WrapAsync(
            root, key, WrappedTenantKey.Associated(tenant, purpose, version), cancellationToken);
        await control.RunAsync(
            """
            insert into control.tenant_key (tenant_id, purpose, version, root, wrapped, commitment, active_at)
            values ($1, $2, $3, $4, $5, $6, $7)
            """,
            cancellationToken, tenant.Value, purpose.Word(), version, root, wrapped, key.Commitment(), activeAt);
    }

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
