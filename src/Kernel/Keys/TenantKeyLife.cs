using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// Rotates a tenant's keys, on the deployer's connection to the control database. New versions are wrapped by whoever holds the
/// tenant's keys: we, or the tenant. The caller holds the tenant's lock.
/// </summary>
internal sealed class TenantKeyLife(RootStores stores, HeldKeyStores held, KernelOptions options, TimeProvider time)
{
    internal const int MostDataKeys = 64;

    /// <summary>
    /// A new tenant key; every data key is wrapped under it and the old one deleted, in one transaction. Rows stay as they are.
    /// </summary>
    /// <param name="given">The key to take, such as an imported one; null makes one.</param>
    /// <exception cref="TenantFault">The tenant's keys do not open.</exception>
    public async Task<int> RotateTenantKeyAsync(
        NpgsqlConnection control, TenantId tenant, SecretKey? given, CancellationToken cancellationToken)
    {
        try
        {
            var (holder, keys) = await OpenAsync(control, tenant, KeyPurpose.Data, cancellationToken);
            using var opened = keys;
            using var move = await TenantKeyMove.PrepareAsync(tenant, keys, holder, given, cancellationToken);
            await using var transaction = await control.BeginTransactionAsync(cancellationToken);
            await move.WriteAsync(control, time.GetUtcNow(), cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return move.DataVersion;
        }
        catch (KeyStoreFault fault)
        {
            throw fault.AsTenantFault();
        }
    }

    /// <summary>A new data key, used from when every process knows it. Older ones open until their rows were sealed anew.</summary>
    /// <exception cref="TenantFault">The tenant's keys do not open.</exception>
    /// <exception cref="DeploymentRefused">Too many older ones are not forgotten yet.</exception>
    public async Task<int> RotateDataKeyAsync(NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken)
    {
        // Each is read by every process and held by every one that opens the tenant.
        if (await control.ScalarAsync<long>("select count(*) from control.data_key where tenant_id = $1", cancellationToken, tenant.Value)
            >= MostDataKeys)
        {
            throw new DeploymentRefused(
                $"There are {MostDataKeys} data keys that rows are still under: wait until older ones are forgotten (keys list shows how far it is).");
        }

        try
        {
            var (_, keys) = await OpenAsync(control, tenant, KeyPurpose.Data, cancellationToken);
            using var opened = keys;
            var epoch = 1 + await control.ScalarAsync<int>(
                "select max(epoch) from control.data_key where tenant_id = $1", cancellationToken, tenant.Value);
            await TenantKeyMaking.AddDataKeyAsync(
                control,
                tenant,
                epoch,
                keys.Data.Key,
                keys.Data.Of.Version,
                time.GetUtcNow() + options.KeyAnnouncement,
                cancellationToken);
            return epoch;
        }
        catch (KeyStoreFault fault)
        {
            throw fault.AsTenantFault();
        }
    }

    /// <summary>
    /// A new index key: until every row is indexed anew under it, values are looked for under both. Or a new subject key: until every
    /// person's key is wrapped anew, both open them.
    /// </summary>
    /// <exception cref="DeploymentRefused">The last rotation of it is not finished yet: there are two.</exception>
    /// <exception cref="TenantFault">The tenant's own service does not open what is wrapped for it.</exception>
    public async Task<int> RotateBesideAsync(
        NpgsqlConnection control, TenantId tenant, KeyPurpose purpose, CancellationToken cancellationToken)
    {
        var versions = await control.ListAsync(
            "select version from control.tenant_key where tenant_id = $1 and purpose = $2 order by version",
            r => r.GetInt32(0), cancellationToken, tenant.Value, purpose.Word());
        if (versions.Count > 1)
        {
            throw new DeploymentRefused($"The last rotation of the {purpose.Word()} key is still being written to the rows: wait for it.");
        }

        if (versions.Count == 0)
        {
            throw new TenantFault(TenantFaultKind.KeysDestroyed);
        }

        try
        {
            var version = versions[^1] + 1;
            var holder = await HolderAsync(
                control, tenant, await SealedRegistration.ReadAsync(control, tenant, cancellationToken), cancellationToken);
            using var key = SecretKey.Random();
            await TenantKeyMaking.PutTenantKeyAsync(
                control,
                tenant,
                purpose,
                version,
                holder,
                await holder.WrapAsync(tenant, purpose, version, key, cancellationToken),
                key,
                time.GetUtcNow() + options.KeyAnnouncement,
                cancellationToken);
            return version;
        }
        catch (KeyStoreFault fault)
        {
            throw fault.AsTenantFault();
        }
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

    private async Task<(KeyHolder Holder, OpenTenantKeys Keys)> OpenAsync(
        NpgsqlConnection control, TenantId tenant, KeyPurpose only, CancellationToken cancellationToken)
    {
        var registration = await SealedRegistration.ReadAsync(control, tenant, cancellationToken);
        var keys = await OpenTenantKeys.ReadAsync(
            control,
            tenant,
            new TenantKeyUnwrapping(stores, held),
            registration is null ? null : held.Of(tenant, registration),
            only,
            cancellationToken);
        try
        {
            return (await HolderAsync(control, tenant, registration, cancellationToken), keys);
        }
        catch
        {
            keys.Dispose();
            throw;
        }
    }

    private async Task<KeyHolder> HolderAsync(
        NpgsqlConnection control, TenantId tenant, SealedRegistration? registration, CancellationToken cancellationToken) =>
        registration is null
            ? await KeyHolder.PlatformAsync(control, stores, cancellationToken)
            : new(held.Of(tenant, registration), registration.Root, IsTenant: true);
}
