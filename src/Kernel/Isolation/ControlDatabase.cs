using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Isolation;

/// <summary>The door to the catalogue, under the app's credential. Holds no personal data, and no tenant's rows.</summary>
public sealed class ControlDatabase
{
    /// <summary>Runs a query on schema <c>control</c> and hands over its rows.</summary>
    public Task ReadAsync(Sql query, RowSink sink, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>A read whose entry goes to the installation's log when a row was found (an operator's token).</summary>
    public Task<int> ReadAsync(Actor actor, string requestId, Sql query, AuditEvent audit, RowSink sink, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <summary>Appends to the installation's log (a denial of an operator).</summary>
    public Task RecordAsync(Actor actor, string requestId, AuditEvent audit, CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}
