using System.Collections.Immutable;
using System.Globalization;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// The life of keys: rotation, withdrawal, proof. Under the deployer's credential; every act has its entry in the installation's log,
/// and what concerns a tenant has one in the tenant's own log before it happens.
/// </summary>
public sealed class KeyCustody
{
    private readonly KernelOptions _options;
    private readonly DeployerConnections _deployer;
    private readonly TenantLocks _locks;
    private readonly RootStores _stores;
    private readonly HeldKeyStores _held;
    private readonly Catalogue _catalogue;
    private readonly TenantDatabase _database;
    private readonly KeyRing _ring;
    private readonly TimeProvider _time;

    internal KeyCustody(
        KernelOptions options,
        RootStores stores,
        HeldKeyStores held,
        Catalogue catalogue,
        TenantDatabase database,
        KeyRing ring,
        TimeProvider time)
    {
        _options = options;
        _deployer = new(options);
        _locks = new(OpenAsync);
        _stores = stores;
        _held = held;
        _catalogue = catalogue;
        _database = database;
        _ring = ring;
        _time = time;
    }

    /// <summary>False on a process that was given no deployer's credential.</summary>
    public bool IsAvailable => _deployer.IsAvailable;

    /// <summary>Kind of the store that new roots are made in.</summary>
    public string Store => _stores.Current.Kind;

    /// <summary>Its caller holds the tenant's lock.</summary>
    internal TenantKeyLife Life => new(_stores, _held, _options, _time);

    public async Task<ImmutableArray<RootState>> RootsAsync(CancellationToken cancellationToken)
    {
        await using var control = await OpenAsync(cancellationToken);
        return
        [
            .. await control.ListAsync(
                "select root, store, created_at, retired_at, destroy_after, destroyed_at from control.key_root order by root",
                r => new RootState(
                    r.GetInt32(0), r.GetString(1), r.GetFieldValue<DateTimeOffset>(2), Instant(r, 3), Instant(r, 4), Instant(r, 5)),
                cancellationToken),
        ];
    }

    /// <summary>Roots in use that new ones would not be kept like: another store or a passphrase is configured since they were made.</summary>
    public async Task<ImmutableArray<RootState>> RootsToMoveAsync(CancellationToken cancellationToken)
    {
        var found = ImmutableArray.CreateBuilder<RootState>();
        foreach (var root in await RootsAsync(cancellationToken))
        {
            if (root.RetiredAt is null && !await _stores.IsAsConfiguredAsync(root.Store, root.Root, cancellationToken))
            {
                found.Add(root);
            }
        }

        return found.ToImmutable();
    }

    public async Task<ImmutableArray<KeyState>> KeysAsync(TenantId tenant, CancellationToken cancellationToken)
    {
        await using var control = await OpenAsync(cancellationToken);
        return
        [
            .. await control.ListAsync(
                """
                select k.purpose, k.version, coalesce(r.store, 'service'), coalesce(k.root, k.held_root), k.created_at, k.active_at
                from control.tenant_key k left join control.key_root r on r.root = k.root where k.tenant_id = $1
                union all
                select 'rows', epoch, 'data', null, created_at, active_at from control.data_key where tenant_id = $1
                order by 1, 2
                """,
                r => new KeyState(
                    r.GetString(0),
                    r.GetInt32(1),
                    r.GetString(2),
                    r.IsDBNull(3) ? null : r.GetInt32(3),
                    r.GetFieldValue<DateTimeOffset>(4),
                    r.GetFieldValue<DateTimeOffset>(5)),
                cancellationToken,
                tenant.Value),
        ];
    }

