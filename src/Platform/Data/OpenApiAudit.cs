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
            json.WriteString("description",
                "Who did what, when, to which record and why; names of fields, never their values.");
            json.Strings("required", "action", "actor", "at", "id", "request", "result");
            json.Object("properties", () =>
            {
                json.Object("action", () => OpenApiComponents.StringSchema(json));
                json.Object("actor", () => Actor(json));
                json.Object("app", () =>
                    OpenApiComponents.StringSchema(json, description: "App and version.", example: "clinic@1"));
                json.Object("at", () => OpenApiComponents.StringSchema(json, format: "date-time"));
                json.Object("details", () =>
                {
                    json.WriteString("type", "object");
                    json.Object("additionalProperties", () => json.WriteString("type", "string"));
                });
                json.Object("entity", () => OpenApiComponents.StringSchema(json));
                json.Object("fields", () => Names(json, "Names of the fields that were changed."));
                json.Object("id", () => OpenApiComponents.StringSchema(json, format: "uuid"));
                json.Object("onBehalfOf", () =>
                {
                    json.WriteString("type", "object");
                    json.WriteString("description", "Who asked for what the actor did.");
                    json.Strings("required", "id", "kind");
                    json.Object("properties", () =>
                    {
                        json.Object("id", () => OpenApiComponents.StringSchema(json));
                        json.Object("kind", () => OpenApiComponents.StringSchema(json));
                    });
                });
                json.Object("policy", () =>
                    OpenApiComponents.StringSchema(json, description: "SHA-256 of the access rules that decided, base64url."));
                json.Object("purpose", () =>
                    OpenApiComponents.StringSchema(json, description: "As the caller stated it."));
                json.Object("reason", () => OpenApiComponents.StringSchema(json, description: "Code of the refusal."));
                json.Object("records", () =>
                    json.WriteString("description", "Ids of the records touched, or their count and digest."));
                json.Object("request", () => OpenApiComponents.StringSchema(json, description: "The Request-Id."));
                json.Object("result", () =>
                {
                    json.WriteString("type", "string");
                    json.Strings("enum", "ok", "denied");
                });
                json.Object("tenant", () => OpenApiComponents.StringSchema(json, format: "uuid"));
            });
        });
        json.Object(OpenApiNames.AuditPage, () =>
        {
            json.WriteString("type", "object");
            json.Strings("required", "data", "next", "previous");
            json.Object("properties", () =>
            {
                json.Object("data", () =>
                {
                    json.WriteString("type", "array");
                    json.RefObject("items", "schemas", OpenApiNames.AuditEntry);
                });
                json.Object("next", OpenApiComponents.NextCursor(json));
                json.Object("previous", OpenApiComponents.NextCursor(json));
            });
        });
    }

    private static void Actor(Utf8JsonWriter json)
    {
        json.WriteString("type", "object");
        json.Strings("required", "id", "kind", "roles");
        json.Object("properties", () =>
        {
            json.Object("id", () => OpenApiComponents.StringSchema(json));
            json.Object("kind", () =>
            {
                json.WriteString("type", "string");
                json.Strings("enum", "service", "user", "operator", "platform");
            });
            json.Object("roles", () => Names(json, null));
        });
    }

    private static void Names(Utf8JsonWriter json, string? description)
    {
        json.WriteString("type", "array");
        json.Object("items", () => json.WriteString("type", "string"));
        json.OptionalString("description", description);
    }

    public static void Parameters(Utf8JsonWriter json)
    {
        Filter(json, "action", "Only entries of this action, or of all that begin so: `keys.*`.");
        Filter(json, "actor", "Only acts of this account.");
        Filter(json, "entity", "Only acts on this entity.");
        Filter(json, "record", "Only acts that touched this record.", "uuid");
        CommonParameters(json);
    }

    /// <summary>Of the log and of a record's history.</summary>
    public static void CommonParameters(Utf8JsonWriter json)
    {
        Filter(json, "request", "Only entries of this request, by its Request-Id.");
        Words(json, "result", "Only acts that were done, or that were refused.", "ok", "denied");
        Filter(json, "at.gte", "Not before.", "date-time");
        Filter(json, "at.lt", "Before.", "date-time");
        Words(json, "order", "Which entries come first.", "newest", "oldest");
        Filter(json, "before", "A cursor, `previous` of a page: the page before it.");
    }

    private static void Words(Utf8JsonWriter json, string name, string description, params string[] words) =>
        json.Object(() => OpenApiComponents.ParameterBody(json, "query", name, description, required: false, () =>
        {
            json.WriteString("type", "string");
            json.Strings("enum", words);
        }));

    private static void Filter(Utf8JsonWriter json, string name, string description, string? format = null) =>
        json.Object(() =>
        OpenApiComponents.ParameterBody(json, "query", name, description, required: false,
            () => OpenApiComponents.StringSchema(json, format)));
}
