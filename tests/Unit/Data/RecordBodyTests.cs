using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Data;
using static Bulkhead.Tests.Unit.Data.TestApp;

namespace Bulkhead.Tests.Unit.Data;

public sealed class RecordBodyTests
{
    private const string Least = "\"lastName\":\"Ng\",\"birthDate\":\"1980-01-02\"";

    private static FieldValue Value(CheckedBody body, string field) => body.Values[View().IndexOf(field)];

    private static FieldValue Read(string field, string json)
    {
        var body = Body($"{{{Least},\"{field}\":{json}}}", BodyKind.Create, out var faults);
        Assert.Empty(faults);
        return Value(body!, field);
    }

    [Fact]
    public void Read_a_value_of_every_type()
    {
        Assert.Equal("Bøston 🏥", Read("city", "\"B\\u00f8ston 🏥\"").AsText);
        Assert.Equal(7, Read("visits", "7").AsInteger);
        Assert.Equal("1.5", Read("income", "1.50").ToCanonicalText());
        Assert.Equal("100", Read("income", "1e2").ToCanonicalText());
        Assert.Equal("0", Read("income", "-0.00").ToCanonicalText());
        Assert.True(Read("alive", "true").AsBoolean);
        Assert.Equal("F", Read("gender", "\"F\"").AsText);
        Assert.Equal("2024-02-29T22:00:00.123456Z",
            Read("seenAt", "\"2024-03-01T00:00:00.1234569+02:00\"").ToCanonicalText());
        Assert.Equal(new Guid("0190abcd-0000-7000-8000-000000000001"),
            Read("payer", "\"0190ABCD-0000-7000-8000-000000000001\"").AsUuid);
        Assert.True(Read("city", "null").IsNull);
    }

    [Fact]
    public void Fill_in_defaults_only_where_nothing_was_said()
    {
        Assert.Equal(1, Value(Body($"{{{Least}}}", BodyKind.Create, out _)!, "visits").AsInteger);
        Assert.True(Read("visits", "null").IsNull);
    }

    [Fact]
    public void Tell_every_fault_at_once_with_its_place()
    {
        var body = Body(
            """
            {"lastName":"Nguyen","visits":11,"income":1.234,"gender":"X","alive":"true","seenAt":"now","external":5,
             "ssn":"1","hidden":"x","createdAt":"x","a/b~c":1,"city":"\u0000","id":"nope","extra":{"a":1,"a":2}}
            """, BodyKind.Create, out var faults);
        Assert.Null(body);
        Assert.Equal(
            [
                ("too-long", "/lastName"), ("out-of-range", "/visits"), ("too-many-decimals", "/income"),
                ("not-in-values", "/gender"), ("wrong-type", "/alive"), ("invalid-format", "/seenAt"),
                    ("wrong-type", "/external"),
                ("read-only-field", "/ssn"), ("unknown-field", "/hidden"), ("read-only-field", "/createdAt"),
                ("unknown-field", "/a~1b~0c"), ("invalid-format", "/city"), ("invalid-id", "/id"),
                    ("duplicate-name", "/extra"),
                ("required", "/birthDate"),
            ],
            faults.Select(f => (f.Code, f.Pointer!)));
    }

    [Fact]
    public void Tell_a_field_that_is_neither_seen_nor_written_like_one_that_does_not_exist()
    {
        Body("{\"hidden\":1}", BodyKind.Patch, out var hidden);
        Body("{\"nowhere\":1}", BodyKind.Patch, out var unknown);
        Assert.Equal(unknown[0] with { Pointer = "/hidden" }, Assert.Single(hidden));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("{\"city\":\"x\",}")]
    [InlineData("{\"city\":NaN}")]
    [InlineData("{/**/}")]
    [InlineData("\uFEFF{}")]
    public void Refuse_what_is_not_well_formed(string json)
    {
        Assert.Null(Body(json, BodyKind.Patch, out var faults));
        Assert.Equal("malformed-json", Assert.Single(faults).Code);
        Assert.Equal(400, CheckedBody.StatusOf(faults));
    }

    [Fact]
    public void Refuse_bytes_that_are_not_utf8()
    {
        Assert.Null(RecordBody.Read([(byte)'{', (byte)'"', 0xff, (byte)'"', (byte)':', (byte)'1', (byte)'}'],
            View(), BodyKind.Patch, Limits, out var faults));
        Assert.Equal("malformed-json", Assert.Single(faults).Code);
    }

