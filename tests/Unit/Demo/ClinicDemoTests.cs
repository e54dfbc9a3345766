using System.Globalization;
using System.Text;
using System.Text.Json;
using Bulkhead.Host.Demo;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Tests.Unit.Demo;

public sealed class ClinicDemoTests
{
    [Fact]
    public void Generate_the_same_bytes_for_the_same_tenant()
    {
        Assert.Equal(Text("northside"), Text("northside"));
    }

    /// <summary>A change of these bytes would add a second set of records to a demo that exists.</summary>
    [Fact]
    public void Generate_the_same_ids_as_ever()
    {
        var first = ClinicDemo.Generate("northside").DistinctBy(chunk => chunk.Plural)
            .Select(chunk => Ids(chunk).First());

        Assert.Equal(FirstIds, string.Join(' ', first.Select(id => id[..8])));
    }

    [Fact]
    public void Share_no_id_between_tenants()
    {
        var northside = ClinicDemo.Generate("northside").SelectMany(Ids).ToHashSet();

        Assert.DoesNotContain(ClinicDemo.Generate("riverside").SelectMany(Ids), northside.Contains);
    }

    [Fact]
    public void Fill_every_collection_of_the_sample_app()
    {
        var app = SampleFiles.App();
        var chunks = ClinicDemo.Generate("summit").ToList();

        Assert.Equal(
            app.Entities.Select(entity => entity.Plural).Order(),
            chunks.Select(chunk => chunk.Plural).Distinct().Order());
        Assert.Equal(120, chunks.Where(chunk => chunk.Plural == "patients").Sum(chunk => chunk.Count));
        Assert.InRange(chunks.Sum(chunk => chunk.Count), 5_000, 10_000);
        Assert.All(chunks, chunk => Assert.InRange(chunk.Count, 1, 1_000));
        Assert.All(chunks, chunk => Assert.InRange(chunk.Ndjson.Length, 1, 4 * 1024 * 1024));
        Assert.All(chunks, chunk => Assert.Equal(chunk.Count, Lines(chunk).Length));
    }

    [Theory]
    [InlineData("northside")]
    [InlineData("riverside")]
    [InlineData("summit")]
    public void Generate_only_records_that_the_sample_app_takes_in_the_order_of_their_references(string tenant)
    {
        var app = SampleFiles.App();
        var known = app.Entities.ToDictionary(entity => entity.Name, _ => new HashSet<string>());
        var unique = new HashSet<(string, string)>();
        foreach (var chunk in ClinicDemo.Generate(tenant))
        {
            var entity = app.ByPlural[chunk.Plural];
            foreach (var line in Lines(chunk))
            {
                using var record = JsonDocument.Parse(line);
                CheckRecord(entity, record.RootElement, known, unique);
            }
        }
    }

    private const string FirstIds =
        "30cd32a1 e6bf09e2 a267fa5a a93b96d0 6af511dc e506f77e 525c8a8a "
        + "df6d4cc4 a0d72bc8 4c8c8b55 1915a129 9102a6b5 80e0ee97 d543045f";

    internal static void CheckRecord(
        EntityModel entity,
        JsonElement record,
        Dictionary<string, HashSet<string>> known,
        HashSet<(string, string)> unique)
    {
        foreach (var required in entity.Fields.Where(field => field.Required))
        {
            Assert.True(record.TryGetProperty(required.Name, out _), $"{entity.Name}.{required.Name}");
        }

        foreach (var member in record.EnumerateObject().Where(member => member.Name != "id"))
        {
            var field = entity.ByName[member.Name];
            Assert.True(Takes(field, member.Value), $"{entity.Name}.{field.Name}: {member.Value}");
            Assert.True(
                field.Reference is not { } to || known[to.Target].Contains(member.Value.GetString()!), field.Name);
            Assert.True(!field.Unique || unique.Add((field.Name, member.Value.GetString()!)), field.Name);
        }

        Assert.True(known[entity.Name].Add(record.GetProperty("id").GetString()!));
    }

    private static bool Takes(FieldModel field, JsonElement value) => field.Type switch
    {
        FieldType.Text => value.GetString()!.Length is > 0 and var length && length <= (field.MaxLength ?? 10_000),
        FieldType.Enum => field.Values.Contains(value.GetString()!),
        FieldType.Integer => value.TryGetInt64(out var integer) && InRange(field, integer),
        FieldType.Decimal => value.TryGetDecimal(out var number) && InRange(field, number),
        FieldType.Date => DateOnly.TryParseExact(
            value.GetString(), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        FieldType.Timestamp => value.GetString()!.EndsWith('Z') && value.TryGetDateTimeOffset(out _),
        FieldType.Reference or FieldType.Uuid => value.TryGetGuid(out _),
        _ => false,
    };

    private static bool InRange(FieldModel field, decimal value) =>
        value >= (field.Min ?? decimal.MinValue) && value <= (field.Max ?? decimal.MaxValue);

    private static string[] Lines(DemoChunk chunk) =>
        Encoding.UTF8.GetString(chunk.Ndjson.Span).TrimEnd('\n').Split('\n');

    private static IEnumerable<string> Ids(DemoChunk chunk) =>
        Lines(chunk).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!);

    private static string Text(string tenant) => string.Concat(
        ClinicDemo.Generate(tenant).Select(chunk => Encoding.UTF8.GetString(chunk.Ndjson.Span)));
}
