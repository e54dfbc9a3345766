using System.Text.Json;

namespace Bulkhead.Platform.Data;

/// <summary>What every app's document shares: errors, headers, common parameters, the way to a token.</summary>
internal static class OpenApiComponents
{
    /// <summary>
    /// Answers that any operation may give, by status: the name of the component, its meaning, its stable codes.
    /// </summary>
    private static readonly (int Status, string Name, string Description, string[] Codes)[] Errors =
    [
        (400, "BadRequest", "Malformed, or something in it is unknown: a parameter, an operator, a field.",
            ["invalid-parameter", "unknown-parameter", "unknown-operator", "unknown-field", "unknown-expansion",
                "duplicate-parameter",
                "not-sortable", "too-many-values", "invalid-cursor", "invalid-header", "invalid-body", "malformed-json",
                "duplicate-name"]),
        (401, "Unauthorized",
            "No token, or one that this tenant's issuer did not sign. A token of another tenant is no token here.",
            ["missing-token", "invalid-token"]),
        (404, "NotFound", "Not there, or not for you: what an actor may not see does not exist.", ["not-found"]),
        (409, "Conflict", "A unique value is taken, or the record is still referenced.",
            ["unique-violation", "still-referenced", "conflict", "too-many-dependents"]),
        (412, "Stale", "The record has changed since its ETag was read. Read it again.", ["stale"]),
        (413, "TooLarge", "The body is larger than this operation takes.", ["body-too-large", "too-many"]),
        (415, "UnsupportedMediaType", "The body is of a media type that this operation does not take.",
            ["unsupported-media-type"]),
        (422, "Invalid", "Valid JSON with invalid values; every fault at once.",
            ["invalid-body", "required", "wrong-type", "invalid-format", "not-in-values", "out-of-range",
                "too-short", "too-long", "too-many-decimals", "invalid-value", "read-only-field",
                "reference-not-found", "idempotency-key-reused"]),
        (428, "PreconditionRequired", "A change needs If-Match with the record's ETag.", ["precondition-required"]),
        (429, "TooManyRequests", "More than this tenant's share at once. Wait as Retry-After says.",
            ["too-many-requests"]),
        (503, "Unavailable", "The tenant's data cannot be reached now. Retry as Retry-After says.", ["unavailable"]),
    ];

    public static void Schemas(Utf8JsonWriter json, DataLimits limits)
    {
        Problem(json);
        json.Object(OpenApiNames.Counts, () =>
        {
            json.WriteString("type", "object");
            json.Strings("required", "data");
            json.Object("properties", () => json.Object("data", () =>
            {
                json.WriteString("type", "object");
                json.WriteString("description", "Records by collection; only collections that the actor may list.");
                json.Object("additionalProperties", () =>
                {
                    json.WriteString("type", "integer");
                    json.WriteString("format", "int64");
                    json.WriteNumber("minimum", 0);
                });
            }));
        });
        ImportResult(json, limits);
        OpenApiAudit.Schemas(json);
    }

    public static void Parameters(Utf8JsonWriter json, DataLimits limits)
    {
        Parameter(json, "Id", "path", "id", "Identity of the record.", true, () => StringSchema(json, format: "uuid"));
        Parameter(json, "Limit", "query", "limit", "Records in a page.", false, () =>
        {
            json.WriteString("type", "integer");
            json.WriteNumber("minimum", 1);
            json.WriteNumber("maximum", limits.MaxPage);
            json.WriteNumber("default", limits.DefaultPage);
        });
        Parameter(json, "After", "query", "after",
            "The cursor `next` of the page before. Bound to tenant, actor and query: change one and it is refused.",
            false,
            () => StringSchema(json, most: 4096));
        Parameter(json, "IfMatch", "header", "If-Match", "The record's ETag: one, strong.", true, () =>
            StringSchema(json, example: OpenApiExamples.ETag));
        Parameter(json, "IdempotencyKey", "header", "Idempotency-Key",
            "1 to 255 visible ASCII characters. The same key with the same body gives the same answer again.",
            false,
            () =>
            {
                StringSchema(json, most: 255);
                json.WriteNumber("minLength", 1);
                json.WriteString("pattern", "^[!-~]+$");
            });
        Parameter(json, "Purpose", "header", "Purpose", "Why: recorded in the audit log with what is done.", false,
            () => StringSchema(json, most: 200));
        Parameter(json, "Ticket", "header", "Ticket", "Under which ticket: recorded in the audit log with what is done.", false,
            () => StringSchema(json, most: 100));
        Parameter(json, "ImportSource", "header", "Import-Source",
            "Where the lines come from: recorded in the audit log.", false,
            () => StringSchema(json, most: 200));
    }

