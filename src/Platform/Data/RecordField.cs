using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>
/// A field of a record as one set of roles meets it; the fields that every record has are among them.
/// </summary>
internal sealed class RecordField
{
    private RecordField(string name, SqlName column, FieldType type, bool required, DataClass dataClass)
    {
        Name = name;
        Json = JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
        Column = column;
        Type = type;
        Required = required;
        Class = dataClass;
    }

    public static RecordField Id { get; } = Of("id", "id", FieldType.Uuid);

    public static RecordField CreatedAt { get; } = Of("createdAt", "created_at", FieldType.Timestamp);

    public static RecordField UpdatedAt { get; } = Of("updatedAt", "updated_at", FieldType.Timestamp);

    public string Name { get; }

    public JsonEncodedText Json { get; }

    public SqlName Column { get; }

    public FieldType Type { get; }

    /// <summary>Never null in the database.</summary>
    public bool Required { get; }

    public DataClass Class { get; }

    /// <summary>Null for the fields that every record has.</summary>
    public FieldModel? Model { get; private init; }

    public ImmutableArray<string> Values { get; private init; } = [];

    public MaskModel? Mask { get; private init; }

    /// <summary>Lies in the envelope of its class; its column does not exist.</summary>
    public bool IsSealed => Model is { IsSealed: true };

    /// <summary>May be filtered and sorted by: readable and unmasked.</summary>
    public bool Searchable { get; private init; } = true;

    /// <summary>Place in the entity's fields; -1 for those that every record has.</summary>
    public int Index { get; private init; } = -1;

    public static RecordField Of(FieldModel model, int index, MaskModel? mask, bool searchable) =>
        new(model.Name, model.Column, model.Type, model.Required, model.Class)
        {
            Model = model,
            Values = model.Values,
            Mask = mask,
            Searchable = searchable,
            Index = index,
        };

    private static RecordField Of(string name, string column, FieldType type) =>
        new(name, SqlName.Of(column), type, required: true, DataClass.Internal);
}
