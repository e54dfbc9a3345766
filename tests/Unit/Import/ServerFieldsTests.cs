using Bulkhead.Host.Import;

namespace Bulkhead.Tests.Unit.Import;

public sealed class ServerFieldsTests
{
    private const string OpenApi = """
        {"paths":{"/things":{"post":{"requestBody":{"content":{"application/json":{
           "schema":{"$ref":"#/components/schemas/Thing.Create"}}}}}}},
         "components":{"schemas":{"Thing.Create":{"type":"object","required":["name","size"],"properties":{
           "name":{"type":"string"},"size":{"type":["integer","null"]},"cost":{"type":"number"},
           "flag":{"type":"boolean"},
           "day":{"type":"string","format":"date"},"at":{"type":"string","format":"date-time"},
           "owner":{"type":["string","null"],"format":"uuid"},"more":{}}}}}}
        """;

    [Fact]
    public void Accept_a_mapping_that_fits()
    {
        Assert.Empty(Check("""
            things
                columns:
                  A: name
                  B: { field: cost, type: decimal }
                  C: { field: day, type: date }
                  D: { field: at, type: timestamp }
                  E: { field: owner, type: uuid }
                  F: { field: more, type: json }
                  G: { field: flag, type: boolean }
                constants: { size: 1 }
            """));
    }

    [Fact]
    public void Find_unknown_collections_fields_types_and_missing_required_fields_at_once()
    {
        var faults = Check("""
            things
                columns:
                  A: nmae
                  B: { field: size, type: decimal }
                  C: day
                  D: { field: at, type: date }
                  E: owner
                constants: { flags: true }
              - file: y.csv
                into: nothings
                id: Id
                columns: { A: a }
            """);

        Assert.Equal(
            [
                "4 required-field", "8 unknown-field", "9 wrong-type", "10 wrong-type", "11 wrong-type", "12 wrong-type",
                "13 unknown-field", "14 unknown-collection",
            ],
            faults.Select(fault => $"{fault.Place.Line} {fault.Code}"));
    }

    private static IReadOnlyList<MappingFault> Check(string rest)
    {
        var (mapping, faults) = MappingReader.Read(
            $"mapping: 1\napp: x\nfiles:\n  - file: x.csv\n    id: Id\n    into: {rest.ReplaceLineEndings("\n")}");
        Assert.Empty(faults);
        return ServerFields.Check(mapping!, OpenApi);
    }
}
