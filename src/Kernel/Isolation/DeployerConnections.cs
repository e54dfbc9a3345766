using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>Short-lived connections of the deployer's credential.</summary>
internal sealed class DeployerConnections(KernelOptions options)
{
    public bool IsAvailable => options.DeployConnection is not null;

    /// <summary>The database that the deployer's connection string names; from there other databases are created.</summary>
    public string Maintenance => new NpgsqlConnectionStringBuilder(options.DeployConnection).Database ?? "postgres";

    public async Task<NpgsqlConnection> OpenAsync(string database, CancellationToken cancellationToken)
    {
        if (!IsAvailable)
        {
            throw new InvalidOperationException(
                "This process has no deployer's credential. Next step: set BULKHEAD_DEPLOY_DATABASE, or ask a process that has one.");
        }

        var source = ConnectionSettings.Source(ConnectionSettings.ForDeployer(options, database)).Build();
        try
        {
            return await source.OpenConnectionAsync(cancellationToken);
        }
        finally
        {
            // Unpooled: the connection lives on, only the source is given back.
            await source.DisposeAsync();
        }
    }
}

internal static class DeployerCommands
{
    public static async Task<int> RunAsync(this NpgsqlConnection connection, string text, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = Command(connection, text, values);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public static async Task<T?> ScalarAsync<T>(
        this NpgsqlConnection connection, string text, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = Command(connection, text, values);
        return await command.ExecuteScalarAsync(cancellationToken) is T value ? value : default;
    }

    public static async Task<List<T>> ListAsync<T>(
        this NpgsqlConnection connection,
        string text,
        Func<NpgsqlDataReader, T> row,
        CancellationToken cancellationToken,
        params object[] values)
    {
        await using var command = Command(connection, text, values);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(row(reader));
        }

        return rows;
    }

    /// <summary>
    /// A file of several statements, one by one: SQL rewriting is off in this program, so that no text of several statements can ever
    /// be sent. Statements end with a semicolon at the end of a line outside of a dollar-quoted body.
    /// </summary>
    public static async Task RunScriptAsync(this NpgsqlConnection connection, string script, CancellationToken cancellationToken)
    {
        var statement = new System.Text.StringBuilder();
        var quoted = false;
        foreach (var line in script.Split('\n'))
        {
            statement.Append(line).Append('\n');
            quoted ^= (line.Split("$$").Length - 1) % 2 == 1;
            if (!quoted && line.TrimEnd().EndsWith(';'))
            {
                await connection.RunAsync(statement.ToString(), cancellationToken);
                statement.Clear();
            }
        }

        if (!string.IsNullOrWhiteSpace(statement.ToString()))
        {
            throw new InvalidOperationException("A script does not end with a semicolon.");
        }
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string text, object[] values)
    {
        var command = new NpgsqlCommand(text, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        return command;
    }
}
