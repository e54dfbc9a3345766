using System.Text.Json;

namespace Bulkhead.Platform.Data;

/// <summary>Lets the code that writes the document have the document's shape.</summary>
internal static class OpenApiJson
{
    public static void Object(this Utf8JsonWriter json, Action body)
    {
        json.WriteStartObject();
        body();
        json.WriteEndObject();
    }

    public static void Object(this Utf8JsonWriter json, string name, Action body)
    {
        json.WriteStartObject(name);
        body();
        json.WriteEndObject();
    }

    public static void Array(this Utf8JsonWriter json, string name, Action body)
    {
        json.WriteStartArray(name);
        body();
        json.WriteEndArray();
    }

    public static void Strings(this Utf8JsonWriter json, string name, params IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }

    public static void Ref(this Utf8JsonWriter json, string section, string name) =>
        json.WriteString("$ref", $"#/components/{section}/{name}");

    public static void RefObject(this Utf8JsonWriter json, string section, string name) =>
        json.Object(() => json.Ref(section, name));

    public static void RefObject(this Utf8JsonWriter json, string property, string section, string name) =>
        json.Object(property, () => json.Ref(section, name));

    public static void OptionalString(this Utf8JsonWriter json, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            json.WriteString(name, value);
        }
    }
}
