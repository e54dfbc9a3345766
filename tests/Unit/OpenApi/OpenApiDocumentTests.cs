using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Data;

namespace Bulkhead.Tests.Unit.OpenApi;

public sealed class OpenApiDocumentTests
{
    private const string TenantBase = "http://localhost:8080/t/northside";

    private static readonly JsonElement Document = Parse(SmallApp.Model);

    /// <summary>
    /// Run with UPDATE_SNAPSHOTS=1 to accept a change that was meant; the difference is read in review.
    /// </summary>
    [Fact]
    public void Write_the_document_that_is_committed()
    {
        var document = OpenApiDocument.Write(SmallApp.Model, TenantBase, new DataLimits(), indented: true);
        var written = Encoding.UTF8.GetString(document) + "\n";
        var path = Path.Combine(Folder(), "small-app.openapi.json");
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") == "1")
        {
            File.WriteAllText(path, written);
        }

        Assert.Equal(File.ReadAllText(path), written);
    }

    [Fact]
    public void Resolve_every_reference()
    {
        var references = Walk(Document).Where(p => p.Name == "$ref").Select(p => p.Value.GetString()!).ToHashSet();
        Assert.NotEmpty(references);
        foreach (var reference in references)
        {
            Assert.StartsWith("#/components/", reference, StringComparison.Ordinal);
            var target = Document;
            foreach (var step in reference[2..].Split('/'))
            {
                Assert.True(target.TryGetProperty(step, out target), $"{reference} leads nowhere");
            }
        }
    }

    [Fact]
    public void Leave_no_component_without_use()
    {
        var references = Walk(Document).Where(p => p.Name == "$ref").Select(p => p.Value.GetString()!).ToHashSet();
        var sections = Document.GetProperty("components").EnumerateObject();
        foreach (var section in sections.Where(s => s.Name != "securitySchemes"))
        {
            Assert.All(section.Value.EnumerateObject(), component =>
                Assert.Contains($"#/components/{section.Name}/{component.Name}", references));
        }
    }

    [Fact]
    public void Name_every_operation_once()
    {
        var ids = Operations().Select(o => o.Body.GetProperty("operationId").GetString()!).ToArray();
        Assert.Equal(7 * SmallApp.Model.Entities.Length + 4, ids.Length);
        Assert.Equal(ids.Length, ids.Distinct(StringComparer.OrdinalIgnoreCase).Count());
    }

    [Fact]
    public void Name_every_key_of_an_object_once() => AssertNoDuplicates(Document, "#");

    [Fact]
    public void Name_every_parameter_of_an_operation_once()
    {
        foreach (var (path, method, body) in Operations())
        {
            var names = body.TryGetProperty("parameters", out var parameters)
                ? parameters.EnumerateArray().Select(p => Resolve(p).GetProperty("name").GetString()!).ToArray()
                : [];
            Assert.True(names.Length == names.Distinct().Count(), $"{method} {path}");
        }
    }

    [Fact]
    public void Declare_every_variable_of_a_path()
    {
        var paths = Document.GetProperty("paths").EnumerateObject();
        foreach (var path in paths.Where(p => p.Name.Contains('{', StringComparison.Ordinal)))
        {
            var declared = path.Value.GetProperty("parameters").EnumerateArray().Select(Resolve).ToArray();
            Assert.Contains(declared, p =>
                p.GetProperty("in").GetString() == "path" && p.GetProperty("name").GetString() == "id");
        }
    }

    [Fact]
    public void Demand_a_token_everywhere_but_for_the_document_itself()
    {
        Assert.NotEmpty(Document.GetProperty("security").EnumerateArray());
        var open = Operations().Where(o => o.Body.TryGetProperty("security", out _)).ToArray();
        Assert.Equal("/openapi.json", Assert.Single(open).Path);
        Assert.All(Operations().Where(o => o.Path != "/openapi.json"), o =>
            Assert.True(o.Body.GetProperty("responses").TryGetProperty("401", out _), $"{o.Method} {o.Path}"));
    }

