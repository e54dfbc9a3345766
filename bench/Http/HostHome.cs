using Bulkhead.Bench.Servers;
using Npgsql;

namespace Bulkhead.Bench.Http;

/// <summary>Where a tenant of the host has its rows, to be looked at past every guard.</summary>
/// <param name="Schema">Of the app's tables.</param>
internal sealed record HostHome(Guid Tenant, string Database, string Schema)
{
    /// <summary>Quoted schema of the platform's tables.</summary>
    public string Core => $"\"{Schema}_core\"";

    public static async Task<HostHome> OfAsync(NpgsqlConnection control, string slug, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select t.id, u.database, u.name from control.tenant t join control.unit u on u.name = t.unit where t.slug = $1", control);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = slug });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new(reader.GetGuid(0), reader.GetString(1), reader.GetString(2));
    }

    public static async Task<HostHome> OfAsync(PrivatePostgres postgres, string slug, CancellationToken cancellationToken)
    {
        await using var control = await postgres.OpenAsync(BulkheadHost.Database, cancellationToken);
        return await OfAsync(control, slug, cancellationToken);
    }

    /// <summary>Entries of the tenant's log.</summary>
    /// <param name="which">A further condition, for some of them.</param>
    public async Task<long> CountEntriesAsync(PrivatePostgres postgres, CancellationToken cancellationToken, string which = "")
    {
        await using var rows = await postgres.OpenAsync(Database, cancellationToken);
        await using var command = new NpgsqlCommand($"select count(*) from {Core}.audit_entry where tenant_id = $1 {which}", rows);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = Tenant });
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
