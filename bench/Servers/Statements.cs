using Npgsql;

namespace Bulkhead.Bench.Servers;

/// <summary>Statements that prepare a measurement.</summary>
internal static class Statements
{
    public static async Task RunAsync(this NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
