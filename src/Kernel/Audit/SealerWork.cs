using System.Data;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;
using NpgsqlTypes;

namespace Bulkhead.Kernel.Audit;

/// <param name="Row">Null for a statement that answers no rows.</param>
internal sealed record SealerStatement(string Text, object[] Values, Action<NpgsqlDataReader>? Row = null);

/// <summary>Statements on one tenant's log under the sealer's role: one transaction, one round trip, the capability first.</summary>
internal sealed class SealerWork(TenantPools pools, Catalogue catalogue)
{
    /// <summary>The quoted schema of the platform's tables of a tenant.</summary>
    public static string Core(TenantEntry tenant) => tenant.Placement.Unit.CoreSchema.Quoted;

    /// <exception cref="TenantFault">The tenant is not in service.</exception>
    public Task RunAsync(TenantEntry tenant, CancellationToken cancellationToken, params SealerStatement[] statements) =>
        RunAsync(tenant, IsolationLevel.ReadCommitted, statements, cancellationToken);

    /// <summary>Reads, all of one moment.</summary>
    /// <exception cref="TenantFault">The tenant is not in service.</exception>
    public Task ReadAsync(TenantEntry tenant, CancellationToken cancellationToken, params SealerStatement[] statements) =>
        RunAsync(tenant, IsolationLevel.RepeatableRead, statements, cancellationToken);

    private async Task RunAsync(
        TenantEntry tenant, IsolationLevel level, SealerStatement[] statements, CancellationToken cancellationToken)
    {
        if (!catalogue.Current.Capabilities.TryGetValue(tenant.Id, out var capability))
        {
            throw new TenantFault(TenantFaultKind.Unknown);
        }

        await using var lease = await pools.OpenSealerAsync(tenant.Placement.Unit.Database, cancellationToken);
        await using var transaction = await lease.Connection.BeginTransactionAsync(level, cancellationToken);
        await using (var batch = new NpgsqlBatch(lease.Connection))
        {
            var present = new NpgsqlBatchCommand("select set_config('bulkhead.capability', $1, true)");
            present.Parameters.Add(new NpgsqlParameter<string> { TypedValue = capability.ToString(), NpgsqlDbType = NpgsqlDbType.Text });
            batch.BatchCommands.Add(present);
            foreach (var statement in statements)
            {
                var command = new NpgsqlBatchCommand(statement.Text);
                foreach (var value in statement.Values)
                {
                    command.Parameters.Add(Parameter(value));
                }

                batch.BatchCommands.Add(command);
            }

            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            foreach (var statement in statements)
            {
                if (statement.Row is not { } row)
                {
                    continue;
                }

                await reader.NextResultAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    row(reader);
                }
            }

            // What the last statements refuse arrives here.
            await reader.NextResultAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    private static NpgsqlParameter Parameter(object value) => value switch
    {
        DateTimeOffset time => new() { Value = time.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz },
        // PostgreSQL cannot tell the kind of a parameter that is nothing.
        null or DBNull => new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
        _ => new() { Value = value },
    };
}
