using System.Text.Json;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>The JSON Schemas (2020-12, as OpenAPI 3.1 has it) of an app's entities.</summary>
internal sealed class OpenApiSchemas(Utf8JsonWriter json, AppModel app, DataLimits limits)
{
    public void Write()
    {
        foreach (var entity in app.Entities)
        {
            Record(entity);
            Create(entity);
            Patch(entity);
            ImportLine(entity);
            Page(entity);
        }
    }

    /// <summary>The schema of a stored value.</summary>
    private void Value(FieldModel field, bool nullable)
    {
        Type(JsonType(field.Type), nullable);
        switch (field.Type)
        {
            case FieldType.Text:
                if (field.MinLength is > 0 and var least)
                {
                    json.WriteNumber("minLength", least);
                }

                json.WriteNumber("maxLength", field.MaxLength ?? limits.MaxTextLength);
                break;
            case FieldType.Integer:
                json.WriteString("format", "int64");
                Range(field);
                break;
            case FieldType.Decimal:
                Range(field);
                if (field.Scale is { } scale)
                {
                    // multipleOf would be the standard's word, but validators that count in binary refuse 19.99 by it
                    json.WriteNumber("x-scale", scale);
                }

                break;
            case FieldType.Date:
                json.WriteString("format", "date");
                break;
            case FieldType.Timestamp:
                json.WriteString("format", "date-time");
                break;
            case FieldType.Uuid or FieldType.Reference:
                json.WriteString("format", "uuid");
                break;
            case FieldType.Enum when nullable:
                json.Array("enum", () =>
                {
                    foreach (var value in field.Values)
                    {
                        json.WriteStringValue(value);
                    }

                    json.WriteNullValue();
                });
                break;
            case FieldType.Enum:
                json.Strings("enum", field.Values);
                break;
        }
    }

    /// <summary>The value of a filter: of the field's type, but one may well ask for what no record can hold.</summary>
    public void Sought(FieldModel field)
    {
        json.WriteString("type", JsonType(field.Type));
        switch (field.Type)
        {
            case FieldType.Integer:
                json.WriteString("format", "int64");
                break;
            case FieldType.Date:
                json.WriteString("format", "date");
                break;
            case FieldType.Timestamp:
                json.WriteString("format", "date-time");
                break;
            case FieldType.Uuid or FieldType.Reference:
                json.WriteString("format", "uuid");
                break;
            case FieldType.Enum:
                json.Strings("enum", field.Values);
                break;
        }
    }

    private void Record(EntityModel entity) => json.Object(OpenApiNames.Record(entity), () =>
    {
        json.WriteString("type", "object");
        json.OptionalString("description", entity.Description);
        // fields that the actor may not read, or did not ask for, are absent
        json.Strings("required", "id");
        json.Object("properties", () =>
        {
            Own("id", "uuid", "Identity of the record within the tenant.");
            Own("createdAt", "date-time", "When the record was created, UTC.");
            Own("updatedAt", "date-time", "When the record was last changed, UTC.");
            foreach (var field in entity.Fields)
            {
                json.Object(field.Name, () => RecordField(entity, field));
            }

            foreach (var inverse in entity.Inverses)
            {
                json.Object(inverse.Name, () => Inverse(inverse));
            }
        });
        json.Array("examples", () => OpenApiExamples.Record(json, entity));
    });

    private void Own(string name, string format, string description) => json.Object(name, () =>
    {
        json.WriteString("type", "string");
        json.WriteString("format", format);
        json.WriteString("description", description);
        json.WriteBoolean("readOnly", true);
    });

    private void RecordField(EntityModel entity, FieldModel field)
    {
        var masks = MasksOf(entity, field);
        if (field.Reference is { } reference)
        {
            json.Array("anyOf", () =>
            {
                json.Object(() => Value(field, nullable: !field.Required));
                json.RefObject("schemas", OpenApiNames.Record(app.ByName[reference.Target]));
                if (field.Required)
                {
                    // expanded to a record that the actor may not see
                    json.Object(() => json.WriteString("type", "null"));
                }
            });
        }
        else if (masks.Length > 0)
        {
            json.Array("anyOf", () =>
            {
                json.Object(() => Value(field, nullable: !field.Required));
                json.Object(() =>
                {
                    json.WriteString("type", "string");
                    json.WriteString("description", "Masked, for the roles: " + string.Join(", ", masks) + ".");
                });
            });
        }
        else
        {
            Value(field, nullable: !field.Required);
        }

        json.OptionalString("description", Description(field));
        Class(field);
    }

    private void Inverse(InverseModel inverse)
    {
        json.WriteString("type", "object");
        json.WriteString("description",
            $"Only with expand={inverse.Name}: the first {limits.MaxExpanded} that the actor may list.");
        json.Strings("required", "data", "truncated");
        json.Object("properties", () =>
        {
            json.Object("data", () =>
            {
                json.WriteString("type", "array");
                json.WriteNumber("maxItems", limits.MaxExpanded);
                json.RefObject("items", "schemas", OpenApiNames.Record(app.ByName[inverse.Entity]));
            });
            json.Object("truncated", () =>
            {
                json.WriteString("type", "boolean");
                json.WriteString("description", "There are more.");
            });
        });
        json.WriteBoolean("readOnly", true);
    }

