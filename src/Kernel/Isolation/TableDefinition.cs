using System.Collections.Immutable;

namespace Bulkhead.Kernel.Isolation;

public enum ColumnType
{
    Text,
    Integer,
    Decimal,
    Boolean,
    Date,
    Timestamp,
    Uuid,
    Json,
}

/// <param name="Default">Canonical text of the value for rows that exist when a required column is added; null for none.</param>
public sealed record ColumnDefinition(SqlName Name, ColumnType Type, bool Required, string? Default = null);

/// <param name="Columns">Without the tenant and the id: the kernel puts the tenant first and the id last (not last when unique).</param>
public sealed record IndexDefinition(SqlName Name, ImmutableArray<SqlName> Columns, bool Unique);

public enum DeleteRule
{
    Restrict,
    Cascade,
    SetNull,
}

/// <summary>Always within the tenant: <c>(tenant_id, column) references target (tenant_id, id)</c>, indexed.</summary>
public sealed record ForeignKeyDefinition(SqlName Name, SqlName Column, SqlName Target, DeleteRule OnDelete);

/// <summary>
/// A table of an app. The kernel adds tenant_id, id, version, created_at, updated_at, the key (tenant_id, id), the policy,
/// FORCE and the grants: a table without them cannot be described.
/// </summary>
public sealed record TableDefinition(SqlName Name, ImmutableArray<ColumnDefinition> Columns);

/// <summary>A step of a migration of a unit's app tables.</summary>
public abstract record SchemaChange
{
    private SchemaChange()
    {
    }

    public sealed record AddTable(TableDefinition Table) : SchemaChange;

    public sealed record DropTable(SqlName Table) : SchemaChange;

    public sealed record AddColumn(SqlName Table, ColumnDefinition Column) : SchemaChange;

    public sealed record DropColumn(SqlName Table, SqlName Column) : SchemaChange;

    /// <summary>A required column becomes optional.</summary>
    public sealed record RelaxColumn(SqlName Table, SqlName Column) : SchemaChange;

    public sealed record AddIndex(SqlName Table, IndexDefinition Index) : SchemaChange;

    public sealed record DropIndex(SqlName Table, SqlName Index) : SchemaChange;

    public sealed record AddForeignKey(SqlName Table, ForeignKeyDefinition ForeignKey) : SchemaChange;

    public sealed record DropForeignKey(SqlName Table, SqlName ForeignKey) : SchemaChange;
}
