using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>Who wraps a tenant's keys: a root of ours, or one of the tenant's own service.</summary>
internal sealed record KeyHolder(IKeyStore Store, int Root, bool IsTenant)
{
    public static async Task<KeyHolder> PlatformAsync(NpgsqlConnection control, RootStores stores, CancellationToken cancellationToken)
    {
        var (root, store) = await RootLife.CurrentAsync(control, cancellationToken);
        return new(stores.Of(store), root, IsTenant: false);
    }

    /// <exception cref="KeyStoreFault">The store is away; or the tenant's service does not open what was sealed to it.</exception>
    public async Task<byte[]> WrapAsync(
        TenantId tenant, KeyPurpose purpose, int version, SecretKey key, CancellationToken cancellationToken)
    {
        var associated = WrappedTenantKey.Associated(tenant, purpose, version);
        var wrapped = await Store.WrapAsync(Root, key, associated, cancellationToken);
        if (IsTenant)
        {
            // Sealing asks nobody. That the service opens what nobody else will is seen before anything depends on it.
            CommittedKey.Check(await Store.UnwrapAsync(Root, wrapped, associated, cancellationToken), key.Commitment()).Dispose();
        }

        return wrapped;
    }
}
