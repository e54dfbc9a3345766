using System.Globalization;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>Connection strings as every pool needs them, whatever the operator wrote.</summary>
internal static class ConnectionSettings
{
    /// <summary>
    /// Settings in the start-up packet win over ALTER ROLE and ALTER DATABASE, and survive a reset of the session: a role may change its
    /// own defaults, and none of those may reach the next tenant on the pool. search_path names pg_temp last: otherwise it is searched
    /// first, and a temporary type would stand in for ours. random_page_cost is that of SSDs: with the default a scan of all
    /// capabilities looks cheaper than their index.
    /// </summary>
    private static string StartupOptions(TimeSpan statementTimeout) => string.Join(
        ' ',
        "-c search_path=pg_catalog,pg_temp",
        "-c synchronous_commit=on",
        "-c row_security=on",
        "-c jit=off",
        "-c log_parameter_max_length_on_error=0",
        "-c default_transaction_isolation=read\\ committed",
        "-c default_transaction_read_only=off",
        "-c default_transaction_deferrable=off",
        "-c default_tablespace=",
        "-c temp_tablespaces=",
        "-c standard_conforming_strings=on",
        "-c local_preload_libraries=",
        "-c role=none",
        "-c random_page_cost=1.1",
        "-c plan_cache_mode=auto",
        "-c transform_null_equals=off",
        "-c array_nulls=on",
        "-c timezone=UTC",
        "-c datestyle=ISO,MDY",
        "-c intervalstyle=postgres",
        "-c extra_float_digits=1",
        "-c bytea_output=hex",
        "-c xmloption=content",
        "-c idle_session_timeout=0",
        string.Create(CultureInfo.InvariantCulture, $"-c statement_timeout={(long)statementTimeout.TotalMilliseconds}"),
        "-c lock_timeout=5000",
        "-c idle_in_transaction_session_timeout=15000");

    public static NpgsqlConnectionStringBuilder ForPool(KernelOptions options, int size) => new(options.AppConnection)
    {
        ApplicationName = "bulkhead",
        MaxPoolSize = size,
        MinPoolSize = 0,
        ConnectionIdleLifetime = 60,
        ConnectionPruningInterval = 10,
        Timeout = (int)options.OpenTimeout.TotalSeconds,
        CommandTimeout = (int)options.StatementTimeout.TotalSeconds + 5,
        MaxAutoPrepare = 256,
        AutoPrepareMinUsages = 2,
        // Session state never outlives a lease: RESET ALL and what belongs to it run before the next use.
        NoResetOnClose = false,
        IncludeErrorDetail = false,
        LogParameters = false,
        PersistSecurityInfo = false,
        Enlist = false,
        Multiplexing = false,
        Options = StartupOptions(options.StatementTimeout),
    };

    /// <summary>
    /// No look at the system catalogue when connecting: built-in types are all we use, and tenants' roles may not read all of it.
    /// </summary>
    public static NpgsqlDataSourceBuilder Source(NpgsqlConnectionStringBuilder settings)
    {
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        builder.ConfigureTypeLoading(loading => loading.EnableTypeLoading(false));
        return builder;
    }

    /// <summary>The deployer's connections: few, unpooled, with time for DDL.</summary>
    public static NpgsqlConnectionStringBuilder ForDeployer(KernelOptions options, string database) =>
        new(options.DeployConnection)
        {
            Database = database,
            ApplicationName = "bulkhead deploy",
            Pooling = false,
            CommandTimeout = 0,
            IncludeErrorDetail = false,
            Enlist = false,
            Options = "-c search_path=pg_catalog,pg_temp -c synchronous_commit=on -c lock_timeout=60000 -c jit=off",
        };
}

/// <summary>Backends for the catalogue.</summary>
internal sealed class ControlPool(KernelOptions options) : IAsyncDisposable
{
    public NpgsqlDataSource Source { get; } = 
        ConnectionSettings.Source(ConnectionSettings.ForPool(options, options.ControlPoolSize)).Build();

    public ValueTask DisposeAsync() => Source.DisposeAsync();
}