    /// <summary>How far the rows of the tenant's entities are on their way under its newest keys.</summary>
    public async Task<ImmutableArray<RewriteState>> RewritingAsync(TenantId tenant, CancellationToken cancellationToken)
    {
        await using var control = await OpenAsync(cancellationToken);
        return
        [
            .. await control.ListAsync(
                """
                select entity, position, seen, rewritten, begun_at, finished_at from control.key_rewrite k
                where tenant_id = $1
                  and epoch = (select max(d.epoch) from control.data_key d where d.tenant_id = $1)
                  and index_version = (select max(t.version) from control.tenant_key t where t.tenant_id = $1 and t.purpose = 'index')
                order by entity
                """,
                r => new RewriteState(
                    r.GetString(0),
                    r.IsDBNull(1) ? null : r.GetGuid(1),
                    r.GetInt64(2),
                    r.GetInt64(3),
                    r.GetFieldValue<DateTimeOffset>(4),
                    Instant(r, 5)),
                cancellationToken,
                tenant.Value),
        ];
    }

    /// <summary>Makes a new root and wraps every key under it; finishes an interrupted rotation instead of beginning another.</summary>
    public async Task<int> RotateRootAsync(
        Actor actor, string requestId, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        await using var control = await OpenAsync(cancellationToken);
        await control.RunAsync("select pg_advisory_lock(hashtextextended('bulkhead roots', 2))", cancellationToken);
        var root = await new RootLife(_stores, _options, _time).RotateAsync(control, actor, requestId, progress, cancellationToken);
        await _catalogue.RefreshAsync(cancellationToken);
        return root;
    }

    /// <returns>How many roots were destroyed.</returns>
    public async Task<int> DestroyDueRootsAsync(Actor actor, string requestId, CancellationToken cancellationToken)
    {
        await using var control = await OpenAsync(cancellationToken);
        await control.RunAsync("select pg_advisory_lock(hashtextextended('bulkhead roots', 2))", cancellationToken);
        return await new RootLife(_stores, _options, _time).DestroyDueAsync(control, actor, requestId, cancellationToken);
    }

    /// <returns>The new version or epoch.</returns>
    /// <exception cref="TenantFault">The tenant has withdrawn its keys, or they were destroyed.</exception>
    /// <exception cref="DeploymentRefused">The last rotation of the same key is not finished.</exception>
    public async Task<int> RotateAsync(RequestContext context, TenantKeyRotation what, CancellationToken cancellationToken)
    {
        _ring.RequireOpen(context.Tenant);
        await using var control = await LockAsync(context.Tenant, cancellationToken);
        var life = Life;
        await RecordAsync(context, "keys.rotate", ("key", what.ToString().ToLowerInvariant()), cancellationToken);
        var number = what switch
        {
            TenantKeyRotation.Tenant => await life.RotateTenantKeyAsync(control, context.Tenant, null, cancellationToken),
            TenantKeyRotation.Data => await life.RotateDataKeyAsync(control, context.Tenant, cancellationToken),
            TenantKeyRotation.Index => await life.RotateBesideAsync(control, context.Tenant, KeyPurpose.Index, cancellationToken),
            TenantKeyRotation.Subject => await life.RotateBesideAsync(control, context.Tenant, KeyPurpose.Subject, cancellationToken),
            _ => throw new ArgumentOutOfRangeException(nameof(what)),
        };
        await LogAsync(control, context, "keys.rotate", ("key", what.ToString().ToLowerInvariant()), cancellationToken);
        await _catalogue.RefreshAsync(cancellationToken);
        return number;
    }

    /// <summary>Forgets data keys and index keys that no row needs any more.</summary>
    /// <returns>How many.</returns>
    public async Task<int> RetireAsync(RequestContext context, int epoch, int indexVersion, CancellationToken cancellationToken)
    {
        // A deployment may be preparing rows beside the ones that were looked at: as long, nothing is forgotten.
        await using var deployments = await _deployer.OpenAsync(_deployer.Maintenance, cancellationToken);
        if (!await deployments.ScalarAsync<bool>(
            "select pg_try_advisory_lock(hashtextextended('bulkhead units', 0))", cancellationToken))
        {
            return 0;
        }

        await using var control = await LockAsync(context.Tenant, cancellationToken);
        await RecordAsync(
            context, "keys.retire", ("below", epoch.ToString(CultureInfo.InvariantCulture)), cancellationToken);
        var retired = await TenantKeyLife.RetireAsync(control, context.Tenant, epoch, indexVersion, cancellationToken);
        await LogAsync(control, context, "keys.retire", ("below", epoch.ToString(CultureInfo.InvariantCulture)), cancellationToken);
        await _catalogue.RefreshAsync(cancellationToken);
        return retired;
    }

