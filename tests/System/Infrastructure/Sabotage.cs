using Npgsql;

namespace Bulkhead.Tests.System.Infrastructure;

/// <summary>
/// Kills a step in the middle, as a crash of the process would: a trigger in the database ends the session that reaches a table. What was
/// committed before stays, what was to come does not happen.
/// </summary>
public sealed class Sabotage : IAsyncDisposable
{
    private readonly NpgsqlConnection _deployer;
    private readonly string _table;

    private Sabotage(NpgsqlConnection deployer, string table)
    {
        _deployer = deployer;
        _table = table;
    }

    /// <param name="act">insert, update or delete.</param>
    public static Task<Sabotage> AtAsync(Installation installation, string database, string act, string table) =>
        AtAsync(installation.Cluster, database, act, table);

    public static async Task<Sabotage> AtAsync(PostgresCluster cluster, string database, string act, string table)
    {
        var deployer = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(cluster.ConnectionString(database)) { Pooling = false }.ConnectionString);
        await deployer.OpenAsync();
        return await AtAsync(deployer, act, table);
    }

    /// <param name="deployer">Closed when the sabotage ends.</param>
    public static async Task<Sabotage> AtAsync(NpgsqlConnection deployer, string act, string table)
    {
        foreach (var sql in new[]
        {
            """
            create function public.crash() returns trigger language plpgsql as $$
            begin
                perform pg_terminate_backend(pg_backend_pid());
                perform pg_sleep(5);
                return null;
            end $$
            """,
            $"create trigger crash before {act} on {table} for each statement execute function public.crash()",
        })
        {
            await using var command = new NpgsqlCommand(sql, deployer);
            await command.ExecuteNonQueryAsync();
        }

        return new Sabotage(deployer, table);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var sql in new[] { $"drop trigger crash on {_table}", "drop function public.crash()" })
        {
            await using var command = new NpgsqlCommand(sql, _deployer);
            await command.ExecuteNonQueryAsync();
        }

        await _deployer.DisposeAsync();
    }
}