    public static void Headers(Utf8JsonWriter json)
    {
        Header(json, "RequestId", "Id of this request, the same as in problems and in the audit log.", () =>
            StringSchema(json));
        Header(json, "ETag", "Version of the record, for If-Match.", () =>
            StringSchema(json, example: OpenApiExamples.ETag));
        Header(json, "Location", "Where the new record is.", () => StringSchema(json, format: "uri-reference"));
        Header(json, "IdempotencyReplayed", "The answer was given before to the same Idempotency-Key.", () =>
            json.WriteString("const", "true"));
        Header(json, "WwwAuthenticate", "What is missing, as RFC 6750 section 3 has it.", () =>
            StringSchema(json, example: "Bearer"));
        Header(json, "RetryAfter", "Seconds to wait.", () =>
        {
            json.WriteString("type", "integer");
            json.WriteNumber("minimum", 0);
        });
    }

    public static void Responses(Utf8JsonWriter json)
    {
        foreach (var (status, name, description, codes) in Errors)
        {
            json.Object(name, () =>
            {
                json.WriteString("description", description);
                json.Object("headers", () =>
                {
                    json.RefObject("Request-Id", "headers", "RequestId");
                    if (status == 401)
                    {
                        json.RefObject("WWW-Authenticate", "headers", "WwwAuthenticate");
                    }

                    if (status is 429 or 503)
                    {
                        json.RefObject("Retry-After", "headers", "RetryAfter");
                    }
                });
                json.Object("content", () => json.Object("application/problem+json", () =>
                {
                    json.RefObject("schema", "schemas", OpenApiNames.Problem);
                    json.Object("example", () => ProblemExample(json, status, codes[0], description));
                }));
                json.Strings("x-codes", codes);
            });
        }
    }

    public static void SecuritySchemes(Utf8JsonWriter json, string tokenUrl)
    {
        json.Object("oauth2", () =>
        {
            json.WriteString("type", "oauth2");
            json.WriteString("description",
                "A service account of this tenant (RFC 6749 section 4.4). Tokens live ten minutes.");
            json.Object("flows", () => json.Object("clientCredentials", () =>
            {
                json.WriteString("tokenUrl", tokenUrl);
                json.Object("scopes", static () => { });
            }));
        });
        json.Object("bearer", () =>
        {
            json.WriteString("type", "http");
            json.WriteString("scheme", "bearer");
            json.WriteString("bearerFormat", "JWT (RFC 9068)");
        });
    }

    /// <summary>
    /// The errors of an operation, as references; 401, 429 and 503 belong to each that needs a token.
    /// </summary>
    public static void ErrorRefs(Utf8JsonWriter json, params ReadOnlySpan<int> statuses)
    {
        foreach (var (status, name, _, _) in Errors)
        {
            if (status is 401 or 429 or 503 || statuses.Contains(status))
            {
                json.RefObject(status.ToString(System.Globalization.CultureInfo.InvariantCulture), "responses", name);
            }
        }
    }

    public static Action NextCursor(Utf8JsonWriter json) => () =>
    {
        json.Strings("type", "string", "null");
        json.WriteString("description", "Hand it back as `after` for the next page; null on the last.");
    };