    /// <summary>Of the tenant's subject keys, ascending; empty when they were destroyed.</summary>
    internal async Task<ImmutableArray<(int Version, DateTimeOffset ActiveAt)>> SubjectVersionsAsync(
        TenantId tenant, CancellationToken cancellationToken)
    {
        await using var control = await OpenAsync(cancellationToken);
        return
        [
            .. await control.ListAsync(
                "select version, active_at from control.tenant_key where tenant_id = $1 and purpose = 'subject' order by version",
                r => (r.GetInt32(0), r.GetFieldValue<DateTimeOffset>(1)),
                cancellationToken,
                tenant.Value),
        ];
    }

    /// <summary>Forgets subject keys that wrap no person's key any more.</summary>
    internal async Task RetireSubjectKeysAsync(RequestContext context, int version, CancellationToken cancellationToken)
    {
        var below = ("below", version.ToString(CultureInfo.InvariantCulture));
        await using var control = await LockAsync(context.Tenant, cancellationToken);
        await RecordAsync(context, "keys.retire", below, cancellationToken);
        await control.RunAsync(
            "delete from control.tenant_key where tenant_id = $1 and purpose = 'subject' and version < $2",
            cancellationToken, context.Tenant.Value, version);
        await LogAsync(control, context, "keys.retire", below, cancellationToken);
        await _catalogue.RefreshAsync(cancellationToken);
    }

    /// <summary>
    /// The tenant's switch: the app's tables are closed by the database itself when this returns, and every process drops the
    /// tenant's keys with its next reading of the catalogue. Signing in, the log and this switch go on. Harmless when repeated.
    /// </summary>
    public Task WithdrawAsync(RequestContext context, CancellationToken cancellationToken) =>
        SwitchAsync(context, open: false, cancellationToken);

    /// <summary>Opens what <see cref="WithdrawAsync"/> closed. Harmless when repeated.</summary>
    public Task RestoreAsync(RequestContext context, CancellationToken cancellationToken) =>
        SwitchAsync(context, open: true, cancellationToken);

    /// <summary>Opens every key of the tenant, and says of each whether it is the one that was wrapped.</summary>
    public async Task<ImmutableArray<KeyCheck>> VerifyAsync(RequestContext context, CancellationToken cancellationToken)
    {
        await RecordAsync(context, "keys.verify", ("store", Store), cancellationToken);
        if (!_catalogue.Current.Keys.TryGetValue(context.Tenant, out var keys))
        {
            throw new TenantFault(TenantFaultKind.KeysDestroyed);
        }

        var checks = ImmutableArray.CreateBuilder<KeyCheck>();
        var opened = new Dictionary<int, SecretKey>();
        var unwrapping = new TenantKeyUnwrapping(_stores, _held);
        foreach (var key in keys.Keys)
        {
            try
            {
                var secret = await unwrapping.UnwrapAsync(context.Tenant, key, keys, cancellationToken);
                if (key.Purpose != KeyPurpose.Data || !opened.TryAdd(key.Version, secret))
                {
                    secret.Dispose();
                }

                checks.Add(new(key.Purpose.Word(), key.Version, null));
            }
            catch (KeyStoreFault fault)
            {
                checks.Add(new(key.Purpose.Word(), key.Version, Problem(fault.Kind)));
            }
        }

        foreach (var epoch in keys.Epochs)
        {
            checks.Add(new("rows", epoch.Epoch, Check(epoch, opened, context.Tenant)));
        }

        foreach (var secret in opened.Values)
        {
            secret.Dispose();
        }

        return checks.ToImmutable();
    }

    private static string? Check(WrappedDataKey epoch, Dictionary<int, SecretKey> tenantKeys, TenantId tenant)
    {
        if (!tenantKeys.TryGetValue(epoch.TenantKeyVersion, out var tenantKey))
        {
            return $"Version {epoch.TenantKeyVersion} of the tenant key, which wraps it, does not open.";
        }

        try
        {
            epoch.Unwrap(tenantKey, tenant).Dispose();
            return null;
        }
        catch (KeyStoreFault fault)
        {
            return Problem(fault.Kind);
        }
    }

