using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>What PostgreSQL and the driver say, in the kernel's words. No message of theirs leaves the kernel: it may hold values.</summary>
internal static class DatabaseFaults
{
    /// <summary>Raised by guard.refuse().</summary>
    public const string CapabilityRefused = "BH001";

    /// <summary>Raised by guard.refuse_data().</summary>
    public const string KeysWithdrawn = "BH003";

    public static Violation? Violation(PostgresException fault) => fault.SqlState switch
    {
        PostgresErrorCodes.UniqueViolation => Of(ViolationKind.Unique, fault),
        PostgresErrorCodes.ForeignKeyViolation or PostgresErrorCodes.RestrictViolation => Of(ViolationKind.Reference, fault),
        PostgresErrorCodes.CheckViolation => Of(ViolationKind.Check, fault),
        PostgresErrorCodes.NotNullViolation => Of(ViolationKind.Required, fault),
        _ => null,
    };

    public static TenantFaultKind Kind(Exception fault) => fault switch
    {
        PostgresException { SqlState: CapabilityRefused } => TenantFaultKind.Fenced,
        PostgresException { SqlState: KeysWithdrawn } => TenantFaultKind.KeysWithdrawn,
        PostgresException { SqlState: PostgresErrorCodes.TooManyConnections } => TenantFaultKind.Busy,
        PostgresException { SqlState: PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable } =>
            TenantFaultKind.Timeout,
        PostgresException { SqlState: ['5', '7', 'P', ..] } => TenantFaultKind.Unavailable,
        // A role or a database that is gone: the tenant was moved or removed since the catalogue was read.
        PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName or PostgresErrorCodes.InvalidAuthorizationSpecification } =>
            TenantFaultKind.Fenced,
        // A column or a table that is gone: a newer version of the app came into force since the catalogue was read.
        PostgresException { SqlState: PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.UndefinedTable } => TenantFaultKind.Fenced,
        // A full disk or memory, an input or output error: it may pass, and the operator must be told.
        PostgresException { SqlState: ['5', '3', ..] or ['5', '8', ..] } => TenantFaultKind.Unavailable,
        PostgresException => TenantFaultKind.Broken,
        // Before the next arm: a full pool is told as a timeout of waiting for it.
        NpgsqlException { Message: var message } when message.Contains("pool has been exhausted", StringComparison.Ordinal) =>
            TenantFaultKind.Busy,
        NpgsqlException { InnerException: TimeoutException } => TenantFaultKind.Timeout,
        _ => TenantFaultKind.Unavailable,
    };

    private static Violation Of(ViolationKind kind, PostgresException fault) =>
        new(kind, fault.ConstraintName ?? "", fault.TableName ?? "", fault.ColumnName);
}
