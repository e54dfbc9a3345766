using System.Text;
using System.Text.Json.Nodes;
using Bulkhead.Host.Import;

namespace Bulkhead.Tests.Unit.Import;

public sealed class CsvChunksTests
{
    private const string Id1 = "11111111-1111-4111-8111-111111111111";
    private const string Id2 = "22222222-2222-4222-8222-222222222222";

    [Theory]
    [InlineData("text", "Ünal, \"x\"", "\"Ünal, \\u0022x\\u0022\"")]
    [InlineData("integer", "-42", "-42")]
    [InlineData("decimal", "42.36877442769006", "42.36877442769006")]
    [InlineData("decimal", "0.00", "0.00")]
    [InlineData("decimal", "1.5E-3", "0.0015")]
    [InlineData("boolean", "Yes", "true")]
    [InlineData("boolean", "0", "false")]
    [InlineData("date", "2024-02-29", "\"2024-02-29\"")]
    [InlineData("timestamp", "2023-01-27T16:17:47Z", "\"2023-01-27T16:17:47Z\"")]
    [InlineData("timestamp", "2023-01-27T16:17:47.1234567+02:00", "\"2023-01-27T14:17:47.123456Z\"")]
    [InlineData("timestamp", "2023-01-27 16:17:47", "\"2023-01-27T16:17:47Z\"")]
    [InlineData("uuid", "9D188916-8390-282B-3EC2-73FCE6E08649", "\"9d188916-8390-282b-3ec2-73fce6e08649\"")]
    [InlineData("json", "{\"a\":[1,null]}", "{\"a\":[1,null]}")]
    public void Convert_a_value_to_its_type(string type, string text, string json)
    {
        var chunk = Single("", $"X: {{ field: x, type: {type} }}", $"Id,X\n{Id1},{Quote(text)}\n");

        Assert.Empty(chunk.Rejects);
        var expected = JsonNode.Parse($"{{\"id\":\"{Id1}\",\"x\":{json}}}");
        Assert.True(JsonNode.DeepEquals(expected, JsonNode.Parse(Text(chunk))), Text(chunk));
    }

    [Theory]
    [InlineData("integer", "4.0", "invalid-integer")]
    [InlineData("integer", "9223372036854775808", "invalid-integer")]
    [InlineData("integer", " 47", "invalid-integer")]
    [InlineData("decimal", "NaN", "invalid-decimal")]
    [InlineData("decimal", "1,000.00", "invalid-decimal")]
    [InlineData("decimal", "12345678901234567890.123456789", "too-many-digits")]
    [InlineData("decimal", "1e-40", "too-many-digits")]
    [InlineData("boolean", "2", "invalid-boolean")]
    [InlineData("date", "2023-02-29", "invalid-date")]
    [InlineData("date", "2023-01-27T00:00:00Z", "invalid-date")]
    [InlineData("timestamp", "2023-01-27", "invalid-timestamp")]
    [InlineData("uuid", "0", "invalid-uuid")]
    [InlineData("uuid", "{9d188916-8390-282b-3ec2-73fce6e08649}", "invalid-uuid")]
    [InlineData("json", "{a:1}", "invalid-json")]
    public void Reject_a_value_that_is_not_of_its_type_without_repeating_it(string type, string text, string code)
    {
        var chunk = Single("", $"X: {{ field: x, type: {type} }}", $"Id,X\n{Id1},{Quote(text)}\n");

        var reject = Assert.Single(chunk.Rejects);
        Assert.Equal(new Reject(2, "X", code, reject.Reason), reject);
        Assert.DoesNotContain(text.Trim(), reject.Reason, StringComparison.Ordinal);
        Assert.Empty(Text(chunk));
    }

    [Fact]
    public void Read_dates_in_a_format_of_their_own()
    {
        var chunk = Single(
            "", "X: { field: x, type: date, formats: [dd.MM.yyyy, d/M/yy] }", $"Id,X\n{Id1},31.12.1999\n");

        Assert.Contains("\"1999-12-31\"", Text(chunk), StringComparison.Ordinal);
    }

