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

/// <summary>
/// A field that lies in the envelope of its data class (column <c>_sealed_{class}</c>) and in no column of its own.
/// </summary>
/// <param name="Name">As the app calls it: the name in the envelope, and in the derivation of its index key.</param>
/// <param name="DataClass">In lower case.</param>
/// <param name="Index">Column of its blind index; null when it cannot be searched.</param>
/// <param name="IndexLength">Bytes of it.</param>
public sealed record SealedFieldDefinition(string Name, ColumnType Type, string DataClass, SqlName? Index, int IndexLength)
{
    public SqlName Envelope => EnvelopeOf(DataClass);

    public static SqlName EnvelopeOf(string dataClass) => SqlName.Of("_sealed_" + dataClass);
}

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
/// A table of an app. The kernel adds tenant_id, id, version, created_at, updated_at, the key (tenant_id, id), envelopes and blind
/// indexes of the sealed fields, the policy, FORCE and the grants: a table without them cannot be described.
/// </summary>
public sealed record TableDefinition(SqlName Name, ImmutableArray<ColumnDefinition> Columns)
{
    public ImmutableArray<SealedFieldDefinition> Sealed { get; init; } = [];

    /// <summary>Its rows are about persons who have keys: each names its person, in column <c>_subject</c>.</summary>
    public bool HasSubject { get; init; }
}

/// <summary>A step of a migration of a unit's app tables.</summary>
public abstract record SchemaChange
{
    private SchemaChange()
    {
    }

    public sealed record AddTable(TableDefinition Table) : SchemaChange;

    public sealed record DropTable(SqlName Table) : SchemaChange;

    public sealed record AddColumn(SqlName Table, ColumnDefinition Column) : SchemaChange;

    /// <summary>A sealed field comes: its envelope, when the table has none of its class yet, and its blind index.</summary>
    public sealed record AddSealedField(SqlName Table, SealedFieldDefinition Field) : SchemaChange;

    public sealed record DropColumn(SqlName Table, SqlName Column) : SchemaChange;

    /// <summary>A required column becomes optional.</summary>
    public sealed record RelaxColumn(SqlName Table, SqlName Column) : SchemaChange;

    public sealed record AddIndex(SqlName Table, IndexDefinition Index) : SchemaChange;

    public sealed record DropIndex(SqlName Table, SqlName Index) : SchemaChange;

    public sealed record AddForeignKey(SqlName Table, ForeignKeyDefinition ForeignKey) : SchemaChange;

    public sealed record DropForeignKey(SqlName Table, SqlName ForeignKey) : SchemaChange;

    /// <summary>
    /// The sealed fields of a table become others: values move into envelopes or between them, or leave them, and blind indexes come with
    /// the values that exist. Done online, before the transaction that migrates the unit; see <see cref="ResealShape"/>.
    /// </summary>
    /// <param name="From">Sealed fields of the older version.</param>
    /// <param name="To">Those of the newer one, all of them.</param>
    /// <param name="CanonicalJson">Gives a JSON document of a clear column the form that envelopes hold.</param>
    /// <param name="HasSubject">Rows are about persons who have keys.</param>
    public sealed record Reseal(
        SqlName Table,
        string Entity,
        ImmutableArray<SealedFieldDefinition> From,
        ImmutableArray<ResealedField> To,
        Func<string, string> CanonicalJson,
        bool HasSubject = false) : SchemaChange;
}

/// <summary>A sealed field of a newer version and where its values come from: one of the three, or none.</summary>
/// <param name="Kept">The same field as the older version seals it.</param>
/// <param name="Column">Its column in the clear, which is dropped.</param>
/// <param name="Default">Canonical text of what records that exist get.</param>
public sealed record ResealedField(
    SealedFieldDefinition Field, SealedFieldDefinition? Kept = null, SqlName? Column = null, string? Default = null);
