using System.Text.Json;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>Examples that satisfy their own schemas, the same at every writing.</summary>
internal static class OpenApiExamples
{
    public const string Id = "01980f2e-6c11-7d3a-9c41-2f6f5d0a7b11";
    public const string OtherId = "01980f2e-6c12-71b8-8a02-4b1f0e9d3c55";
    public const string ETag = "\"01980f2e-6c13-7e90-b1d4-77a9c25e0f02\"";
    public const string Timestamp = "2026-01-15T09:30:00Z";

    /// <summary>More optional fields than these make an example longer, not clearer.</summary>
    private const int OptionalFields = 6;

    public static void Record(Utf8JsonWriter json, EntityModel entity) => json.Object(() =>
    {
        json.WriteString("id", Id);
        json.WriteString("createdAt", Timestamp);
        json.WriteString("updatedAt", Timestamp);
        foreach (var field in entity.Fields)
        {
            Value(json, field);
        }
    });

    public static void Create(Utf8JsonWriter json, EntityModel entity) => json.Object(() =>
    {
        var optional = 0;
        foreach (var field in entity.Fields)
        {
            // an optional reference is left out: the example should be accepted as it stands, as far as it can be
            if (field.Required || (field.Type != FieldType.Reference && optional++ < OptionalFields))
            {
                Value(json, field);
            }
        }
    });

    public static void Patch(Utf8JsonWriter json, EntityModel entity) => json.Object(() =>
    {
        if (entity.Fields.FirstOrDefault(f => f.Type != FieldType.Reference && !f.Unique) is { } field)
        {
            Value(json, field);
        }
    });

    private static void Value(Utf8JsonWriter json, FieldModel field)
    {
        json.WritePropertyName(field.Name);
        switch (field.Type)
        {
            case FieldType.Integer:
                json.WriteNumberValue((long)Clamp(field, 1));
                break;
            case FieldType.Decimal:
                json.WriteNumberValue(Clamp(field, field.Scale == 0 ? 12 : 12.5m));
                break;
            case FieldType.Boolean:
                json.WriteBooleanValue(true);
                break;
            case FieldType.Json:
                json.Object(static () => { });
                break;
            case FieldType.Date:
                json.WriteStringValue("1984-05-17");
                break;
            case FieldType.Timestamp:
                json.WriteStringValue(Timestamp);
                break;
            case FieldType.Uuid or FieldType.Reference:
                json.WriteStringValue(OtherId);
                break;
            case FieldType.Enum:
                json.WriteStringValue(field.Values[0]);
                break;
            default:
                json.WriteStringValue(Text(field));
                break;
        }
    }

    private static string Text(FieldModel field)
    {
        var text = OpenApiNames.Capital(OpenApiNames.Words(field.Name));
        text = text.PadRight(field.MinLength ?? 0, 'x');
        return field.MaxLength is { } most && text.Length > most ? text[..most] : text;
    }

    private static decimal Clamp(FieldModel field, decimal value) =>
        Math.Min(Math.Max(value, field.Min ?? value), field.Max ?? decimal.MaxValue);
}