    private static void Problem(Utf8JsonWriter json) => json.Object(OpenApiNames.Problem, () =>
    {
        json.WriteString("type", "object");
        json.WriteString("description",
            "RFC 9457. `code` is stable; texts may change. All faults of a request come at once.");
        json.Strings("required", "type", "title", "status", "code", "requestId");
        json.Object("properties", () =>
        {
            json.Object("type", () => StringSchema(json, format: "uri"));
            json.Object("title", () => StringSchema(json));
            json.Object("status", () =>
            {
                json.WriteString("type", "integer");
                json.WriteNumber("minimum", 400);
                json.WriteNumber("maximum", 599);
            });
            json.Object("code", () => Code(json));
            json.Object("detail", () => StringSchema(json));
            json.Object("requestId", () => StringSchema(json));
            json.Object("errors", () =>
            {
                json.WriteString("type", "array");
                json.Object("items", () =>
                {
                    json.WriteString("type", "object");
                    json.Strings("required", "code", "detail");
                    json.Object("properties", () =>
                    {
                        json.Object("code", () => Code(json));
                        json.Object("detail", () => StringSchema(json));
                        json.Object("pointer", () => StringSchema(json, description: "Into the body (RFC 6901)."));
                        json.Object("parameter", () =>
                            StringSchema(json, description: "Name of a query parameter or header."));
                    });
                });
            });
        });
    });

    private static void ProblemExample(Utf8JsonWriter json, int status, string code, string description)
    {
        json.WriteString("type", "https://bulkhead.dev/errors/" + code);
        json.WriteString("title", OpenApiNames.Capital(code.Replace('-', ' ')));
        json.WriteNumber("status", status);
        json.WriteString("code", code);
        json.WriteString("detail", description);
        json.WriteString("requestId", "01980f2e6c147c1e9a0d5b3e8f2a6c47");
        if (status == 422)
        {
            json.Array("errors", () => json.Object(() =>
            {
                json.WriteString("code", code);
                json.WriteString("detail", "Must be a date, YYYY-MM-DD.");
                json.WriteString("pointer", "/birthDate");
            }));
        }
    }

    private static void ImportResult(Utf8JsonWriter json, DataLimits limits) =>
        json.Object(OpenApiNames.ImportResult, () =>
    {
        json.WriteString("type", "object");
        json.Strings("required", "received", "created", "existing", "rejected");
        json.Object("properties", () =>
        {
            foreach (var name in (string[])["received", "created", "existing"])
            {
                json.Object(name, () =>
                {
                    json.WriteString("type", "integer");
                    json.WriteNumber("minimum", 0);
                    json.WriteNumber("maximum", limits.MaxImportLines);
                });
            }

            json.Object("rejected", () =>
            {
                json.WriteString("type", "array");
                json.Object("items", () =>
                {
                    json.WriteString("type", "object");
                    json.Strings("required", "line", "code", "detail");
                    json.Object("properties", () =>
                    {
                        json.Object("line", () =>
                        {
                            json.WriteString("type", "integer");
                            json.WriteNumber("minimum", 1);
                            json.WriteString("description", "Line of the body, the first is 1.");
                        });
                        json.Object("code", () => Code(json));
                        json.Object("pointer", () => StringSchema(json));
                        json.Object("detail", () => StringSchema(json));
                    });
                });
            });
        });
    });

    internal static void Parameter(
        Utf8JsonWriter json, string component, string place, string name, string description, bool required,
        Action schema) =>
        json.Object(component, () => ParameterBody(json, place, name, description, required, schema));

    internal static void ParameterBody(
        Utf8JsonWriter json, string place, string name, string? description, bool required, Action schema)
    {
        json.WriteString("name", name);
        json.WriteString("in", place);
        json.OptionalString("description", description);
        if (required)
        {
            json.WriteBoolean("required", true);
        }

        json.Object("schema", schema);
    }

    internal static void StringSchema(
        Utf8JsonWriter json, string? format = null, int? most = null, string? description = null,
        string? example = null)
    {
        json.WriteString("type", "string");
        json.OptionalString("format", format);
        json.OptionalString("description", description);
        if (most is { } length)
        {
            json.WriteNumber("maxLength", length);
        }

        if (example is not null)
        {
            json.Strings("examples", example);
        }
    }

    private static void Code(Utf8JsonWriter json)
    {
        json.WriteString("type", "string");
        json.WriteString("pattern", "^[a-z0-9]+(-[a-z0-9]+)*$");
    }

    private static void Header(Utf8JsonWriter json, string name, string description, Action schema) =>
        json.Object(name, () =>
    {
        json.WriteString("description", description);
        json.Object("schema", schema);
    });
}
