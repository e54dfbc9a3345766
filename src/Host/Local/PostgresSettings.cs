namespace Bulkhead.Host.Local;

/// <summary>The whole configuration of the private PostgreSQL; written anew when it changed, so that no setting is left by chance.</summary>
internal static class PostgresSettings
{
    public const string AccessRules = "# Only the Unix socket is open.\nlocal all all scram-sha-256\n";

    public static string For(PostgresHome home, string accessRulesFile) => $"""
        # Written by ./bulkhead up at every start.
        hba_file = '{Quote(accessRulesFile)}'
        listen_addresses = ''
        port = {PostgresCluster.Port}
        unix_socket_directories = '{Quote(home.SocketFolder)}'
        unix_socket_permissions = 0700
        password_encryption = 'scram-sha-256'

        # What is acknowledged is on the disk.
        fsync = on
        synchronous_commit = on
        full_page_writes = on

        max_connections = 100
        shared_buffers = 128MB
        jit = off
        timezone = 'UTC'

        # No value of a row or a parameter reaches the log: details and statements of errors would carry them.
        log_destination = 'stderr'
        log_timezone = 'UTC'
        log_line_prefix = '%m [%p] '
        log_statement = 'none'
        log_min_duration_statement = -1
        log_parameter_max_length = 0
        log_parameter_max_length_on_error = 0
        log_error_verbosity = 'terse'
        log_min_error_statement = 'panic'

        """;

    private static string Quote(string value) => value.Replace("'", "''", StringComparison.Ordinal);
}