    [Fact]
    public void Demand_a_precondition_for_every_change_of_a_record()
    {
        var changes = Operations().Where(o => o.Method is "patch" or "delete").ToArray();
        Assert.NotEmpty(changes);
        Assert.All(changes, o =>
        {
            Assert.Contains(o.Body.GetProperty("parameters").EnumerateArray().Select(Resolve), p =>
                p.GetProperty("name").GetString() == "If-Match" && p.GetProperty("required").GetBoolean());
            Assert.True(o.Body.GetProperty("responses").TryGetProperty("412", out _));
            Assert.True(o.Body.GetProperty("responses").TryGetProperty("428", out _));
        });
    }

    [Fact]
    public void Offer_each_filter_that_the_type_of_a_field_has_and_no_other()
    {
        var names = Document.GetProperty("paths").GetProperty("/visits").GetProperty("get").GetProperty("parameters")
            .EnumerateArray().Select(p => Resolve(p).GetProperty("name").GetString()!).ToHashSet();
        Assert.Contains("startedAt.gte", names);
        Assert.Contains("minutes.in", names);
        Assert.Contains("notes.null", names);
        Assert.DoesNotContain("notes", names);
        Assert.DoesNotContain("startedAt.prefix", names);
    }

    [Fact]
    public void State_the_class_of_every_field_in_every_schema()
    {
        foreach (var entity in SmallApp.Model.Entities)
        {
            string[] names = [OpenApiNames.Record(entity), OpenApiNames.Create(entity), OpenApiNames.Patch(entity)];
            foreach (var schema in names)
            {
                var properties =
                    Document.GetProperty("components").GetProperty("schemas").GetProperty(schema)
                        .GetProperty("properties");
                Assert.All(entity.Fields, field => Assert.Equal(
                    field.Class.ToString().ToLowerInvariant(),
                    properties.GetProperty(field.Name).GetProperty("x-data-class").GetString()));
            }
        }
    }

    [Fact]
    public void Allow_a_masked_field_to_be_text_whatever_its_type()
    {
        var birthDate = Document.GetProperty("components").GetProperty("schemas").GetProperty("Patient")
            .GetProperty("properties").GetProperty("birthDate");
        var masked = birthDate.GetProperty("anyOf").EnumerateArray().Last();
        Assert.Equal("string", masked.GetProperty("type").GetString());
        Assert.False(masked.TryGetProperty("format", out _));
        Assert.Contains("desk", masked.GetProperty("description").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Send_a_client_to_the_tenants_own_issuer()
    {
        Assert.Equal(TenantBase + "/api/v1", Document.GetProperty("servers")[0].GetProperty("url").GetString());
        var flow = Document.GetProperty("components").GetProperty("securitySchemes").GetProperty("oauth2")
            .GetProperty("flows").GetProperty("clientCredentials");
        Assert.Equal(TenantBase + "/oauth/token", flow.GetProperty("tokenUrl").GetString());
    }

    private static IEnumerable<(string Path, string Method, JsonElement Body)> Operations() =>
        from path in Document.GetProperty("paths").EnumerateObject()
        from operation in path.Value.EnumerateObject()
        where operation.Name != "parameters"
        select (path.Name, operation.Name, operation.Value);

    private static JsonElement Resolve(JsonElement element)
    {
        if (!element.TryGetProperty("$ref", out var reference))
        {
            return element;
        }

        return reference.GetString()![2..].Split('/').Aggregate(Document, (at, step) => at.GetProperty(step));
    }

    private static IEnumerable<JsonProperty> Walk(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => Walk(p.Value).Prepend(p)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Walk),
        _ => [],
    };

    private static void AssertNoDuplicates(JsonElement element, string place)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            var names = element.EnumerateObject().Select(p => p.Name).ToArray();
            Assert.True(names.Length == names.Distinct().Count(), place);
            foreach (var property in element.EnumerateObject())
            {
                AssertNoDuplicates(property.Value, $"{place}/{property.Name}");
            }
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray())
            {
                AssertNoDuplicates(item, place + "[]");
            }
        }
    }

    private static JsonElement Parse(AppModel app) =>
        JsonDocument.Parse(OpenApiDocument.Write(app, TenantBase, new DataLimits())).RootElement;

    private static string Folder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
