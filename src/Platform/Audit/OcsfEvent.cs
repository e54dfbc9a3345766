using System.Globalization;
using System.Text.Json;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// An entry as an event of the Open Cybersecurity Schema Framework. What the framework has no place for stands in <c>unmapped</c>. It proves
/// nothing: the words of the entry are not those that were sealed, and each event says so.
/// </summary>
internal static class OcsfEvent
{
    public const string Version = "1.3.0";

    public const string Label = "unproven";

    /// <summary>An action that this version does not know (of another version's entry): other activity of an API.</summary>
    private static AuditEventType Unknown(string action) => new(action, action, [], OcsfClass.ApiActivity, 99, OcsfSeverity.Informational);

    public static void Write(Utf8JsonWriter json, long position, string body)
    {
        using var document = JsonDocument.Parse(body);
        var entry = document.RootElement;
        var action = Text(entry, "action") ?? "";
        var type = AuditEvents.All.GetValueOrDefault(action) ?? Unknown(action);
        var denied = Text(entry, "result") == "denied";
        // Who is refused tries what is not theirs; how grave, the act itself says.
        var severity = denied && type.Severity < OcsfSeverity.Medium ? OcsfSeverity.Low : type.Severity;
        json.WriteStartObject();
        json.WriteNumber("category_uid", (int)type.Class / 1000);
        json.WriteNumber("class_uid", (int)type.Class);
        json.WriteNumber("activity_id", type.Activity);
        json.WriteNumber("type_uid", ((int)type.Class * 100L) + type.Activity);
        json.WriteNumber("severity_id", (int)severity);
        json.WriteNumber("status_id", denied ? 2 : 1);
        json.WriteNumber("time", Milliseconds(entry));
        json.WriteString("message", type.Meaning);
        Optional(json, "status_detail", Text(entry, "reason"));
        Metadata(json, position, entry, action);
        json.WritePropertyName("actor");
        Actor(json, entry);
        Class(json, type, entry, action);
        Unmapped(json, entry);
        json.WriteEndObject();
    }

    private static void Metadata(Utf8JsonWriter json, long position, JsonElement entry, string action)
    {
        json.WriteStartObject("metadata");
        json.WriteString("version", Version);
        json.WriteStartObject("product");
        json.WriteString("name", "Bulkhead");
        json.WriteString("vendor_name", "Bulkhead");
        json.WriteEndObject();
        json.WriteString("event_code", action);
        Optional(json, "uid", Text(entry, "id"));
        Optional(json, "tenant_uid", Text(entry, "tenant"));
        Optional(json, "correlation_uid", Text(entry, "request"));
        Optional(json, "original_time", Text(entry, "at"));
        json.WriteNumber("sequence", position);
        json.WriteStartArray("labels");
        json.WriteStringValue(Label);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Actor(Utf8JsonWriter json, JsonElement entry)
    {
        json.WriteStartObject();
        json.WritePropertyName("user");
        User(json, entry);
        Optional(json, "app_name", Text(entry, "app"));
        json.WriteEndObject();
    }

    private static void User(Utf8JsonWriter json, JsonElement entry)
    {
        var actor = entry.TryGetProperty("actor", out var given) ? given : default;
        var kind = Text(actor, "kind");
        json.WriteStartObject();
        json.WriteString("uid", Text(actor, "id") ?? "unknown");
        // 1 a user, 2 an administrator, 3 the system; a service account is none of them.
        json.WriteNumber("type_id", kind switch { "user" => 1, "operator" => 2, "platform" => 3, _ => 99 });
        json.WriteString("type", kind ?? "unknown");
        json.WriteStartArray("groups");
        if (actor.ValueKind == JsonValueKind.Object && actor.TryGetProperty("roles", out var roles))
        {
            foreach (var role in roles.EnumerateArray())
            {
                json.WriteStartObject();
                json.WriteString("name", role.GetString());
                json.WriteEndObject();
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>What each class demands.</summary>
    private static void Class(Utf8JsonWriter json, AuditEventType type, JsonElement entry, string action)
    {
        if (type.Class is OcsfClass.ApiActivity or OcsfClass.DatastoreActivity)
        {
            json.WriteStartObject("src_endpoint");
            json.WriteString("name", Text(entry, "source") ?? "unknown");
            json.WriteEndObject();
        }

        switch (type.Class)
        {
            case OcsfClass.ApiActivity:
                json.WriteStartObject("api");
                json.WriteString("operation", action);
                json.WriteEndObject();
                break;
            case OcsfClass.DatastoreActivity:
                json.WriteNumber("type_id", 3);
                json.WriteStartObject("table");
                json.WriteString("name", Text(entry, "entity") ?? action[..Math.Max(0, action.IndexOf('.', StringComparison.Ordinal))]);
                json.WriteEndObject();
                break;
            case OcsfClass.EntityManagement:
                json.WriteStartObject("entity");
                json.WriteString("type", action.Split('.')[0]);
                json.WriteString("name", Text(entry, "entity") ?? action);
                json.WriteEndObject();
                break;
            default:
                json.WritePropertyName("user");
                User(json, entry);
                json.WriteStartObject("service");
                json.WriteString("name", "Bulkhead");
                json.WriteEndObject();
                break;
        }
    }

    private static void Unmapped(Utf8JsonWriter json, JsonElement entry)
    {
        json.WriteStartObject("unmapped");
        foreach (var name in new[] { "details", "fields", "purpose", "records", "policy", "credential", "assurance", "onBehalfOf", "ticket" })
        {
            if (entry.TryGetProperty(name, out var value))
            {
                json.WritePropertyName(name);
                value.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }

    private static long Milliseconds(JsonElement entry) =>
        DateTimeOffset.TryParse(Text(entry, "at"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            ? at.ToUnixTimeMilliseconds()
            : 0;

    private static string? Text(JsonElement entry, string name) =>
        entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static void Optional(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }
}
