using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>
/// The OpenAPI 3.1 document of an app, as one tenant sees it. Written by hand from the model, by the same facts that
/// the server runs on (see docs/decisions/hand-written-openapi.md). It describes the app, not one role: what a role
/// may not do answers as if it were not there.
/// </summary>
internal static class OpenApiDocument
{
    /// <summary>No plural of an app can be <c>audit</c>, so this tag is never taken.</summary>
    public const string PlatformTag = "audit and counts";

    /// <param name="tenantBase">The tenant's URL without a slash at its end: <c>https://northside.example</c>.</param>
    /// <param name="indented">For people; the server sends it without blanks.</param>
    public static byte[] Write(AppModel app, string tenantBase, DataLimits limits, bool indented = false)
    {
        var buffer = new ArrayBufferWriter<byte>(256 * 1024);
        var options = new JsonWriterOptions
        {
            Indented = indented,
            NewLine = "\n",
            // sent as application/json with nosniff, never inside HTML: quotes and accents stay readable
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        using (var json = new Utf8JsonWriter(buffer, options))
        {
            json.Object(() => Document(json, app, tenantBase, limits));
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void Document(Utf8JsonWriter json, AppModel app, string tenantBase, DataLimits limits)
    {
        var schemas = new OpenApiSchemas(json, app, limits);
        json.WriteString("openapi", "3.1.0");
        json.Object("info", () =>
        {
            json.WriteString("title", app.Title);
            json.OptionalString("description", app.Description);
            json.WriteString("version", app.Version.ToString(System.Globalization.CultureInfo.InvariantCulture));
            json.WriteString("x-app", app.Label);
        });
        json.Array("servers", () => json.Object(() => json.WriteString("url", tenantBase + "/api/v1")));
        json.Array("security", () =>
        {
            json.Object(() => json.Strings("oauth2"));
            json.Object(() => json.Strings("bearer"));
        });
        json.Array("tags", () =>
        {
            foreach (var entity in app.Entities)
            {
                json.Object(() =>
                {
                    json.WriteString("name", entity.Plural);
                    json.OptionalString("description", entity.Description);
                });
            }

            json.Object(() =>
            {
                json.WriteString("name", PlatformTag);
                json.WriteString("description", "What every app has.");
            });
        });
        json.Object("paths", new OpenApiOperations(json, schemas, app, limits).Write);
        json.Object("components", () =>
        {
            json.Object("schemas", () =>
            {
                schemas.Write();
                OpenApiComponents.Schemas(json, limits);
            });
            json.Object("parameters", () => OpenApiComponents.Parameters(json, limits));
            json.Object("headers", () => OpenApiComponents.Headers(json));
            json.Object("responses", () => OpenApiComponents.Responses(json));
            json.Object("securitySchemes", () => OpenApiComponents.SecuritySchemes(json, tenantBase + "/oauth/token"));
        });
    }
}
