using System.Text.Json;
using Bulkhead.Platform.Apps;
using static Bulkhead.Platform.Data.OpenApiComponents;

namespace Bulkhead.Platform.Data;

/// <summary>Every path and method that the server has for an app.</summary>
internal sealed class OpenApiOperations(Utf8JsonWriter json, OpenApiSchemas schemas, AppModel app, DataLimits limits)
{
    private const string Json = "application/json";

    public void Write()
    {
        foreach (var entity in app.Entities)
        {
            json.Object($"/{entity.Plural}", () =>
            {
                List(entity);
                Create(entity);
            });
            json.Object($"/{entity.Plural}/{{id}}", () =>
            {
                json.Array("parameters", () => json.RefObject("parameters", "Id"));
                Get(entity);
                Update(entity);
                Delete(entity);
            });
            json.Object($"/{entity.Plural}/{{id}}/audit", () =>
            {
                json.Array("parameters", () => json.RefObject("parameters", "Id"));
                Trace(entity);
            });
            json.Object($"/{entity.Plural}/import", () => Import(entity));
        }

        json.Object("/counts", Counts);
        json.Object("/audit", Audit);
        json.Object("/audit/tail", Tail);
        json.Object("/openapi.json", Document);
    }

    private void List(EntityModel entity) => Operation("get", "list", entity.Plural, entity, () =>
    {
        json.WriteString("summary", $"List {OpenApiNames.Words(entity.Plural)}");
        json.WriteString("description", $"Filters are joined by and, at most {limits.MaxFilters}.");
        json.Array("parameters", () =>
        {
            json.RefObject("parameters", "Limit");
            json.RefObject("parameters", "After");
            Words("sort", "Keys in order of weight, `-` for descending; the id breaks ties.", limits.MaxSortKeys,
                OpenApiOperators.Sortable(entity).SelectMany(name => (string[])[name, "-" + name]));
            Selection(entity);
            json.RefObject("parameters", "Purpose");
            json.RefObject("parameters", "Ticket");
            foreach (var (name, type) in OpenApiOperators.OwnFields)
            {
                foreach (var operation in OpenApiOperators.For(type))
                {
                    Filter(name, operation, () => OwnValue(type), null);
                }
            }

            foreach (var field in entity.Fields)
            {
                foreach (var operation in OpenApiOperators.For(field))
                {
                    Filter(field.Name, operation, () => schemas.Sought(field), field);
                }
            }
        });
        Responses(() => Ok("200", "A page.", Json, OpenApiNames.Page(entity)), 400, 404);
    });

    private void Create(EntityModel entity) => Operation("post", "create", entity.Name, entity, () =>
    {
        json.WriteString("summary", $"Create a record of {OpenApiNames.Words(entity.Plural)}");
        json.Array("parameters", () =>
        {
            json.RefObject("parameters", "IdempotencyKey");
            json.RefObject("parameters", "Purpose");
            json.RefObject("parameters", "Ticket");
        });
        Body(OpenApiNames.Create(entity), Json);
        Responses(
            () => Ok("201", "Created.", Json, OpenApiNames.Record(entity), "ETag", "Location", "IdempotencyReplayed"),
            400, 404, 409, 413, 415, 422);
    });

    private void Get(EntityModel entity) => Operation("get", "get", entity.Name, entity, () =>
    {
        json.WriteString("summary", $"Read a record of {OpenApiNames.Words(entity.Plural)}");
        json.Array("parameters", () =>
        {
            Selection(entity);
            json.RefObject("parameters", "Purpose");
            json.RefObject("parameters", "Ticket");
        });
        Responses(() => Ok("200", "The record.", Json, OpenApiNames.Record(entity), "ETag"), 400, 404);
    });

    private void Update(EntityModel entity) => Operation("patch", "update", entity.Name, entity, () =>
    {
        json.WriteString("summary", $"Change a record of {OpenApiNames.Words(entity.Plural)}");
        json.Array("parameters", () =>
        {
            json.RefObject("parameters", "IfMatch");
            json.RefObject("parameters", "Purpose");
            json.RefObject("parameters", "Ticket");
        });
        Body(OpenApiNames.Patch(entity), "application/merge-patch+json", Json);
        Responses(
            () => Ok("200", "As it is now.", Json, OpenApiNames.Record(entity), "ETag"),
            400, 404, 409, 412, 413, 415, 422, 428);
    });

