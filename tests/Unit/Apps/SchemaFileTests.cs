using System.Text.Json;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Tests.Unit.Apps;

/// <summary>docs/app.schema.json is for editors; the compiler decides. Their words and limits must not drift apart.</summary>
public sealed class SchemaFileTests
{
    private static readonly JsonElement Schema = JsonDocument.Parse(File.ReadAllText(InClone("docs/app.schema.json"))).RootElement;

    [Fact]
    public void Know_the_same_words()
    {
        Assert.Equal(Words<FieldType>(), Texts("$defs", "type", "enum"));
        Assert.Equal(Words<DataClass>(), Texts("$defs", "class", "enum"));
        Assert.Equal(
            Words<EntityActions>().Where(w => w != "none"),
            Texts("$defs", "grant", "properties", "actions", "items", "enum"));
        Assert.Equal(
            ManifestLimits.ReservedPlurals.Order(),
            Texts("$defs", "entity", "properties", "plural", "not", "enum").Order());
        Assert.Equal(
            ManifestLimits.ReservedFields.Order(),
            Texts("$defs", "entity", "properties", "fields", "propertyNames", "not", "enum").Order());
    }

    [Fact]
    public void Know_the_same_limits()
    {
        Assert.Equal(ManifestLimits.Entities, At("properties", "entities", "maxProperties").GetInt32());
        Assert.Equal(ManifestLimits.Roles, At("properties", "roles", "maxProperties").GetInt32());
        Assert.Equal(ManifestLimits.Masks, At("properties", "masks", "maxProperties").GetInt32());
        Assert.Equal(ManifestLimits.TitleLength, At("properties", "title", "maxLength").GetInt32());
        var entity = At("$defs", "entity", "properties");
        Assert.Equal(ManifestLimits.FieldsPerEntity, entity.GetProperty("fields").GetProperty("maxProperties").GetInt32());
        Assert.Equal(ManifestLimits.IndexesPerEntity, entity.GetProperty("indexes").GetProperty("maxItems").GetInt32());
        Assert.Equal(
            ManifestLimits.FieldsPerIndex, entity.GetProperty("indexes").GetProperty("items").GetProperty("maxItems").GetInt32());
        Assert.Equal(ManifestLimits.TextLength, Variant("text").GetProperty("maxLength").GetProperty("maximum").GetInt32());
        Assert.Equal(ManifestLimits.Scale, Variant("decimal").GetProperty("scale").GetProperty("maximum").GetInt32());
        Assert.Equal(ManifestLimits.EnumValues, Variant("enum").GetProperty("values").GetProperty("maxItems").GetInt32());
    }

    /// <summary>For each type and key: the compiler says key-not-for-type exactly where the schema does not list the key.</summary>
    [Fact]
    public void Give_each_type_the_same_keys()
    {
        var keys = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["minLength"] = "1", ["maxLength"] = "9", ["min"] = "1", ["max"] = "9", ["scale"] = "2",
            ["values"] = "[a]", ["to"] = "payer", ["onDelete"] = "restrict", ["inverse"] = "x", ["default"] = "a",
        };
        foreach (var type in Words<FieldType>())
        {
            foreach (var (key, value) in keys)
            {
                var text = SampleManifest.With("age: { type: integer,", $"age: {{ type: {type}, {key}: {value},");
                var refused = ManifestCompiler.Compile(text).Faults.Any(f => f.Code == ManifestFaultCode.KeyNotForType);

                Assert.True(refused != Variant(type).TryGetProperty(key, out _), $"{type} and {key}");
            }
        }
    }

    [Fact]
    public void Compile_the_sample_app() =>
        Assert.Empty(ManifestCompiler.Compile(File.ReadAllText(InClone("samples/clinic/app.yaml"))).Faults);

    private static IEnumerable<string> Words<T>()
        where T : struct, Enum => Enum.GetValues<T>().Select(ManifestWords<T>.WordOf);

    private static JsonElement Variant(string type) => At("$defs", "field", "allOf")
        .EnumerateArray()
        .Single(v => v.GetProperty("if").GetProperty("properties").GetProperty("type").GetProperty("const").GetString() == type)
        .GetProperty("then").GetProperty("properties");

    private static IEnumerable<string> Texts(params string[] path) =>
        At(path).EnumerateArray().Select(e => e.GetString()!).ToList();

    private static JsonElement At(params string[] path) => path.Aggregate(Schema, (e, name) => e.GetProperty(name));

    private static string InClone(string path)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Bulkhead.slnx")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests run outside a clone.");
        }

        return Path.Combine(folder.FullName, path);
    }
}
