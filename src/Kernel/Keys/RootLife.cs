using Bulkhead.Kernel.Isolation;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>Makes roots, under the deployer's credential. What is in the catalogue is in the store before.</summary>
internal sealed class RootLife(RootStores stores, KernelOptions options, TimeProvider time)
{
    /// <summary>The first root and the first installation key; or the proof that the store is this installation's.</summary>
    /// <exception cref="KeyStoreFault">The store is away, or another installation's.</exception>
    public async Task EnsureAsync(NpgsqlConnection control, CancellationToken cancellationToken)
    {
        if (!await control.ScalarAsync<bool>("select exists (select 1 from control.key_root)", cancellationToken))
        {
            await stores.Current.CreateAsync(1, cancellationToken);
            await control.RunAsync(
                "insert into control.key_root (root, store, created_at) values (1, $1, $2) on conflict do nothing",
                cancellationToken, stores.Current.Kind, time.GetUtcNow());
        }

        if (!await control.ScalarAsync<bool>("select exists (select 1 from control.installation_key)", cancellationToken))
        {
            using var key = SecretKey.Random();
            var (root, store) = await CurrentAsync(control, cancellationToken);
            await control.RunAsync(
                """
                insert into control.installation_key (version, root, wrapped, commitment) values (1, $1, $2, $3) on conflict do nothing
                """,
                cancellationToken,
                root,
                await stores.Of(store).WrapAsync(root, key, InstallationKeys.Associated(1), cancellationToken),
                key.Commitment());
        }

        await CheckAsync(control, cancellationToken);
    }

    /// <summary>The root that new keys are wrapped under.</summary>
    public static async Task<(int Root, string Store)> CurrentAsync(NpgsqlConnection control, CancellationToken cancellationToken)
    {
        var roots = await control.ListAsync(
            "select root, store from control.key_root where retired_at is null order by root desc limit 1",
            r => (r.GetInt32(0), r.GetString(1)),
            cancellationToken);
        return roots.Count > 0 ? roots[0] : throw new InvalidOperationException("The catalogue names no root that is in use.");
    }

    private async Task CheckAsync(NpgsqlConnection control, CancellationToken cancellationToken)
    {
        try
        {
            await new InstallationKeys(stores, new Sealing()).LoadAsync(control, cancellationToken);
        }
        catch (KeyStoreFault fault) when (fault.Kind is KeyStoreFaultKind.NoSuchRoot or KeyStoreFaultKind.NotGenuine)
        {
            throw new KeyStoreFault(
                fault.Kind,
                $"The key store (folder {options.KeyDirectory}) is not this installation's: nothing sealed would open. "
                + "Next step: restore the right roots, or `bulkhead reset`.",
                fault);
        }
    }
}