    private void Delete(EntityModel entity) => Operation("delete", "delete", entity.Name, entity, () =>
    {
        json.WriteString("summary", $"Delete a record of {OpenApiNames.Words(entity.Plural)}");
        json.Array("parameters", () =>
        {
            json.RefObject("parameters", "IfMatch");
            json.RefObject("parameters", "Purpose");
            json.RefObject("parameters", "Ticket");
        });
        Responses(() => Ok("204", "Deleted.", null, null), 400, 404, 409, 412, 428);
    });

    private void Import(EntityModel entity) => Operation("post", "import", entity.Plural, entity, () =>
    {
        json.WriteString("summary", $"Import {OpenApiNames.Words(entity.Plural)} in bulk");
        json.WriteString("description",
            $"One JSON object per line, at most {limits.MaxImportLines} lines and {limits.MaxImportBytes} bytes. "
            + "A bad line is reported and never stops the others; an id that exists is counted and left as it is, so that a repetition changes nothing.");
        json.Array("parameters", () =>
        {
            json.RefObject("parameters", "ImportSource");
            json.RefObject("parameters", "Purpose");
            json.RefObject("parameters", "Ticket");
        });
        json.Object("requestBody", () =>
        {
            json.WriteBoolean("required", true);
            json.Object("content", () => json.Object("application/x-ndjson", () => json.Object("schema", () =>
            {
                json.WriteString("type", "string");
                json.WriteString("description", $"Each line is a `{OpenApiNames.Line(entity)}`.");
            })));
            json.RefObject("x-line-schema", "schemas", OpenApiNames.Line(entity));
        });
        Responses(() => Ok("200", "What became of the lines.", Json, OpenApiNames.ImportResult), 400, 404, 413, 415);
    });

    private void Counts() => PlatformOperation("readCounts", "Count records", () =>
    {
        json.Array("parameters", () =>
        {
            json.RefObject("parameters", "Purpose");
            json.RefObject("parameters", "Ticket");
        });
        Responses(() => Ok("200", "Records by collection.", Json, OpenApiNames.Counts));
    });

    private void Audit() => PlatformOperation("readAudit", "Read the audit log, newest first", () =>
    {
        json.WriteString("description", "For roles with `audit: read`.");
        json.Array("parameters", () =>
        {
            json.RefObject("parameters", "Limit");
            json.RefObject("parameters", "After");
            json.RefObject("parameters", "Purpose");
            json.RefObject("parameters", "Ticket");
            OpenApiAudit.Parameters(json);
        });
        Responses(() => Ok("200", "A page of entries.", Json, OpenApiNames.AuditPage), 400, 404);
    });

    private void Trace(EntityModel entity) => Operation("get", "trace", entity.Name, entity, () =>
    {
        json.WriteString("summary", $"The acts about a record of {OpenApiNames.Words(entity.Plural)}, oldest first");
        json.WriteString("description", "For roles with `audit: read`; also of a record that was deleted.");
        json.Array("parameters", () =>
        {
            json.RefObject("parameters", "Limit");
            json.RefObject("parameters", "After");
            json.RefObject("parameters", "Purpose");
            json.RefObject("parameters", "Ticket");
            OpenApiAudit.CommonParameters(json);
        });
        Responses(() => Ok("200", "A page of entries.", Json, OpenApiNames.AuditPage), 400, 404);
    });

    private void Tail() => PlatformOperation("readAuditTail", "Follow the audit log as entries are sealed", () =>
    {
        json.WriteString(
            "description",
            "Server-sent events, for roles with `audit: read`: `begin`, then an `entry` (or `gone`) for each position, whose id is the position; "
            + "`end` with a reason. `Last-Event-ID` goes on after that position, without gap and double.");
        json.Array("parameters", () => json.Object(() => ParameterBody(
            json, "query", "from", "Position to begin at; without it, now.", required: false, () => json.WriteString("type", "integer"))));
        json.Object("responses", () =>
        {
            json.Object("200", () =>
            {
                json.WriteString("description", "The stream.");
                json.Object("content", () => json.Object("text/event-stream", () =>
                    json.Object("schema", () => json.WriteString("type", "string"))));
            });
            ErrorRefs(json, [400, 404]);
        });
    });