    private void Create(EntityModel entity) => json.Object(OpenApiNames.Create(entity), () =>
    {
        json.WriteString("type", "object");
        json.WriteBoolean("additionalProperties", false);
        var required = entity.Fields.Where(f => f.Required && f.Default is null).Select(f => f.Name).ToArray();
        if (required.Length > 0)
        {
            json.Strings("required", required);
        }

        json.Object("properties", () =>
        {
            json.Object("id", () =>
            {
                json.WriteString("type", "string");
                json.WriteString("format", "uuid");
                json.WriteString("description", "Chosen by the client; a UUID version 7 when absent.");
            });
            foreach (var field in entity.Fields)
            {
                json.Object(field.Name, () => InputField(field, withDefault: true));
            }
        });
        json.Array("examples", () => OpenApiExamples.Create(json, entity));
    });

    private void Patch(EntityModel entity) => json.Object(OpenApiNames.Patch(entity), () =>
    {
        json.WriteString("type", "object");
        json.WriteString("description",
            "A merge patch (RFC 7396): what is absent stays, null empties an optional field.");
        json.WriteBoolean("additionalProperties", false);
        json.Object("properties", () =>
        {
            foreach (var field in entity.Fields)
            {
                json.Object(field.Name, () => InputField(field, withDefault: false));
            }
        });
        json.Array("examples", () => OpenApiExamples.Patch(json, entity));
    });

    private void ImportLine(EntityModel entity) => json.Object(OpenApiNames.Line(entity), () =>
    {
        json.WriteString("description", "One line of an import: as for create, with the id.");
        json.Array("allOf", () => json.RefObject("schemas", OpenApiNames.Create(entity)));
        json.Strings("required", "id");
    });

    private void Page(EntityModel entity) => json.Object(OpenApiNames.Page(entity), () =>
    {
        json.WriteString("type", "object");
        json.Strings("required", "data", "next");
        json.Object("properties", () =>
        {
            json.Object("data", () =>
            {
                json.WriteString("type", "array");
                json.WriteNumber("maxItems", limits.MaxPage);
                json.RefObject("items", "schemas", OpenApiNames.Record(entity));
            });
            json.Object("next", OpenApiComponents.NextCursor(json));
        });
    });

    private void InputField(FieldModel field, bool withDefault)
    {
        Value(field, nullable: !field.Required);
        json.OptionalString("description", Description(field));
        if (withDefault && field.Default is { } value)
        {
            json.WritePropertyName("default");
            if (field.Type is FieldType.Integer or FieldType.Decimal or FieldType.Boolean or FieldType.Json)
            {
                json.WriteRawValue(value);
            }
            else
            {
                json.WriteStringValue(value);
            }
        }

        Class(field);
    }

    private void Class(FieldModel field)
    {
        json.WriteString("x-data-class", field.Class.ToString().ToLowerInvariant());
        if (field.Unique)
        {
            json.WriteBoolean("x-unique", true);
        }

        if (field.Reference is { } reference)
        {
            json.WriteString("x-references", reference.Target);
            json.WriteString("x-on-delete", reference.OnDelete switch
            {
                OnDelete.Cascade => "cascade",
                OnDelete.SetNull => "setNull",
                _ => "restrict",
            });
        }
    }

    private void Type(string? type, bool nullable)
    {
        if (type is null)
        {
            // json: any value, so there is no type to state
            return;
        }

        if (nullable)
        {
            json.Strings("type", type, "null");
        }
        else
        {
            json.WriteString("type", type);
        }
    }

    private void Range(FieldModel field)
    {
        if (field.Min is { } min)
        {
            json.WriteNumber("minimum", min);
        }

        if (field.Max is { } max)
        {
            json.WriteNumber("maximum", max);
        }
    }

    private string[] MasksOf(EntityModel entity, FieldModel field) =>
        [.. app.Roles.Values
            .Where(role => role.Grants.TryGetValue(entity.Name, out var grant) && grant.Masks.ContainsKey(field.Name))
            .Select(role => role.Name)
            .Order(StringComparer.Ordinal)];

    private string? Description(FieldModel field) =>
        field.Reference is { } reference
            ? $"{field.Description ?? OpenApiNames.Capital(OpenApiNames.Words(field.Name)) + "."} "
                + $"The id of a record of {OpenApiNames.Words(app.ByName[reference.Target].Plural)}."
            : field.Description;

    private static string? JsonType(FieldType type) => type switch
    {
        FieldType.Integer => "integer",
        FieldType.Decimal => "number",
        FieldType.Boolean => "boolean",
        FieldType.Json => null,
        _ => "string",
    };
}
