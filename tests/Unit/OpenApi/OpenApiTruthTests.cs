using System.Text.Json;
using Bulkhead.Gateway;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Data;

namespace Bulkhead.Tests.Unit.OpenApi;

/// <summary>
/// Holds the document against the code that reads requests: what the one offers the other takes, and nothing else.
/// </summary>
public sealed class OpenApiTruthTests
{
    private static readonly string[] EveryOperator =
        ["eq", "ne", "gt", "gte", "lt", "lte", "in", "prefix", "null", "like"];

    private static readonly Actor Actor = new(ActorKind.Service, "svc", ["all"]);

    private static readonly DataLimits Limits = new() { DefaultPage = 7, MaxPage = 70, MaxInValues = 11 };

    private static readonly JsonElement Document =
        JsonDocument.Parse(OpenApiDocument.Write(SmallApp.Model, "http://localhost/t/a", Limits)).RootElement;

    public static TheoryData<string> Plurals => [.. SmallApp.Model.Entities.Select(e => e.Plural)];

    [Theory]
    [MemberData(nameof(Plurals))]
    public void Take_every_parameter_that_the_document_offers(string plural)
    {
        var parameters = ListParameters(plural);
        Assert.NotEmpty(parameters);
        Assert.All(parameters, parameter =>
        {
            var name = parameter.GetProperty("name").GetString()!;
            foreach (var value in Values(parameter.GetProperty("schema")))
            {
                Assert.Equal([], Faults(plural, name, value));
            }
        });
    }

    [Theory]
    [MemberData(nameof(Plurals))]
    public void Refuse_every_filter_that_the_document_does_not_offer(string plural)
    {
        var offered = ListParameters(plural).Select(p => p.GetProperty("name").GetString()!).ToHashSet();
        var fields =
            SmallApp.Model.ByPlural[plural].Fields.Select(f => f.Name).Concat(["id", "createdAt", "updatedAt"]);
        foreach (var field in fields)
        {
            foreach (var operation in EveryOperator)
            {
                var written = operation == "eq" ? field : $"{field}.{operation}";
                if (!offered.Contains(written))
                {
                    Assert.Contains("unknown-operator", Faults(plural, $"{field}.{operation}", "1"));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Plurals))]
    public void Take_the_examples_of_bodies(string plural)
    {
        var entity = SmallApp.Model.ByPlural[plural];
        var view = new EntityViews().For(SmallApp.Model, Actor, entity)!;
        (string, BodyKind)[] bodies =
            [(OpenApiNames.Create(entity), BodyKind.Create), (OpenApiNames.Patch(entity), BodyKind.Patch)];
        foreach (var (schema, kind) in bodies)
        {
            var example =
                Document.GetProperty("components").GetProperty("schemas").GetProperty(schema)
                    .GetProperty("examples")[0];
            _ = RecordBody.Read(JsonSerializer.SerializeToUtf8Bytes(example), view, kind, Limits, out var faults);
            Assert.Equal([], faults.Select(fault => $"{fault.Code} {fault.Pointer}"));
        }
    }

    [Fact]
    public void State_the_limits_that_are_configured()
    {
        var limit =
            Document.GetProperty("components").GetProperty("parameters").GetProperty("Limit").GetProperty("schema");
        Assert.Equal(70, limit.GetProperty("maximum").GetInt32());
        Assert.Equal(7, limit.GetProperty("default").GetInt32());
        var oneOf = ListParameters("visits").Single(p => p.GetProperty("name").GetString() == "minutes.in");
        Assert.Equal(11, oneOf.GetProperty("schema").GetProperty("maxItems").GetInt32());
    }

    [Fact]
    public void State_no_code_that_the_list_of_codes_lacks()
    {
        var codes = Document.GetProperty("components").GetProperty("responses").EnumerateObject()
            .SelectMany(r => r.Value.GetProperty("x-codes").EnumerateArray().Select(c => c.GetString()!))
            .ToHashSet();
        Assert.Equal([], codes.Except(ErrorCodes.All.Keys).Except(EdgeProblem.All.Select(p => p.Code)).Order());
    }

    private static JsonElement[] ListParameters(string plural) =>
        [.. Document.GetProperty("paths").GetProperty("/" + plural).GetProperty("get").GetProperty("parameters")
            .EnumerateArray()
            .Where(p => p.TryGetProperty("in", out var place) && place.GetString() == "query")];

    private static IEnumerable<string> Values(JsonElement schema)
    {
        if (schema.TryGetProperty("enum", out var words))
        {
            return words.EnumerateArray().Select(w => w.GetString()!);
        }

        var format = schema.TryGetProperty("format", out var stated) ? stated.GetString() : null;
        return (schema.GetProperty("type").GetString(), format) switch
        {
            ("array", _) => Values(schema.GetProperty("items")),
            ("boolean", _) => ["true", "false"],
            ("integer", _) => ["1"],
            ("number", _) => ["12.5"],
            (_, "uuid") => [OpenApiExamples.Id],
            (_, "date") => ["1984-05-17"],
            (_, "date-time") => [OpenApiExamples.Timestamp],
            _ => ["Mo"],
        };
    }

    private static IEnumerable<string> Faults(string plural, string name, string value)
    {
        var views = new EntityViews();
        var view = views.For(SmallApp.Model, Actor, SmallApp.Model.ByPlural[plural])!;
        var query = $"?{Uri.EscapeDataString(name)}={Uri.EscapeDataString(value)}";
        _ = QueryParser.List(view, Actor, views, Limits, query, out var faults);
        return faults.Select(fault => fault.Code);
    }
}