    private void Document() => PlatformOperation("readOpenApi", "This document", () =>
    {
        json.WriteStartArray("security");
        json.WriteEndArray();
        json.Object("responses", () =>
        {
            json.Object("200", () =>
            {
                json.WriteString("description", "OpenAPI 3.1 of the app that this tenant runs.");
                json.Object("content", () => json.Object(Json, () =>
                    json.Object("schema", () => json.WriteString("type", "object"))));
            });
            json.RefObject("429", "responses", "TooManyRequests");
        });
    });

    private void Operation(string method, string verb, string name, EntityModel entity, Action body) =>
        json.Object(method, () =>
    {
        json.WriteString("operationId", OpenApiNames.Operation(verb, name));
        json.Strings("tags", entity.Plural);
        body();
    });

    private void PlatformOperation(string id, string summary, Action body) => json.Object("get", () =>
    {
        json.WriteString("operationId", id);
        json.Strings("tags", OpenApiDocument.PlatformTag);
        json.WriteString("summary", summary);
        body();
    });

    private void Selection(EntityModel entity)
    {
        Words("fields", "Only these; the id always comes.", null,
            OpenApiOperators.OwnFields.Select(own => own.Name).Concat(entity.Fields.Select(f => f.Name)));
        var expansions = entity.Fields.Where(f => f.Reference is not null).Select(f => f.Name)
            .Concat(entity.Inverses.Select(i => i.Name)).ToArray();
        if (expansions.Length > 0)
        {
            Words("expand", "Put the records themselves in, one level deep, under the permissions for each.",
                limits.MaxExpansions, expansions);
        }
    }

    private void Words(string name, string description, int? most, IEnumerable<string> words) => json.Object(() =>
    {
        ParameterBody(json, "query", name, description, required: false, () =>
        {
            json.WriteString("type", "array");
            json.Object("items", () =>
            {
                json.WriteString("type", "string");
                json.Strings("enum", words);
            });
            if (most is { } limit)
            {
                json.WriteNumber("maxItems", limit);
            }
        });
        CommaSeparated();
    });

    private void Filter(string name, string operation, Action value, FieldModel? field) => json.Object(() =>
    {
        var parameter = operation == OpenApiOperators.Equal ? name : $"{name}.{operation}";
        ParameterBody(json, "query", parameter, OpenApiOperators.Describe(operation), required: false, () =>
        {
            switch (operation)
            {
                case OpenApiOperators.Null:
                    json.WriteString("type", "boolean");
                    break;
                case OpenApiOperators.In:
                    json.WriteString("type", "array");
                    json.WriteNumber("maxItems", limits.MaxInValues);
                    json.Object("items", value);
                    break;
                default:
                    value();
                    break;
            }
        });
        if (operation == OpenApiOperators.In)
        {
            CommaSeparated();
        }

        if (field is not null)
        {
            json.WriteString("x-data-class", field.Class.ToString().ToLowerInvariant());
        }
    });

    private void OwnValue(FieldType type)
    {
        json.WriteString("type", "string");
        json.WriteString("format", type == FieldType.Uuid ? "uuid" : "date-time");
    }

    private void CommaSeparated()
    {
        json.WriteString("style", "form");
        json.WriteBoolean("explode", false);
    }

    private void Body(string schema, params string[] mediaTypes) => json.Object("requestBody", () =>
    {
        json.WriteBoolean("required", true);
        json.Object("content", () =>
        {
            foreach (var mediaType in mediaTypes)
            {
                json.Object(mediaType, () => json.RefObject("schema", "schemas", schema));
            }
        });
    });

    private void Responses(Action success, params int[] errors) => json.Object("responses", () =>
    {
        success();
        ErrorRefs(json, errors);
    });

    private void Ok(string status, string description, string? mediaType, string? schema, params string[] headers) =>
        json.Object(status, () =>
        {
            json.WriteString("description", description);
            json.Object("headers", () =>
            {
                json.RefObject("Request-Id", "headers", "RequestId");
                foreach (var header in headers)
                {
                    var name = header == "IdempotencyReplayed" ? "Idempotency-Replayed" : header;
                    json.RefObject(name, "headers", header);
                }
            });
            if (mediaType is not null && schema is not null)
            {
                json.Object("content", () => json.Object(mediaType, () => json.RefObject("schema", "schemas", schema)));
            }
        });
}
