using Bulkhead.Bench.Servers;
using Npgsql;

namespace Bulkhead.Bench.KernelLevel;

/// <summary>The rows of a table like <see cref="Visit"/>, put there past every guard, as the superuser.</summary>
internal static class Rows
{
    /// <summary>
    /// Rows 1 to <paramref name="rows"/> of each tenant; afterwards the table is as autovacuum leaves it.
    /// </summary>
    /// <returns>The ids of each tenant's rows.</returns>
    public static async Task<IReadOnlyDictionary<Guid, Guid[]>> FillAsync(
        PrivatePostgres postgres, string database, string table, Guid[] tenants, int rows, CancellationToken cancellationToken)
    {
        await using var connection = await postgres.OpenAsync(database, cancellationToken);
        await using (var insert = new NpgsqlCommand(
            $"insert into {table} (tenant_id, {Visit.Selected}) {Visit.Rows}", connection))
        {
            insert.Parameters.Add(new NpgsqlParameter<int> { TypedValue = rows });
            insert.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = tenants });
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }

        await connection.RunAsync($"vacuum analyze {table}", cancellationToken);
        await using var select = new NpgsqlCommand($"select tenant_id, id from {table} where tenant_id = any($1)", connection);
        select.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = tenants });
        var ids = tenants.ToDictionary(t => t, _ => new List<Guid>(rows));
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            ids[reader.GetGuid(0)].Add(reader.GetGuid(1));
        }

        return ids.ToDictionary(i => i.Key, i => i.Value.ToArray());
    }
}
