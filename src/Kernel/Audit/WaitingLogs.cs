using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;
using NpgsqlTypes;

namespace Bulkhead.Kernel.Audit;

/// <summary>A log in which the sealer has something to do.</summary>
/// <param name="Unsealed">It has entries that can be sealed; else its head is longer than the one that was known, or it is late.</param>
/// <param name="Since">When the act of the first unsealed entry began, whether that can be sealed or not; null for none.</param>
internal sealed record WaitingLog(TenantEntry Tenant, bool Unsealed, long Size, DateTimeOffset? Since);

/// <summary>
/// Asks a database at once for all tenants in it, under the sealer's role: a tenant in whose log nothing happens costs two looks into an
/// index, and no transaction of its own.
/// </summary>
internal sealed class WaitingLogs(TenantPools pools, Catalogue catalogue)
{
    /// <summary>Tenants that are asked for in one round trip.</summary>
    private const int Most = 1_000;

    /// <param name="tenants">All in this database.</param>
    /// <param name="headOf">Size of the tenant's log in the newest head that is known to be in the log of heads.</param>
    /// <param name="late">Logs with an unsealed entry from before it are answered in any case.</param>
    public async Task<List<WaitingLog>> AskAsync(
        string database,
        IEnumerable<TenantEntry> tenants,
        Func<TenantId, long> headOf,
        DateTimeOffset late,
        CancellationToken cancellationToken)
    {
        var capabilities = catalogue.Current.Capabilities;
        var waiting = new List<WaitingLog>();
        var known = tenants.Where(t => capabilities.ContainsKey(t.Id)).OrderBy(t => t.Placement.Unit.Name, StringComparer.Ordinal);
        foreach (var chunk in known.Chunk(Most))
        {
            var units = chunk.GroupBy(t => t.Placement.Unit.CoreSchema.Quoted).Select(unit => (Core: unit.Key, Tenants: unit.ToArray())).ToList();
            await using var lease = await pools.OpenSealerAsync(database, cancellationToken);
            await using var batch = new NpgsqlBatch(lease.Connection);
            foreach (var unit in units)
            {
                var ask = new NpgsqlBatchCommand($"select number, unsealed, size, since from {unit.Core}.audit_waiting($1, $2, $3)");
                ask.Parameters.Add(new() { Value = Array.ConvertAll(unit.Tenants, t => capabilities[t.Id]) });
                ask.Parameters.Add(new() { Value = Array.ConvertAll(unit.Tenants, t => headOf(t.Id)) });
                ask.Parameters.Add(new() { Value = late.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
                batch.BatchCommands.Add(ask);
            }

            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            foreach (var unit in units)
            {
                while (await reader.ReadAsync(cancellationToken))
                {
                    waiting.Add(new(unit.Tenants[reader.GetInt32(0) - 1], reader.GetBoolean(1), reader.GetInt64(2),
                        reader.IsDBNull(3) ? null : reader.GetFieldValue<DateTimeOffset>(3)));
                }

                await reader.NextResultAsync(cancellationToken);
            }
        }

        return waiting;
    }
}
