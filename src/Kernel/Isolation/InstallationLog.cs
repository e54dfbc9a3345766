using System.Collections.Immutable;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>Appends to the installation's log inside a transaction of the deployer.</summary>
internal static class InstallationLog
{
    public static async Task AppendAsync(
        NpgsqlConnection control,
        Actor actor,
        string requestId,
        AuditEvent audit,
        DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(control);
        batch.BatchCommands.Add(ControlSql.Command(ControlSql.Entry(actor, requestId, audit, now)));
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }
}

internal static class AuditDetails
{
    public static ImmutableSortedDictionary<string, string> Of(params (string Name, string Value)[] details) =>
        details.ToImmutableSortedDictionary(d => d.Name, d => d.Value, StringComparer.Ordinal);
}
