using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// Makes roots and destroys them, under the deployer's credential. What the catalogue names is in the store before; what the store
/// destroys, the catalogue no longer needs. Every step may be the last before a crash: the next call goes on.
/// </summary>
internal sealed class RootLife(RootStores stores, KernelOptions options, TimeProvider time)
{
    /// <summary>The first root and the first installation key; or the proof that the store is this installation's.</summary>
    /// <exception cref="KeyStoreFault">The store is away, or another installation's.</exception>
    public async Task EnsureAsync(NpgsqlConnection control, CancellationToken cancellationToken)
    {
        if (!await control.ScalarAsync<bool>("select exists (select 1 from control.key_root)", cancellationToken))
        {
            await AddAsync(control, 1, cancellationToken);
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

    /// <summary>
    /// A new root in the store that is configured now, and every key that hung on an older one wrapped anew. Nothing is paused: the
    /// wrapped keys change, the keys do not. When a rotation into the same store was interrupted, that one is finished and no other begun.
    /// </summary>
    /// <returns>The root in use.</returns>
    public async Task<int> RotateAsync(
        NpgsqlConnection control, Actor actor, string requestId, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var (current, kind) = await CurrentAsync(control, cancellationToken);
        var isUnfinished = await control.ScalarAsync<bool>(
            "select exists (select 1 from control.key_root where retired_at is null and root < $1)", cancellationToken, current);
        // One that was begun before another store, or a passphrase, was configured would end where nothing shall hang any more.
        if (!isUnfinished || !await stores.IsAsConfiguredAsync(kind, current, cancellationToken))
        {
            current = 1 + await control.ScalarAsync<int>("select max(root) from control.key_root", cancellationToken);
            await AddAsync(control, current, cancellationToken);
        }

        await RewrapAsync(control, current, progress, cancellationToken);
        var now = time.GetUtcNow();
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await control.RunAsync(
            """
            update control.key_root set retired_at = $2, destroy_after = $3 where root < $1 and retired_at is null
              and not exists (select 1 from control.tenant_key k where k.root = key_root.root)
              and not exists (select 1 from control.installation_key k where k.root = key_root.root)
            """,
            cancellationToken, current, now, now + options.BackupRetention);
        await RecordAsync(control, actor, requestId, "keys.rotate", current, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return current;
    }

    /// <summary>Destroys roots whose time has come: no backup that is still kept needs them, and what was erased is erased there too.</summary>
    /// <returns>How many were destroyed.</returns>
    public async Task<int> DestroyDueAsync(NpgsqlConnection control, Actor actor, string requestId, CancellationToken cancellationToken)
    {
        var due = await control.ListAsync(
            "select root, store from control.key_root where destroy_after <= $1 and destroyed_at is null order by root",
            r => (Root: r.GetInt32(0), Store: r.GetString(1)),
            cancellationToken,
            time.GetUtcNow());
        due.AddRange(await BackAsync(control, cancellationToken));
        foreach (var (root, store) in due)
        {
            await stores.Of(store).DestroyAsync(root, cancellationToken);
            await using var transaction = await control.BeginTransactionAsync(cancellationToken);
            await control.RunAsync(
                "update control.key_root set destroyed_at = $2 where root = $1", cancellationToken, root, time.GetUtcNow());
            await RecordAsync(control, actor, requestId, "keys.root.destroy", root, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        return due.Count;
    }

    /// <summary>Destroyed roots that are there again: a backup of the files was taken back that was made before.</summary>
    private async Task<IEnumerable<(int Root, string Store)>> BackAsync(NpgsqlConnection control, CancellationToken cancellationToken)
    {
        if (stores.Files is not { } files)
        {
            return [];
        }

        var destroyed = await control.ListAsync(
            "select root from control.key_root where destroyed_at is not null and store = $1",
            r => r.GetInt32(0),
            cancellationToken,
            files.Kind);
        return (await files.ListAsync(cancellationToken)).Intersect(destroyed).Select(root => (root, files.Kind));
    }

    private async Task AddAsync(NpgsqlConnection control, int root, CancellationToken cancellationToken)
    {
        await stores.Current.CreateAsync(root, cancellationToken);
        await control.RunAsync(
            "insert into control.key_root (root, store, created_at) values ($1, $2, $3) on conflict do nothing",
            cancellationToken, root, stores.Current.Kind, time.GetUtcNow());
    }

    private async Task RewrapAsync(
        NpgsqlConnection control, int current, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        const int batch = 200;
        var store = stores.Of((await CurrentAsync(control, cancellationToken)).Store);
        var installation = await control.ListAsync(
            """
            select k.version, k.root, r.store, k.wrapped from control.installation_key k join control.key_root r on r.root = k.root
            where k.root <> $1 order by k.version
            """,
            r => (Version: r.GetInt32(0), Root: r.GetInt32(1), Store: r.GetString(2), Wrapped: r.GetFieldValue<byte[]>(3)),
            cancellationToken,
            current);
        foreach (var key in installation)
        {
            var bound = InstallationKeys.Associated(key.Version);
            using var opened = await stores.Of(key.Store).UnwrapAsync(key.Root, key.Wrapped, bound, cancellationToken);
            await control.RunAsync(
                "update control.installation_key set root = $2, wrapped = $3 where version = $1",
                cancellationToken, key.Version, current, await store.WrapAsync(current, opened, bound, cancellationToken));
        }

        var total = await control.ScalarAsync<long>(
            "select count(*) from control.tenant_key where root <> $1", cancellationToken, current);
        for (var done = 0L; ;)
        {
            var keys = await control.ListAsync(
                """
                select k.tenant_id, k.purpose, k.version, k.root, r.store, k.wrapped
                from control.tenant_key k join control.key_root r on r.root = k.root
                where k.root <> $1 order by k.tenant_id, k.purpose, k.version limit $2
                """,
                r => (Tenant: new TenantId(r.GetGuid(0)), Purpose: KeyPurposes.Parse(r.GetString(1)), Version: r.GetInt32(2),
                    Root: r.GetInt32(3), Store: r.GetString(4), Wrapped: r.GetFieldValue<byte[]>(5)),
                cancellationToken,
                current,
                batch);
            if (keys.Count == 0)
            {
                return;
            }

            await using var transaction = await control.BeginTransactionAsync(cancellationToken);
            foreach (var key in keys)
            {
                var bound = WrappedTenantKey.Associated(key.Tenant, key.Purpose, key.Version);
                using var opened = await stores.Of(key.Store).UnwrapAsync(key.Root, key.Wrapped, bound, cancellationToken);
                await control.RunAsync(
                    // One that its tenant took into its own hands meanwhile has no root of ours any more, and gets none.
                    """
                    update control.tenant_key set root = $4, wrapped = $5
                    where tenant_id = $1 and purpose = $2 and version = $3 and root = $6
                    """,
                    cancellationToken,
                    key.Tenant.Value,
                    key.Purpose.Word(),
                    key.Version,
                    current,
                    await store.WrapAsync(current, opened, bound, cancellationToken),
                    key.Root);
            }

            await transaction.CommitAsync(cancellationToken);
            done += keys.Count;
            progress?.Report($"Wrapped {done} of {total} tenant keys under root {current}");
        }
    }

    private Task RecordAsync(
        NpgsqlConnection control, Actor actor, string requestId, string action, int root, CancellationToken cancellationToken) =>
        InstallationLog.AppendAsync(
            control,
            actor,
            requestId,
            new AuditEvent(action)
            {
                Details = AuditDetails.Of(("root", root.ToString(System.Globalization.CultureInfo.InvariantCulture))),
            },
            time.GetUtcNow(),
            cancellationToken);

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
                $"The key store ({(options.Hsm is { } hsm ? $"token {hsm.TokenLabel}, " : "")}folder {options.KeyDirectory}) is not this "
                + "installation's, or has lost a root: nothing sealed would open. "
                + "Next step: restore the right roots (./bulkhead keys recover), or start over with ./bulkhead reset",
                fault);
        }
    }
}
