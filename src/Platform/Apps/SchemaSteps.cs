using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Data;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// Steps of a plan, kept apart by kind: a foreign key needs both tables and all columns, an index its columns, and a
/// dropped table must not be referred to any more.
/// </summary>
internal sealed class SchemaSteps
{
    private readonly List<SchemaChange> _dropForeignKeys = [];
    private readonly List<SchemaChange> _dropIndexes = [];
    private readonly List<SchemaChange> _reseals = [];
    private readonly List<SchemaChange> _dropColumns = [];
    private readonly List<SchemaChange> _dropTables = [];
    private readonly List<SchemaChange> _tables = [];
    private readonly List<SchemaChange> _columns = [];
    private readonly List<SchemaChange> _indexes = [];
    private readonly List<SchemaChange> _foreignKeys = [];

    internal ImmutableArray<SchemaChange> InOrder() =>
    [
        .. _dropForeignKeys, .. _dropIndexes, .. _reseals, .. _dropColumns, .. _dropTables,
        .. _tables, .. _columns, .. _indexes, .. _foreignKeys,
    ];

    internal void AddEntity(EntityModel entity, AppModel model)
    {
        _tables.Add(new SchemaChange.AddTable(new(
            entity.Table, [.. entity.Fields.Where(f => !f.IsSealed).Select(Column)])
        {
            Sealed = [.. entity.Fields.Where(f => f.IsSealed).Select(Sealed)],
            HasSubject = entity.HasSubjectKey,
        }));
        foreach (var index in entity.Indexes)
        {
            AddIndex(entity, index);
        }

        foreach (var field in entity.Fields)
        {
            AddForeignKey(entity, field, model);
        }
    }

    internal void DropEntity(EntityModel entity)
    {
        foreach (var field in entity.Fields)
        {
            DropForeignKey(entity, field);
        }

        _dropTables.Add(new SchemaChange.DropTable(entity.Table));
    }

    /// <summary>The sealed fields of an entity become others. What is sealed, and was or will be, goes this way and no other.</summary>
    /// <param name="fresh">Names of fields that take over no value of the older version: they are new, or of another type.</param>
    internal void Reseal(EntityModel old, EntityModel entity, IReadOnlySet<string> fresh) => _reseals.Add(new SchemaChange.Reseal(
        entity.Table,
        entity.Name,
        [.. old.Fields.Where(f => f.IsSealed).Select(Sealed)],
        [
            .. entity.Fields.Where(f => f.IsSealed).Select(field =>
                fresh.Contains(field.Name) ? new ResealedField(Sealed(field), Default: field.Default)
                : old.ByName[field.Name] is { IsSealed: false } clear ? new ResealedField(Sealed(field), Column: clear.Column)
                : new ResealedField(Sealed(field), Kept: Sealed(old.ByName[field.Name]))),
        ],
        CanonicalJson.FromStored,
        entity.HasSubjectKey));

    internal void AddField(EntityModel entity, FieldModel field, AppModel model)
    {
        _columns.Add(field.IsSealed
            ? new SchemaChange.AddSealedField(entity.Table, Sealed(field))
            : new SchemaChange.AddColumn(entity.Table, Column(field)));
        AddForeignKey(entity, field, model);
    }

    internal void DropField(EntityModel entity, FieldModel field)
    {
        DropForeignKey(entity, field);
        _dropColumns.Add(new SchemaChange.DropColumn(entity.Table, field.Column));
    }

    internal void Relax(EntityModel entity, FieldModel field) =>
        _columns.Add(new SchemaChange.RelaxColumn(entity.Table, field.Column));

    internal void AddIndex(EntityModel entity, IndexModel index) => _indexes.Add(new SchemaChange.AddIndex(
        entity.Table,
        new(index.Name, [.. index.Fields.Select(f => entity.ByName[f].IndexedColumn!)], index.Unique)));

    internal void DropIndex(EntityModel entity, IndexModel index) =>
        _dropIndexes.Add(new SchemaChange.DropIndex(entity.Table, index.Name));

    internal void AddForeignKey(EntityModel entity, FieldModel field, AppModel model)
    {
        if (field is { Reference: { } reference, ForeignKey: { } name })
        {
            var target = model.ByName[reference.Target].Table;
            _foreignKeys.Add(new SchemaChange.AddForeignKey(
                entity.Table, new(name, field.Column, target, Rule(reference.OnDelete))));
        }
    }

    internal void DropForeignKey(EntityModel entity, FieldModel field)
    {
        if (field.ForeignKey is { } name)
        {
            _dropForeignKeys.Add(new SchemaChange.DropForeignKey(entity.Table, name));
        }
    }

    private static ColumnDefinition Column(FieldModel field) =>
        new(field.Column, Type(field.Type), field.Required, field.Default);

    internal static SealedFieldDefinition Sealed(FieldModel field) => new(
        field.Name, Type(field.Type), ManifestWords<DataClass>.WordOf(field.Class), field.BlindIndex, field.BlindIndexLength);

    internal static ColumnType Type(FieldType type) => type switch
    {
        FieldType.Text or FieldType.Enum => ColumnType.Text,
        FieldType.Integer => ColumnType.Integer,
        FieldType.Decimal => ColumnType.Decimal,
        FieldType.Boolean => ColumnType.Boolean,
        FieldType.Date => ColumnType.Date,
        FieldType.Timestamp => ColumnType.Timestamp,
        FieldType.Uuid or FieldType.Reference => ColumnType.Uuid,
        FieldType.Json => ColumnType.Json,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private static DeleteRule Rule(OnDelete onDelete) => onDelete switch
    {
        OnDelete.Restrict => DeleteRule.Restrict,
        OnDelete.Cascade => DeleteRule.Cascade,
        OnDelete.SetNull => DeleteRule.SetNull,
        _ => throw new ArgumentOutOfRangeException(nameof(onDelete)),
    };
}
