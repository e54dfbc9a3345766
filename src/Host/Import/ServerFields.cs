using System.Collections.Immutable;
using System.Text.Json;

namespace Bulkhead.Host.Import;

/// <summary>
/// Compares a mapping with what the tenant's app takes, by its OpenAPI document: a wrong name is one fault at its place
/// in the mapping file, not a reject for every row.
/// </summary>
internal static class ServerFields
{
    public static ImmutableArray<MappingFault> Check(Mapping mapping, string openApi)
    {
        using var document = JsonDocument.Parse(openApi);
        var faults = ImmutableArray.CreateBuilder<MappingFault>();
        foreach (var file in mapping.Files)
        {
            if (CreateSchema(document.RootElement, file.Into) is { } schema)
            {
                CheckFile(file, schema, faults);
            }
            else
            {
                faults.Add(new MappingFault(
                    file.Place, "unknown-collection", $"The tenant's app has no collection {file.Into}."));
            }
        }

        return [.. faults.OrderBy(fault => fault.Place.Line).ThenBy(fault => fault.Place.Column)];
    }

    /// <summary>What <c>POST /{into}</c> takes; null when the app has no such collection.</summary>
    private static JsonElement? CreateSchema(JsonElement root, string into)
    {
        var schema = Member(
            root, "paths", $"/{into}", "post", "requestBody", "content", "application/json", "schema");
        return schema is { } found && found.TryGetProperty("$ref", out var reference)
            ? Member(root, reference.GetString()!.TrimStart('#', '/').Split('/'))
            : schema;
    }

    private static void CheckFile(
        FileMapping file, JsonElement schema, ImmutableArray<MappingFault>.Builder faults)
    {
        foreach (var column in file.Columns)
        {
            if (Member(schema, "properties", column.Field) is not { } property)
            {
                faults.Add(Unknown(column.FieldPlace, file, column.Field));
            }
            else if (!Takes(property, column.Type))
            {
                var type = column.Type.ToString().ToLowerInvariant();
                faults.Add(new MappingFault(
                    column.FieldPlace, "wrong-type", $"{file.Into}.{column.Field} does not take the type {type}."));
            }
        }

        foreach (var constant in file.Constants.Where(one => Member(schema, "properties", one.Field) is null))
        {
            faults.Add(Unknown(constant.Place, file, constant.Field));
        }

        var filled = file.Columns.Select(column => column.Field)
            .Concat(file.Constants.Select(constant => constant.Field)).ToHashSet(StringComparer.Ordinal);
        foreach (var field in Texts(schema, "required").Where(field => field != "id" && !filled.Contains(field)))
        {
            faults.Add(new MappingFault(
                file.Place, "required-field", $"{file.Into}.{field} is required, and {file.File} does not fill it."));
        }
    }

    private static MappingFault Unknown(MappingPlace place, FileMapping file, string field) =>
        new(place, "unknown-field", $"{file.Into} has no field {field}.");

    private static bool Takes(JsonElement property, ColumnType type)
    {
        var types = Texts(property, "type");
        var format = property.TryGetProperty("format", out var given) ? given.GetString() : null;
        return types.Count == 0 || type switch
        {
            ColumnType.Text => types.Contains("string") && format is null,
            ColumnType.Date => format == "date",
            ColumnType.Timestamp => format == "date-time",
            ColumnType.Uuid => format == "uuid",
            ColumnType.Integer => types.Contains("integer") || types.Contains("number"),
            ColumnType.Decimal => types.Contains("number"),
            ColumnType.Boolean => types.Contains("boolean"),
            _ => false,
        };
    }

    /// <summary>A member that is a text or a list of texts.</summary>
    private static List<string> Texts(JsonElement element, string name) =>
        !element.TryGetProperty(name, out var member) ? []
        : member.ValueKind == JsonValueKind.Array ? [.. member.EnumerateArray().Select(item => item.GetString()!)]
        : [member.GetString()!];

    private static JsonElement? Member(JsonElement element, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
            {
                return null;
            }
        }

        return element;
    }
}
