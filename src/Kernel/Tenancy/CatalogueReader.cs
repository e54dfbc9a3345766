using System.Collections.Frozen;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Npgsql;

namespace Bulkhead.Kernel.Tenancy;

/// <summary>Reads the whole catalogue at one generation, in one transaction.</summary>
internal sealed class CatalogueReader(ControlPool pool, Sealing sealing, InstallationKeys installationKeys)
{
    /// <summary>Null when the generation is still the known one.</summary>
    /// <exception cref="KeyStoreFault">The installation key does not open: the key store is away, or another installation's.</exception>
    public async Task<CatalogueSnapshot?> ReadAsync(CatalogueSnapshot known, CancellationToken cancellationToken)
    {
        await using var connection = await pool.Source.OpenConnectionAsync(cancellationToken);
        await using (var probe = new NpgsqlCommand("select generation from control.installation", connection))
        {
            if ((long)(await probe.ExecuteScalarAsync(cancellationToken))! == known.Generation)
            {
                return null;
            }
        }

        await installationKeys.LoadAsync(connection, cancellationToken);

        // REPEATABLE READ: every part of a snapshot is of the same generation.
        await using var transaction =
            await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
        await using var batch = new NpgsqlBatch(connection, transaction);
        foreach (var text in Queries)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(text));
        }

        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var build = new SnapshotBuild(sealing, known.Keys);
        await reader.ReadAsync(cancellationToken);
        build.Generation = reader.GetInt64(0);
        build.Installation = reader.GetGuid(1);
        await EachAsync(build.AddRelease);
        await EachAsync(build.AddKey);
        await EachAsync(build.AddHost);
        await EachAsync(build.AddLogin);
        await EachAsync(build.AddSealer);
        await EachAsync(build.AddLogKey);
        await EachAsync(build.AddRevocation);
        await EachAsync(build.AddHeldRoot);
        await EachAsync(build.AddRegistration);
        await EachAsync(build.AddTenantKey);
        await EachAsync(build.AddDataKey);
        await EachAsync(build.AddTenant);
        await EachAsync(build.AddCapability);
        return build.Freeze();

        async Task EachAsync(Action<NpgsqlDataReader> add)
        {
            await reader.NextResultAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                add(reader);
            }
        }
    }

    private static readonly string[] Queries =
    [
        "select generation, id from control.installation",
        // A tenant may be at a version whose deployment has not come to all units yet.
        """
        select r.app, r.version, r.manifest from control.app_release r
        where r.deployed_at is not null
           or exists (select 1 from control.tenant t where t.app = r.app and t.app_version = r.version)
        order by r.app, r.version
        """,
        "select tenant_id, kid, public_jwk, private_sealed from control.signing_key order by created_at desc, kid",
        "select tenant_id, host from control.tenant_host",
        "select l.database, l.role, l.password_sealed, exists (select 1 from control.cell c where c.database = l.database) from control.login l",
        "select role, password_sealed from control.sealer_login",
        "select tenant_id, public_key, private_sealed, post_quantum_public, post_quantum_sealed, entry_key_sealed from control.log_key",
        "select tenant_id, at from control.key_revocation",
        "select tenant_id, root, public_key from control.held_key_root order by tenant_id, root",
        "select tenant_id, url, server_ca, client_certificate, client_key_sealed, created_at from control.held_key_service",
        """
        select k.tenant_id, k.purpose, k.version, k.root, r.store, k.held_root, k.wrapped, k.commitment, k.active_at
        from control.tenant_key k left join control.key_root r on r.root = k.root order by k.tenant_id, k.purpose, k.version
        """,
        """
        select tenant_id, epoch, tenant_key_version, wrapped, commitment, active_at from control.data_key order by tenant_id, epoch
        """,
        """
        select t.id, t.slug, t.name, t.status, t.app, t.app_version, t.epoch, u.name, u.isolation, u.cell, u.database
        from control.tenant t join control.unit u on u.name = t.unit
        """,
        """
        select distinct on (c.tenant_id) c.tenant_id, c.generation, c.token_sealed
        from control.capability c join control.tenant t on t.id = c.tenant_id and t.status = 'active'
        order by c.tenant_id, c.generation desc
        """,
    ];

    private sealed class SnapshotBuild(Sealing sealing, FrozenDictionary<TenantId, TenantKeys> known)
    {
        private readonly List<AppRelease> _apps = [];
        private readonly Dictionary<Guid, List<PublicKey>> _publicKeys = [];
        private readonly Dictionary<Guid, SealedSigningKey> _signingKeys = [];
        private readonly Dictionary<Guid, List<string>> _hosts = [];
        private readonly Dictionary<string, DatabaseLogin> _logins = new(StringComparer.Ordinal);
        private readonly List<TenantEntry> _tenants = [];
        private readonly Dictionary<TenantId, Guid> _capabilities = [];
        private readonly Dictionary<TenantId, DateTimeOffset> _revocations = [];
        private readonly Dictionary<TenantId, List<WrappedTenantKey>> _tenantKeys = [];
        private readonly Dictionary<TenantId, List<WrappedDataKey>> _dataKeys = [];
        private readonly Dictionary<TenantId, List<HeldKey>> _heldRoots = [];
        private readonly Dictionary<TenantId, SealedRegistration> _registrations = [];

        public long Generation { get; set; }

        public Guid Installation { get; set; }

        private readonly Dictionary<Guid, SealedLogKey> _logKeys = [];
        private DatabaseLogin? _sealer;

        public void AddRelease(NpgsqlDataReader row) =>
            _apps.Add(new(row.GetString(0), row.GetInt32(1), row.GetString(2)));

        public void AddKey(NpgsqlDataReader row)
        {
            var issuer = row.IsDBNull(0) ? Guid.Empty : row.GetGuid(0);
            var kid = row.GetString(1);
            Of(_publicKeys, issuer).Add(new(kid, row.GetString(2)));
            _signingKeys.TryAdd(issuer, new(kid, row.GetFieldValue<byte[]>(3)));
        }

        public void AddHost(NpgsqlDataReader row) => Of(_hosts, row.GetGuid(0)).Add(row.GetString(1));

        public void AddLogin(NpgsqlDataReader row) => _logins.Add(
            row.GetString(0),
            new(row.GetString(0), row.GetString(1), row.GetFieldValue<byte[]>(2), row.GetBoolean(3)));

        public void AddSealer(NpgsqlDataReader row) =>
            _sealer = new("", row.GetString(0), row.GetFieldValue<byte[]>(1), IsCell: false);

        public void AddLogKey(NpgsqlDataReader row) => _logKeys.Add(
            row.IsDBNull(0) ? Guid.Empty : row.GetGuid(0),
            new(
                row.GetFieldValue<byte[]>(1),
                row.GetFieldValue<byte[]>(2),
                row.IsDBNull(3) ? null : new(row.GetFieldValue<byte[]>(3), row.GetFieldValue<byte[]>(4)),
                row.IsDBNull(5) ? null : row.GetFieldValue<byte[]>(5)));

        public void AddTenant(NpgsqlDataReader row)
        {
            var id = new TenantId(row.GetGuid(0));
            if (!IsolationKinds.TryParse(row.GetString(8), out var isolation))
            {
                throw new InvalidOperationException($"The catalogue holds an unknown isolation: {row.GetString(8)}.");
            }

            var status = row.GetString(3) switch
            {
                "active" => TenantStatus.Active,
                "suspended" => TenantStatus.Suspended,
                _ => TenantStatus.Preparing,
            };
            var unit = new Unit(row.GetString(7), isolation, row.GetGuid(9), row.GetString(10));
            _tenants.Add(new(
                id,
                row.GetString(1),
                row.GetString(2),
                status,
                row.GetString(4),
                row.GetInt32(5),
                new Placement(id, unit, row.GetInt32(6)),
                _hosts.TryGetValue(id.Value, out var hosts) ? [.. hosts] : [],
                _publicKeys.TryGetValue(id.Value, out var keys) ? [.. keys] : [])
            {
                KeysWithdrawnAt = _revocations.TryGetValue(id, out var at) ? at : null,
            });
        }

        public void AddRevocation(NpgsqlDataReader row) =>
            _revocations.Add(new TenantId(row.GetGuid(0)), row.GetFieldValue<DateTimeOffset>(1));

        public void AddTenantKey(NpgsqlDataReader row) =>
            Of(_tenantKeys, new TenantId(row.GetGuid(0))).Add(WrappedTenantKey.Read(row, 1));

        public void AddHeldRoot(NpgsqlDataReader row) =>
            Of(_heldRoots, new TenantId(row.GetGuid(0))).Add(new(row.GetInt32(1), row.GetString(2)));

        public void AddRegistration(NpgsqlDataReader row)
        {
            var tenant = new TenantId(row.GetGuid(0));
            _registrations.Add(tenant, new(
                row.GetString(1),
                row.GetString(2),
                row.GetString(3),
                row.GetFieldValue<byte[]>(4),
                row.GetFieldValue<DateTimeOffset>(5),
                [.. _heldRoots.GetValueOrDefault(tenant) ?? []]));
        }

        public void AddDataKey(NpgsqlDataReader row) => Of(_dataKeys, new TenantId(row.GetGuid(0))).Add(new(
            row.GetInt32(1),
            row.GetInt32(2),
            row.GetFieldValue<byte[]>(3),
            row.GetFieldValue<byte[]>(4),
            row.GetFieldValue<DateTimeOffset>(5)));

        private TenantKeys KeysOf(TenantId tenant)
        {
            var keys = new TenantKeys(
                [.. _tenantKeys[tenant]],
                [.. _dataKeys.GetValueOrDefault(tenant) ?? []],
                _revocations.ContainsKey(tenant),
                _registrations.GetValueOrDefault(tenant));
            // The same instance while nothing changed: what was unwrapped of it stays good.
            return known.TryGetValue(tenant, out var before) && before.IsSame(keys) ? before : keys;
        }

        public void AddCapability(NpgsqlDataReader row)
        {
            var tenant = new TenantId(row.GetGuid(0));
            _capabilities.Add(tenant, Capability.Open(sealing, tenant, row.GetInt32(1), row.GetFieldValue<byte[]>(2)));
        }

        public CatalogueSnapshot Freeze() => new()
        {
            Generation = Generation,
            Installation = Installation,
            Sealer = _sealer,
            LogKeys = _logKeys.ToFrozenDictionary(),
            Apps = [.. _apps],
            Tenants = _tenants.ToFrozenDictionary(t => t.Id),
            BySlug = _tenants.ToFrozenDictionary(t => t.Slug, StringComparer.Ordinal),
            ByHost = _tenants.SelectMany(t => t.Hosts.Select(h => (Host: h, Tenant: t)))
                .ToFrozenDictionary(p => p.Host, p => p.Tenant, StringComparer.Ordinal),
            OperatorKeys = _publicKeys.TryGetValue(Guid.Empty, out var keys) ? [.. keys] : [],
            Capabilities = _capabilities.ToFrozenDictionary(),
            SigningKeys = _signingKeys.ToFrozenDictionary(),
            Keys = _tenantKeys.Keys.ToFrozenDictionary(tenant => tenant, KeysOf),
            Logins = _logins.ToFrozenDictionary(StringComparer.Ordinal),
        };

        private static List<T> Of<TKey, T>(Dictionary<TKey, List<T>> lists, TKey id)
            where TKey : notnull
        {
            if (!lists.TryGetValue(id, out var list))
            {
                lists.Add(id, list = []);
            }

            return list;
        }
    }
}
