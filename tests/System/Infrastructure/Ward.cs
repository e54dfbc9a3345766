using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Tests.System.Infrastructure;

/// <summary>The app of these tests: two tables, a reference, a unique constraint, and a second version that adds to them.</summary>
public static class Ward
{
    public const string App = "ward";

    public static readonly SqlName Patient = SqlName.Of("patient");
    public static readonly SqlName Visit = SqlName.Of("visit");

    public static ImmutableArray<SchemaChange> Create { get; } =
    [
        new SchemaChange.AddTable(new(Patient,
        [
            new(SqlName.Of("name"), ColumnType.Text, true),
            new(SqlName.Of("ssn"), ColumnType.Text, false),
            new(SqlName.Of("income"), ColumnType.Integer, false),
        ])),
        new SchemaChange.AddIndex(Patient, new(SqlName.Of("patient_ssn"), [SqlName.Of("ssn")], true)),
        new SchemaChange.AddTable(new(Visit,
        [
            new(SqlName.Of("patient"), ColumnType.Uuid, false),
            new(SqlName.Of("reason"), ColumnType.Text, false),
        ])),
        new SchemaChange.AddIndex(Visit, new(SqlName.Of("visit_patient"), [SqlName.Of("patient")], false)),
        new SchemaChange.AddForeignKey(Visit, new(SqlName.Of("visit_patient_fk"), SqlName.Of("patient"), Patient, DeleteRule.Cascade)),
    ];

    /// <summary>From version 1 to 2.</summary>
    public static ImmutableArray<SchemaChange> Second { get; } =
    [
        new SchemaChange.AddColumn(Patient, new(SqlName.Of("city"), ColumnType.Text, true, "Boston")),
        new SchemaChange.AddTable(new(SqlName.Of("bed"), [new(SqlName.Of("patient"), ColumnType.Uuid, false)])),
        new SchemaChange.AddForeignKey(
            SqlName.Of("bed"), new(SqlName.Of("bed_patient_fk"), SqlName.Of("patient"), Patient, DeleteRule.SetNull)),
    ];
}
