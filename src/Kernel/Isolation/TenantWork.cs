using Bulkhead.Kernel.Audit;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// One transaction on a tenant's data, sent in one round trip: its statements run in order, all or none.
/// A change cannot be added without its audit event. Where a statement has slots, its arguments are given beside it.
/// </summary>
public sealed class TenantWork
{
    internal List<WorkStep> Steps { get; } = new(2);

    /// <summary>A read that leaves no entry: only for data whose classes the app does not mark as audited.</summary>
    public TenantWork Read(Sql query, RowSink sink, SqlValue[]? arguments = null)
    {
        Steps.Add(new(query, null, sink, SqlShape.Plain, arguments, false));
        return this;
    }

    /// <summary>
    /// A read with its entry, also when nothing was found. The query has a column <c>id</c>, the record's id, unless
    /// the event says <see cref="AuditRecords.None"/>.
    /// </summary>
    public TenantWork Read(Sql query, AuditEvent audit, RowSink sink, SqlValue[]? arguments = null)
    {
        Steps.Add(new(query, audit, sink, Shape(audit, ifAny: false), arguments, false));
        return this;
    }

    /// <summary>A read whose entry is appended only when something was found (an account that gets a token).</summary>
    public TenantWork ReadIfFound(Sql query, AuditEvent audit, RowSink sink, SqlValue[]? arguments = null)
    {
        Steps.Add(new(query, audit, sink, Shape(audit, ifAny: true), arguments, false));
        return this;
    }

    /// <summary>
    /// An INSERT, UPDATE or DELETE that ends in <c>returning id</c> (more columns may follow). The entry is appended when at least
    /// one row was changed; <see cref="WorkResult.Changed"/> counts them.
    /// </summary>
    public TenantWork Change(Sql change, AuditEvent audit, RowSink? sink = null, SqlValue[]? arguments = null)
    {
        Steps.Add(new(change, audit, sink, Shape(audit, ifAny: true), arguments, true));
        return this;
    }

    /// <summary>A change whose entry is appended also when nothing was changed (a chunk whose records were all there).</summary>
    public TenantWork Attempt(Sql change, AuditEvent audit, RowSink? sink = null, SqlValue[]? arguments = null)
    {
        Steps.Add(new(change, audit, sink, Shape(audit, ifAny: false), arguments, true));
        return this;
    }

    /// <summary>
    /// A statement that accompanies a change in the same transaction (an idempotency record). It returns no rows and has no entry.
    /// </summary>
    public TenantWork Also(Sql statement, SqlValue[]? arguments = null)
    {
        Steps.Add(new(statement, null, null, SqlShape.Plain, arguments, true));
        return this;
    }

    /// <summary>An event whose act has no row of the tenant (a denial).</summary>
    public TenantWork Record(AuditEvent audit)
    {
        Steps.Add(new(null, audit, null, SqlShape.Plain, null, true));
        return this;
    }

    private static SqlShape Shape(AuditEvent audit, bool ifAny) => (audit.Records, ifAny) switch
    {
        (AuditRecords.Ids, false) => SqlShape.RecordsIds,
        (AuditRecords.Ids, true) => SqlShape.RecordsIdsIfAny,
        (AuditRecords.CountAndDigest, false) => SqlShape.RecordsDigest,
        (AuditRecords.CountAndDigest, true) => SqlShape.RecordsDigestIfAny,
        (_, false) => SqlShape.RecordsNone,
        (_, true) => SqlShape.RecordsNoneIfAny,
    };
}

internal readonly record struct WorkStep(
    Sql? Statement, AuditEvent? Audit, RowSink? Sink, SqlShape Shape, SqlValue[]? Arguments, bool Writes)
{
    public EntryParts Parts => (Audit is { Numbers.IsDefaultOrEmpty: false } ? EntryParts.Commitments : EntryParts.None)
        | (Audit is { Values.Fields.IsDefaultOrEmpty: false } ? EntryParts.Values : EntryParts.None);

    public bool HasRows => Sink is not null || Shape != SqlShape.Plain;
}

/// <summary>What a constraint of the database refused. An expected failure, so a value; nothing was changed.</summary>
public enum ViolationKind
{
    Unique,
    Reference,
    Check,
    Required,
}

/// <param name="Constraint">Name of the constraint; never the values that met it.</param>
/// <param name="Table">Name of the table that holds the constraint.</param>
/// <param name="Column">Name of the column, for <see cref="ViolationKind.Required"/>.</param>
public sealed record Violation(ViolationKind Kind, string Constraint, string Table, string? Column);

/// <param name="Changed">Rows changed by all <see cref="TenantWork.Change"/> steps together.</param>
/// <param name="Violation">Set when a constraint refused the work; then nothing was changed or recorded.</param>
public readonly record struct WorkResult(int Changed, Violation? Violation);
