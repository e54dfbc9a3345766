using Npgsql;

namespace Bulkhead.Bench.Servers;

/// <summary>What PostgreSQL says of the commits that it acknowledges to a session; a figure that was not durable is none.</summary>
internal static class Durability
{
    /// <exception cref="InvalidOperationException">A commit is acknowledged there before it is on the disk.</exception>
    public static async Task<string> OfAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select string_agg(name || '=' || setting, ', ' order by name), bool_and(setting = 'on') from pg_settings
            where name in ('fsync', 'synchronous_commit', 'full_page_writes')
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var said = reader.GetString(0);
        return reader.GetBoolean(1) ? said : throw new InvalidOperationException($"PostgreSQL is not durable: {said}");
    }
}
