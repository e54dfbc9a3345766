using System.Text.Json;

namespace Bulkhead.Platform.Data;

/// <summary>The audit log's part of the document: it is the same in every app.</summary>
internal static class OpenApiAudit
{
    public static void Schemas(Utf8JsonWriter json)
    {
        json.Object(OpenApiNames.AuditEntry, () =>
        {
            json.WriteString("type", "object");
            json.WriteString("description", "Who did what, when, to which record and why; names of fields, never their values.");
            json.Strings("required", "id", "at", "actor", "action", "result");
            json.Object("properties", () =>
            {
                json.Object("id", () => OpenApiComponents.StringSchema(json, format: "uuid"));
                json.Object("at", () => OpenApiComponents.StringSchema(json, format: "date-time"));
                json.Object("actor", static () => { });
                json.Object("action", () => OpenApiComponents.StringSchema(json));
                json.Object("entity", () => json.Strings("type", "string", "null"));
                json.Object("result", () =>
                {
                    json.WriteString("type", "string");
                    json.Strings("enum", "ok", "denied");
                });
            });
        });
        json.Object(OpenApiNames.AuditPage, () =>
        {
            json.WriteString("type", "object");
            json.Strings("required", "data", "next");
            json.Object("properties", () =>
            {
                json.Object("data", () =>
                {
                    json.WriteString("type", "array");
                    json.RefObject("items", "schemas", OpenApiNames.AuditEntry);
                });
                json.Object("next", OpenApiComponents.NextCursor(json));
            });
        });
    }

    public static void Parameters(Utf8JsonWriter json)
    {
        Filter(json, "action", "Only entries of this action.");
        Filter(json, "actor", "Only acts of this account.");
        Filter(json, "entity", "Only acts on this entity.");
        Filter(json, "record", "Only acts that touched this record.", "uuid");
        Filter(json, "at.gte", "Not before.", "date-time");
        Filter(json, "at.lt", "Before.", "date-time");
    }

    private static void Filter(Utf8JsonWriter json, string name, string description, string? format = null) => json.Object(() =>
        OpenApiComponents.ParameterBody(json, "query", name, description, required: false,
            () => OpenApiComponents.StringSchema(json, format)));
}
