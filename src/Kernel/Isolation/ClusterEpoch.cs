using System.Globalization;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// Audit entries are in the order of their transactions' ids, and those begin anew where a database is restored into another cluster. So
/// entries carry the epoch of the cluster first: raised, before anything is written there, when a database finds itself in another cluster.
/// </summary>
internal sealed class ClusterEpoch(DeployerConnections deployer)
{
    /// <summary>Of a database that is new; harmless when repeated.</summary>
    public static async Task BeginAsync(NpgsqlConnection maintenance, NpgsqlConnection inside, CancellationToken cancellationToken) =>
        await inside.RunAsync(
            "insert into guard.cluster (epoch, system) values (1, $1) on conflict do nothing",
            cancellationToken, await SystemAsync(maintenance, cancellationToken));

    /// <summary>Entries of a unit are of its database's epoch from now on. A constant: whoever writes one asks nobody.</summary>
    public static async Task ApplyAsync(NpgsqlConnection inside, SqlName coreSchema, CancellationToken cancellationToken)
    {
        // Who raises it meanwhile waits, and then finds this unit.
        var epoch = await inside.ScalarAsync<int>("select epoch from guard.cluster for share", cancellationToken);
        await inside.RunAsync(
            string.Create(
                CultureInfo.InvariantCulture, $"alter table {coreSchema.Quoted}.audit_entry alter column epoch set default {epoch}"),
            cancellationToken);
    }

    /// <summary>All databases of the installation: one transaction each, which waits for whoever writes there.</summary>
    public async Task RaiseAsync(
        NpgsqlConnection maintenance, NpgsqlConnection control, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var system = await SystemAsync(maintenance, cancellationToken);
        foreach (var database in await control.ListAsync("select database from control.login", r => r.GetString(0), cancellationToken))
        {
            await using var inside = await deployer.OpenAsync(database, cancellationToken);
            if (await inside.ScalarAsync<bool>("select exists (select 1 from guard.cluster where system = $1)", cancellationToken, system))
            {
                continue;
            }

            progress?.Report($"{database} is in another cluster than before: its audit logs go on there");
            await using var transaction = await inside.BeginTransactionAsync(cancellationToken);
            await inside.RunAsync("update guard.cluster set epoch = epoch + 1, system = $1", cancellationToken, system);
            foreach (var unit in await inside.ListAsync("select name from guard.unit", r => r.GetString(0), cancellationToken))
            {
                await ApplyAsync(inside, SqlName.Of(unit + "_core"), cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
        }
    }

    // Asked of a database that is not hardened: there everybody may.
    private static async Task<long> SystemAsync(NpgsqlConnection maintenance, CancellationToken cancellationToken) =>
        await maintenance.ScalarAsync<long>("select system_identifier from pg_catalog.pg_control_system()", cancellationToken);
}