    /// <summary>For the tenant: the fault's own message may name files and tokens of the operator.</summary>
    private static string Problem(KeyStoreFaultKind kind) => kind switch
    {
        KeyStoreFaultKind.Unavailable => "The key store does not answer.",
        KeyStoreFaultKind.NoSuchRoot => "The root that wraps it is not there.",
        KeyStoreFaultKind.NotGenuine => "It is not the key that was wrapped.",
        KeyStoreFaultKind.Withdrawn => "Its holder has withdrawn it.",
        _ => "The key store is not set up as it must be.",
    };

    private async Task SwitchAsync(RequestContext context, bool open, CancellationToken cancellationToken)
    {
        var action = open ? "keys.restore" : "keys.revoke";
        // Not the lock of the keys: whoever changes those may be waiting for the tenant's own service, and others for him.
        await using var control = await _locks.TakeAsync(context.Tenant, TenantLock.Switch, cancellationToken);
        await RecordAsync(context, action, ("credential", context.Actor.Id), cancellationToken);
        var unit = _catalogue.Current.Tenants[context.Tenant].Placement.Unit;
        await using (var home = await _deployer.OpenAsync(unit.Database, cancellationToken))
        {
            // First where the rows are: from this commit on no statement sees them, whatever any process believes.
            await using var closing = await home.BeginTransactionAsync(cancellationToken);
            await Capability.OpenDataAsync(home, context.Tenant, open, cancellationToken);
            await closing.CommitAsync(cancellationToken);
        }

        await using (var transaction = await control.BeginTransactionAsync(cancellationToken))
        {
            if (open)
            {
                await control.RunAsync(
                    "delete from control.key_revocation where tenant_id = $1", cancellationToken, context.Tenant.Value);
            }
            else
            {
                await control.RunAsync(
                    "insert into control.key_revocation (tenant_id, actor) values ($1, $2) on conflict do nothing",
                    cancellationToken, context.Tenant.Value, context.Actor.Id);
            }

            await LogAsync(control, context, action, ("credential", context.Actor.Id), cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        await _catalogue.RefreshAsync(cancellationToken);
        _ring.Sweep();
    }

    /// <summary>One at a time changes a tenant's keys.</summary>
    /// <exception cref="TenantFault">Too many wait for that already (Busy).</exception>
    internal Task<NpgsqlConnection> LockAsync(TenantId tenant, CancellationToken cancellationToken) =>
        _locks.TakeAsync(tenant, TenantLock.Keys, cancellationToken);

    /// <summary>In the tenant's own log, before the act: an act without an entry would be worse than an entry without an act.</summary>
    internal Task<WorkResult> RecordAsync(
        RequestContext context, string action, (string Name, string Value) detail, CancellationToken cancellationToken) =>
        _database.RunAsync(
            context, new TenantWork().Record(new AuditEvent(action) { Details = AuditDetails.Of(detail) }), cancellationToken);

    internal Task LogAsync(
        NpgsqlConnection control,
        RequestContext context,
        string action,
        (string Name, string Value) detail,
        CancellationToken cancellationToken) =>
        InstallationLog.AppendAsync(
            control,
            context.Actor,
            context.RequestId,
            new AuditEvent(action) { Details = AuditDetails.Of(detail, ("tenant", context.Tenant.ToString())) },
            _time.GetUtcNow(),
            cancellationToken);

    /// <exception cref="TenantFault">The tenant has withdrawn its keys, or they were destroyed.</exception>
    internal void RequireOpen(TenantId tenant) => _ring.RequireOpen(tenant);

    internal Task RefreshAsync(CancellationToken cancellationToken) => _catalogue.RefreshAsync(cancellationToken);

    internal Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) => _deployer.OpenAsync(
        new NpgsqlConnectionStringBuilder(_options.AppConnection).Database ?? "bulkhead", cancellationToken);

    private static DateTimeOffset? Instant(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
