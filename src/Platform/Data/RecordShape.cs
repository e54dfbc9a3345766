using System.Collections.Immutable;
using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>
/// Which fields of a record are shown, how they are selected and how they are written: made once per selection. The
/// columns of its statements are the id, the version, the shown fields in the clear but the id, and the envelopes of the sealed ones.
/// </summary>
internal sealed class RecordShape
{
    // Columns before the first shown field: id, version.
    private const int FirstColumn = 2;

    private readonly int[] _columns;

    public RecordShape(EntityView view, ImmutableArray<RecordField> fields)
    {
        View = view;
        Fields = fields;
        IsAudited = fields.Any(view.IsAudited);
        var clear = fields.Where(field => field != RecordField.Id && !field.IsSealed).ToList();
        var envelopes = view.Envelopes.Where(envelope => fields.Any(field => field.IsSealed && field.Class == envelope.Fields[0].Class));
        Envelopes = [.. envelopes.Select((envelope, i) => new EnvelopeColumn(envelope, FirstColumn + clear.Count + i))];
        ColumnCount = FirstColumn + clear.Count + Envelopes.Length;
        _columns = [.. fields.Select(field => field == RecordField.Id ? 0 : field.IsSealed ? -1 : FirstColumn + clear.IndexOf(field))];
        Columns = Sql.Join(
            ", ",
            [
                Sql.Of($"id, version"),
                .. clear.Select(field => Sql.Name(field.Column)),
                .. Envelopes.Select(column => column.Envelope.Read),
            ]);
        GetById = Sql.Of($"select {Columns} from {view.Table} where id = {new SqlSlot(0)}").Kept();
        FirstPage = ListSql.FirstPage(this);
        ReadEntry = new AuditEvent("data.read") { Entity = view.Entity.Name, Numbers = view.Read(1) };
        ListEntry = new AuditEvent("data.list") { Entity = view.Entity.Name };
    }

    public EntityView View { get; }

    /// <summary>The id first.</summary>
    public ImmutableArray<RecordField> Fields { get; }

    /// <summary>Shows a class whose reads append an entry.</summary>
    public bool IsAudited { get; }

    public Sql Columns { get; }

    public int ColumnCount { get; }

    /// <summary>What must be opened before a row is written; then it is written with the tenant's keys.</summary>
    public ImmutableArray<EnvelopeColumn> Envelopes { get; }

    /// <summary>One record; slot: its id.</summary>
    public Sql GetById { get; }

    /// <summary>The first page by id, unfiltered: what most lists begin with, so its text is kept.</summary>
    public ListSql FirstPage { get; }

    public AuditEvent ReadEntry { get; }

    public AuditEvent ListEntry { get; }

    /// <summary>Column of a shown field; -1 for one that lies in an envelope, or is not shown.</summary>
    public int ColumnOf(RecordField field) => Fields.IndexOf(field) is >= 0 and var place ? _columns[place] : -1;

    /// <summary>Writes the record of a row whose columns begin with this shape's.</summary>
    /// <param name="opened">The row's <see cref="Envelopes"/>, opened; null where the shape has none.</param>
    public void Write(Utf8JsonWriter json, Row row, OpenedRecord? opened, ExpandedRecords? expanded = null)
    {
        json.WriteStartObject();
        json.WritePropertyName(RecordField.Id.Json);
        var id = row.Uuid(0);
        json.WriteStringValue(id);
        var fields = Fields.AsSpan();
        for (var i = 1; i < fields.Length; i++)
        {
            var field = fields[i];
            var column = _columns[i];
            json.WritePropertyName(field.Json);
            if (column < 0)
            {
                WriteSealed(json, opened!, field);
            }
            else if (row.IsNull(column))
            {
                json.WriteNullValue();
            }
            else if (field.Mask is { } mask)
            {
                Masking.Write(json, mask, FieldValue.From(row, column, field.Type));
            }
            else if (expanded is null || field.Type != FieldType.Reference
                || !expanded.TryWriteReference(json, field, row.Uuid(column)))
            {
                WriteValue(json, row, column, field.Type);
            }
        }

        expanded?.WriteInverses(json, id);
        json.WriteEndObject();
    }

    /// <summary>Writes a record from values in the order of the entity's fields, exactly as it would be read.</summary>
    public void Write(Utf8JsonWriter json, RecordValues record)
    {
        json.WriteStartObject();
        foreach (var field in Fields)
        {
            json.WritePropertyName(field.Json);
            var value = record.Of(field);
            if (field.Mask is { } mask)
            {
                Masking.Write(json, mask, value);
            }
            else
            {
                value.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteSealed(Utf8JsonWriter json, OpenedRecord opened, RecordField field)
    {
        if (opened.IsNull(field))
        {
            json.WriteNullValue();
        }
        else if (field.Mask is { } mask)
        {
            Masking.Write(json, mask, opened.Of(field));
        }
        else
        {
            opened.WriteTo(json, field);
        }
    }

    private static void WriteValue(Utf8JsonWriter json, Row row, int column, FieldType type)
    {
        switch (type)
        {
            case FieldType.Text or FieldType.Enum:
                json.WriteStringValue(row.Text(column));
                break;
            case FieldType.Integer:
                json.WriteNumberValue(row.Integer(column));
                break;
            case FieldType.Decimal:
                json.WriteNumberValue(row.Decimal(column));
                break;
            case FieldType.Boolean:
                json.WriteBooleanValue(row.Boolean(column));
                break;
            case FieldType.Date:
                Instants.Write(json, row.Date(column));
                break;
            case FieldType.Timestamp:
                Instants.Write(json, row.Timestamp(column));
                break;
            case FieldType.Json:
                row.WriteJson(column, json);
                break;
            default:
                json.WriteStringValue(row.Uuid(column));
                break;
        }
    }
}

/// <summary>A record in memory: of a create, or of an update's old values with the new ones over them.</summary>
/// <param name="Values">By place in the entity's fields.</param>
internal sealed record RecordValues(Guid Id, Guid Version, DateTime CreatedAt, DateTime UpdatedAt, FieldValue[] Values)
{
    public FieldValue Of(RecordField field) =>
        field.Index >= 0 ? Values[field.Index]
        : field == RecordField.Id ? FieldValue.Uuid(FieldType.Uuid, Id)
        : FieldValue.Timestamp(field == RecordField.CreatedAt ? CreatedAt : UpdatedAt);
}