    [Theory]
    [InlineData(31, true)]
    [InlineData(32, false)]
    public void Refuse_nesting_beyond_the_limit(int levels, bool accepted)
    {
        Body($"{{\"extra\":{new string('[', levels)}{new string(']', levels)}}}", BodyKind.Patch, out var faults);
        Assert.Equal(accepted, faults.Count == 0);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"x\"")]
    public void Refuse_what_is_no_object(string json)
    {
        Assert.Null(Body(json, BodyKind.Patch, out var faults));
        Assert.Equal("wrong-type", Assert.Single(faults).Code);
    }

    [Fact]
    public void Refuse_a_name_that_stands_twice_even_when_it_is_escaped_the_second_time()
    {
        Assert.Null(Body("{\"city\":\"a\",\"c\\u0069ty\":\"b\"}", BodyKind.Patch, out var faults));
        Assert.Equal(("duplicate-name", "/city"), (faults[0].Code, faults[0].Pointer));
        Assert.Equal(400, CheckedBody.StatusOf(faults));
    }

    [Theory]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"\\udc00\\ud800\"")]
    public void Refuse_half_of_a_surrogate_pair(string json)
    {
        Assert.Null(Body($"{{\"city\":{json}}}", BodyKind.Patch, out var faults));
        Assert.Equal("invalid-format", Assert.Single(faults).Code);
        Assert.Null(Body($"{{\"extra\":{json}}}", BodyKind.Patch, out faults));
        Assert.Equal("invalid-format", Assert.Single(faults).Code);
    }

    [Fact]
    public void Count_characters_and_not_their_halves()
    {
        Assert.NotNull(Body("{\"lastName\":\"🏥🏥🏥🏥🏥\"}", BodyKind.Patch, out _));
        Assert.Null(Body("{\"lastName\":\"🏥🏥🏥🏥🏥🏥\"}", BodyKind.Patch, out var faults));
        Assert.Equal("too-long", Assert.Single(faults).Code);
        Assert.Null(Body("{\"lastName\":\"🏥\"}", BodyKind.Patch, out faults));
        Assert.Equal("too-short", Assert.Single(faults).Code);
    }

    [Theory]
    [InlineData("0.1234567890123456789012345678")]
    [InlineData("12345678901234567890123456789")]
    [InlineData("1e29")]
    [InlineData("1e-29")]
    public void Never_round_a_decimal(string number)
    {
        var accepted = Decimals.TryParse(number, out var value);
        Assert.Equal(number.StartsWith("0.1", StringComparison.Ordinal), accepted);
        Assert.True(!accepted || value == decimal.Parse(number, System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Take_a_patch_as_what_it_names()
    {
        var patch = Body("{\"city\":null,\"visits\":3}", BodyKind.Patch, out _)!;
        Assert.Equal(["city", "visits"], View().All.Where(f => patch.Given[f.Index]).Select(f => f.Name));
        Assert.True(Value(patch, "city").IsNull);
        Assert.Null(Body("{\"lastName\":null,\"id\":\"0190abcd-0000-7000-8000-000000000001\"}", BodyKind.Patch,
            out var faults));
        Assert.Equal([("required", "/lastName"), ("read-only-field", "/id")], faults.Select(f => (f.Code, f.Pointer!)));
    }

    [Fact]
    public void Demand_an_id_on_each_line_of_an_import()
    {
        Assert.Null(Body($"{{{Least}}}", BodyKind.Import, out var faults));
        Assert.Equal(("required", "/id"), (faults[0].Code, faults[0].Pointer));
    }

    [Fact]
    public void Stop_telling_faults_at_the_limit()
    {
        var many = string.Join(',', Enumerable.Range(0, 500).Select(i => $"\"x{i}\":1"));
        Body($"{{{many}}}", BodyKind.Patch, out var faults);
        Assert.Equal(Limits.MaxFaults, faults.Count);
    }

    [Theory]
    [InlineData("{\"bb\":1,\"a\":[1.50,1e2,-0,1.5e1,1e-2],\"c\":{\"z\":null,\"é\":true}}",
        "{\"a\":[1.50,100,0,15,0.01],\"c\":{\"z\":null,\"é\":true},\"bb\":1}")]
    [InlineData("\"a\\/b\\u00e9<\"", "\"a/bé<\"")]
    public void Give_json_the_form_that_the_database_gives_back(string json, string canonical) =>
        Assert.Equal(canonical, Read("extra", json).AsText);

    [Fact]
    public void Refuse_json_beyond_its_limits()
    {
        Body($"{{\"extra\":\"{new string('x', 65_535)}\"}}", BodyKind.Patch, out var faults);
        Assert.Equal("too-long", Assert.Single(faults).Code);
        Body("{\"extra\":1e401}", BodyKind.Patch, out faults);
        Assert.Equal("out-of-range", Assert.Single(faults).Code);
    }

    [Fact]
    public void See_equal_values_as_equal_however_they_were_written()
    {
        Assert.Equal(Read("income", "1.5"), Read("income", "1.50"));
        Assert.Equal(Read("extra", "{\"a\":1,\"b\":2}"), Read("extra", "{ \"b\": 2, \"a\": 1 }"));
        Assert.NotEqual(Read("city", "\"\""), Read("city", "null"));
        Assert.Equal(FieldType.Text, Read("city", "null").Type);
    }
}
