using Bulkhead.Kernel.Isolation;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>Reads the installation keys and hands them, unwrapped, to <see cref="Sealing"/>.</summary>
internal sealed class InstallationKeys(RootStores stores, Sealing sealing)
{
    public static ReadOnlyMemory<byte> Associated(int version) => new KeyContext("installation key").Add(version).Memory;

    /// <exception cref="KeyStoreFault">The key store is away, or is another installation's.</exception>
    public async Task LoadAsync(NpgsqlConnection control, CancellationToken cancellationToken)
    {
        var wrapped = await control.ListAsync(
            """
            select k.version, k.root, r.store, k.wrapped, k.commitment
            from control.installation_key k join control.key_root r on r.root = k.root order by k.version
            """,
            r => (Version: r.GetInt32(0), Root: r.GetInt32(1), Store: r.GetString(2), Key: r.GetFieldValue<byte[]>(3),
                Commitment: r.GetFieldValue<byte[]>(4)),
            cancellationToken);
        foreach (var key in wrapped.Where(key => !sealing.Knows(key.Version)))
        {
            var opened = await stores.Of(key.Store).UnwrapAsync(key.Root, key.Key, Associated(key.Version), cancellationToken);
            sealing.Use(key.Version, CommittedKey.Check(opened, key.Commitment));
        }
    }
}