    [Fact]
    public void Leave_out_null_values_and_fill_in_constants()
    {
        var chunk = Single(
            "constants: { source: old, level: 2 }",
            """X: { field: x, type: uuid, nullValues: ["", "0"] }""",
            $"Id,X\n{Id1},0\n{Id2},\n");

        Assert.Empty(chunk.Rejects);
        Assert.Equal(
            [$$"""{"id":"{{Id1}}","source":"old","level":2}""", $$"""{"id":"{{Id2}}","source":"old","level":2}"""],
            Text(chunk).TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public void Let_bad_rows_stop_no_others_and_name_their_lines_and_columns()
    {
        var chunk = Single("", "X: { field: x, type: integer }", $"""
            Id,X
            {Id1},1
            {Id2}
            {Id2},"never closed
            ,5
            nonsense,six
            {Id2},"2"

            """);

        Assert.Equal([2, 7], chunk.Lines.AsEnumerable());
        Assert.Equal(4, chunk.RejectedRows);
        Assert.Equal(
            ["3  field-count", "4  bad-quote", "5 Id id-missing", "6 Id invalid-uuid", "6 X invalid-integer"],
            chunk.Rejects.Select(reject => $"{reject.Line} {reject.Column} {reject.Code}"));
    }

    [Fact]
    public void Reject_text_that_is_not_utf8()
    {
        var chunk = Assert.Single(Chunks(
            Mapping("Id", "", "X: x"), [.. "Id,X\n"u8, .. Encoding.ASCII.GetBytes(Id1), (byte)',', 0xFC, (byte)'\n']));

        Assert.Equal("not-utf8", Assert.Single(chunk.Rejects).Code);
    }

    [Fact]
    public void Derive_the_same_ids_again_and_keep_identical_rows_apart()
    {
        const string Csv = "DAY,CODE,N\n1,a,x\n1,a,x\n1,b,x\n1a,,x\n";
        var mapping = Mapping("{ from: [DAY, CODE] }", "", "DAY: day\n      CODE: code\n      N: n");

        var first = Ids(mapping, Csv);
        var second = Ids(mapping, Csv);

        Assert.Equal(first, second);
        Assert.Equal(4, first.Distinct().Count());
        Assert.All(first, id => Assert.Equal(8, id.Version));
        Assert.All(first, id => Assert.InRange(id.Variant, 8, 11));
    }

    [Fact]
    public void Derive_ids_that_do_not_change_when_another_column_does()
    {
        var mapping = Mapping("{ from: [DAY] }", "", "DAY: day\n      STOP: stop");

        Assert.Equal(Ids(mapping, "DAY,STOP\n1,\n"), Ids(mapping, "DAY,STOP\n1,2024-01-01\n"));
    }

    [Fact]
    public void Count_broken_values_when_deriving_so_that_mending_one_row_moves_no_other_id()
    {
        var mapping = Mapping("{ from: [DAY] }", "", "DAY: day\n      N: { field: n, type: integer }");

        Assert.Equal(Ids(mapping, "DAY,N\n1,1\n1,2\n")[1], Assert.Single(Ids(mapping, "DAY,N\n1,broken\n1,2\n")));
    }

    [Fact]
    public void Cut_chunks_at_a_thousand_rows()
    {
        var csv = "Id,X\n" + string.Concat(Enumerable.Range(1, 2_500).Select(i => $"{Guid.CreateVersion7()},{i}\n"));

        var chunks = Chunks(Mapping("Id", "", "X: x"), Encoding.UTF8.GetBytes(csv)).ToList();

        Assert.Equal([1_000, 1_000, 500], chunks.Select(chunk => chunk.Lines.Length));
        Assert.Equal([1_001, 2_001, 2_501], chunks.Select(chunk => chunk.Lines[^1]));
        Assert.Equal(csv.Length, chunks[^1].Consumed);
    }

    [Fact]
    public void Cut_chunks_before_the_servers_greatest_body()
    {
        var wide = new string('x', 200_000);
        var csv = "Id,X\n" + string.Concat(Enumerable.Range(1, 60).Select(_ => $"{Guid.CreateVersion7()},{wide}\n"));

        var chunks = Chunks(Mapping("Id", "", "X: x"), Encoding.UTF8.GetBytes(csv)).ToList();

        Assert.All(chunks, chunk => Assert.InRange(chunk.Ndjson.Length, 1, 8 * 1024 * 1024));
        Assert.Equal(60, chunks.Sum(chunk => chunk.Lines.Length));
    }

    [Fact]
    public void Demand_that_every_column_is_mapped_or_ignored_and_every_mapped_one_is_there()
    {
        var mapping = Mapping("Id", "ignore: [GONE]", "X: x\n      Y: y");

        var faults = CsvChunks.CheckHeader(mapping.Files[0], new MemoryStream("Id,X,NEW,X\n"u8.ToArray()));

        Assert.Equal(
            ["duplicate-column 4", "unknown-column 9", "unknown-column 10", "unmapped-column 4"],
            faults.Select(fault => $"{fault.Code} {fault.Place.Line}"));
    }

    private static string Quote(string value) => $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static Mapping Mapping(string id, string more, string columns)
    {
        var (mapping, faults) = MappingReader.Read($"""
            mapping: 1
            app: clinic
            files:
              - file: x.csv
                into: things
                id: {id}
                columns:
                  {columns}
                {more}
            """);
        Assert.Empty(faults);
        return mapping!;
    }

    private static ImportChunk Single(string more, string columns, string csv) =>
        Assert.Single(Chunks(Mapping("Id", more, columns), Encoding.UTF8.GetBytes(csv)));

    private static IEnumerable<ImportChunk> Chunks(Mapping mapping, byte[] csv)
    {
        var stream = new MemoryStream(csv);
        return CsvChunks.Read(mapping.App, mapping.Files[0], stream);
    }

    private static List<Guid> Ids(Mapping mapping, string csv) =>
        [.. Chunks(mapping, Encoding.UTF8.GetBytes(csv)).SelectMany(chunk => Text(chunk).TrimEnd('\n').Split('\n'))
            .Select(line => Guid.Parse((string)JsonNode.Parse(line)!["id"]!))];

    private static string Text(ImportChunk chunk) => Encoding.UTF8.GetString(chunk.Ndjson.Span);
}
