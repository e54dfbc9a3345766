using System.Text;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// Pools of backends, one per database that holds tenants' rows: the cell's serves shared and schema tenants, a database tenant has a
/// small one of its own, opened on demand and closed when another needs its place. Together they never exceed MaxBackends.
/// </summary>
internal sealed class TenantPools(KernelOptions options, Catalogue catalogue, Sealing sealing, TimeProvider time) : IAsyncDisposable
{
    // No name of a database holds it.
    private const string SealersOwn = "\0sealer";
    private const int SealersSize = 2;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Pool> _pools = new(StringComparer.Ordinal);
    private int _reserved = options.ControlPoolSize;
    private bool _closed;
    private readonly string _control = new NpgsqlConnectionStringBuilder(options.AppConnection).Database ?? "bulkhead";

    /// <summary>A connection to the unit's database; the lease must be disposed.</summary>
    /// <exception cref="TenantFault">Unknown database, or every permitted backend is busy.</exception>
    public ValueTask<Lease> OpenAsync(Unit unit, CancellationToken cancellationToken) => OpenAsync(unit.Database, false, cancellationToken);

    /// <summary>The same under the sealer's role, which reads audit entries and grows logs.</summary>
    /// <param name="database">One that holds tenants' rows, or the control database.</param>
    /// <exception cref="TenantFault">As of the other.</exception>
    public ValueTask<Lease> OpenSealerAsync(string database, CancellationToken cancellationToken) => OpenAsync(database, true, cancellationToken);

    private async ValueTask<Lease> OpenAsync(string database, bool isSealer, CancellationToken cancellationToken)
    {
        var pool = Enter(isSealer ? database + SealersOwn : database);
        try
        {
            return new Lease(this, pool, await pool.Source.OpenConnectionAsync(cancellationToken));
        }
        catch
        {
            Leave(pool);
            throw;
        }
    }

    /// <summary>Drops idle connections of a database: after one broke, the others are likely dead too.</summary>
    public void Clear(Unit unit)
    {
        lock (_gate)
        {
            if (_pools.TryGetValue(unit.Database, out var pool))
            {
                pool.Source.Clear();
            }
        }
    }

    public int ReservedBackends
    {
        get
        {
            lock (_gate)
            {
                return _reserved;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        List<Pool> pools;
        lock (_gate)
        {
            _closed = true;
            pools = [.. _pools.Values];
            _pools.Clear();
        }

        foreach (var pool in pools)
        {
            await pool.Source.DisposeAsync();
        }
    }

    private Pool Enter(string database)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (!_pools.TryGetValue(database, out var pool))
            {
                pool = Create(database);
                _pools.Add(database, pool);
            }

            pool.Leases++;
            pool.LastUse = time.GetTimestamp();
            return pool;
        }
    }

    private void Leave(Pool pool)
    {
        lock (_gate)
        {
            pool.Leases--;
        }
    }

    private Pool Create(string database)
    {
        var key = database;
        var isSealer = database.EndsWith(SealersOwn, StringComparison.Ordinal);
        database = isSealer ? database[..^SealersOwn.Length] : database;
        var login = isSealer ? catalogue.Current.Sealer : catalogue.Current.Logins.GetValueOrDefault(database);
        if (login is null)
        {
            throw new TenantFault(TenantFaultKind.Unknown);
        }

        var size = isSealer ? SealersSize : login.IsCell ? options.CellPoolSize : options.DatabasePoolSize;
        while (_reserved + size > options.MaxBackends)
        {
            // The pool unused for the longest time makes room; one that is in use never does.
            var idle = _pools.Where(p => p.Value.Leases == 0).OrderBy(p => p.Value.LastUse).Select(p => p.Value).FirstOrDefault()
                ?? throw new TenantFault(TenantFaultKind.Busy);
            _pools.Remove(idle.Database);
            _reserved -= idle.Size;
            idle.Source.Dispose();
        }

        _reserved += size;
        var settings = ConnectionSettings.ForPool(options, size);
        settings.Database = database;
        settings.Username = login.Role;
        settings.Password = Encoding.UTF8.GetString(
            sealing.Open(
                null, SealPurpose.DatabasePassword, login.PasswordSealed, Encoding.UTF8.GetBytes(isSealer ? login.Role : database)));
        var builder = ConnectionSettings.Source(settings);
        if (database == _control)
        {
            return new Pool(key, size, builder.Build());
        }

        builder.UsePhysicalConnectionInitializer(
            connection => ServingChecks.NewBackendAsync(connection, database, login.Role).AsTask().GetAwaiter().GetResult(),
            connection => ServingChecks.NewBackendAsync(connection, database, login.Role).AsTask());
        return new Pool(key, size, builder.Build());
    }

    internal sealed class Pool(string database, int size, NpgsqlDataSource source)
    {
        public string Database { get; } = database;

        public int Size { get; } = size;

        public NpgsqlDataSource Source { get; } = source;

        public int Leases { get; set; }

        public long LastUse { get; set; }
    }

    internal readonly struct Lease(TenantPools pools, Pool pool, NpgsqlConnection connection) : IAsyncDisposable
    {
        public NpgsqlConnection Connection { get; } = connection;

        public async ValueTask DisposeAsync()
        {
            try
            {
                await Connection.DisposeAsync();
            }
            finally
            {
                pools.Leave(pool);
            }
        }
    }
}
