using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// Rotates a tenant's keys, on the deployer's connection to the control database. The caller holds the tenant's lock.
/// </summary>
internal sealed class TenantKeyLife(RootStores stores, KernelOptions options, TimeProvider time)
{
    private readonly TenantKeyMaking _making = new(stores, time);

    /// <summary>
    /// A new tenant key; every data key is wrapped under it and the old one deleted, in one transaction. Rows stay as they are.
    /// </summary>
    /// <param name="given">The key to take, such as an imported one; null makes one.</param>
    public async Task<int> RotateTenantKeyAsync(
        NpgsqlConnection control, TenantId tenant, SecretKey? given, CancellationToken cancellationToken)
    {
        var (version, old) = await OpenAsync(control, tenant, cancellationToken);
        using var disposed = old;
        using var fresh = given is null ? SecretKey.Random() : SecretKey.CopyOf(given.Bytes);
        var epochs = await EpochsAsync(control, tenant, cancellationToken);
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await _making.PutTenantKeyAsync(
            control, tenant, KeyPurpose.Data, version + 1, fresh, time.GetUtcNow(), cancellationToken);
        foreach (var epoch in epochs)
        {
            using var key = epoch.Unwrap(old, tenant);
            await control.RunAsync(
                "update control.data_key set tenant_key_version = $3, wrapped = $4 where tenant_id = $1 and epoch = $2",
                cancellationToken,
                tenant.Value,
                epoch.Epoch,
                version + 1,
                WrappedDataKey.Wrap(fresh, tenant, epoch.Epoch, version + 1, key));
        }

        await control.RunAsync(
            "delete from control.tenant_key where tenant_id = $1 and purpose = 'data' and version <= $2",
            cancellationToken, tenant.Value, version);
        await transaction.CommitAsync(cancellationToken);
        return version + 1;
    }

    /// <summary>A new data key, used from when every process knows it. Older ones open until their rows were sealed anew.</summary>
    public async Task<int> RotateDataKeyAsync(NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken)
    {
        var (version, tenantKey) = await OpenAsync(control, tenant, cancellationToken);
        using var disposed = tenantKey;
        var epoch = 1 + await control.ScalarAsync<int>(
            "select max(epoch) from control.data_key where tenant_id = $1", cancellationToken, tenant.Value);
        await TenantKeyMaking.AddDataKeyAsync(
            control, tenant, epoch, tenantKey, version, time.GetUtcNow() + options.KeyAnnouncement, cancellationToken);
        return epoch;
    }

    /// <summary>A new index key. Until every row is indexed anew under it, values are looked for under both.</summary>
    /// <exception cref="DeploymentRefused">The last rotation of it is not finished yet: there are two.</exception>
    public async Task<int> RotateIndexKeyAsync(NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken)
    {
        var versions = await control.ListAsync(
            "select version from control.tenant_key where tenant_id = $1 and purpose = 'index' order by version",
            r => r.GetInt32(0), cancellationToken, tenant.Value);
        if (versions.Count > 1)
        {
            throw new DeploymentRefused("The last rotation of the index key is still being written to the rows: wait for it.");
        }

        var version = versions[^1] + 1;
        using var key = await _making.AddTenantKeyAsync(
            control, tenant, KeyPurpose.Index, version, time.GetUtcNow() + options.KeyAnnouncement, cancellationToken);
        return version;
    }

    /// <summary>Deletes data keys and index keys that nothing is sealed or indexed under any more.</summary>
    /// <param name="epoch">The epoch that every row was seen to be sealed under, or a newer one.</param>
    public static async Task<int> RetireAsync(
        NpgsqlConnection control, TenantId tenant, int epoch, int indexVersion, CancellationToken cancellationToken)
    {
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        var retired = await control.RunAsync(
            "delete from control.data_key where tenant_id = $1 and epoch < $2", cancellationToken, tenant.Value, epoch);
        retired += await control.RunAsync(
            "delete from control.tenant_key where tenant_id = $1 and purpose = 'index' and version < $2",
            cancellationToken, tenant.Value, indexVersion);
        await transaction.CommitAsync(cancellationToken);
        return retired;
    }

    private async Task<(int Version, SecretKey Key)> OpenAsync(
        NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken)
    {
        var keys = await control.ListAsync(
            """
            select k.version, k.root, r.store, k.wrapped, k.commitment, k.active_at
            from control.tenant_key k left join control.key_root r on r.root = k.root
            where k.tenant_id = $1 and k.purpose = 'data' order by k.version desc limit 1
            """,
            r => new WrappedTenantKey(
                KeyPurpose.Data,
                r.GetInt32(0),
                r.IsDBNull(1) ? null : r.GetInt32(1),
                r.IsDBNull(2) ? null : r.GetString(2),
                r.GetFieldValue<byte[]>(3),
                r.GetFieldValue<byte[]>(4),
                r.GetFieldValue<DateTimeOffset>(5)),
            cancellationToken,
            tenant.Value);
        return keys.Count > 0
            ? (keys[0].Version, await new TenantKeyUnwrapping(stores).UnwrapAsync(tenant, keys[0], cancellationToken))
            : throw new TenantFault(TenantFaultKind.KeysDestroyed);
    }

    private static Task<List<WrappedDataKey>> EpochsAsync(
        NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken) => control.ListAsync(
            "select epoch, tenant_key_version, wrapped, commitment, active_at from control.data_key where tenant_id = $1 order by epoch",
            r => new WrappedDataKey(
                r.GetInt32(0), r.GetInt32(1), r.GetFieldValue<byte[]>(2), r.GetFieldValue<byte[]>(3), r.GetFieldValue<DateTimeOffset>(4)),
            cancellationToken,
            tenant.Value);
}
