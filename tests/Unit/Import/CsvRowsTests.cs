using System.Text;
using Bulkhead.Host.Import;
using FsCheck;
using FsCheck.Fluent;

namespace Bulkhead.Tests.Unit.Import;

public sealed class CsvRowsTests
{
    [Fact]
    public void Read_quoted_fields_with_commas_quotes_and_line_breaks()
    {
        var rows = Read("a,b\r\n\"1,2\",\"say \"\"hi\"\"\"\r\n\"x\r\ny\",z\n");

        Assert.Equal(["a|b", "1,2|say \"hi\"", "x\r\ny|z"], rows.Select(row => row.Text));
    }

    [Fact]
    public void Name_the_physical_line_on_which_a_row_starts()
    {
        var rows = Read("a,b\n\"one\ntwo\nthree\",x\n\n\nlast,y");

        Assert.Equal([1, 2, 7], rows.Select(row => row.Line));
    }

    [Fact]
    public void Skip_a_byte_order_mark_and_blank_lines()
    {
        var rows = Read([0xEF, 0xBB, 0xBF, .. "a,b\n\r\n1,2\n\n"u8]);

        Assert.Equal(["a|b", "1|2"], rows.Select(row => row.Text));
    }

    [Fact]
    public void Keep_empty_fields_and_a_row_without_a_final_line_break()
    {
        Assert.Equal(["a|b|c", "||", "|\"|"], Read("a,b,c\n,,\n,\"\"\"\",").Select(row => row.Text));
    }

    [Fact]
    public void Lose_only_one_line_to_a_quote_that_is_never_closed()
    {
        var rows = Read("a,b\n1,\"open\n2,x\n3,y\n");

        Assert.Equal(["1 ", "2 unclosed-quote", "3 ", "4 "], rows.Select(row => $"{row.Line} {row.Fault}"));
        Assert.Equal(["2|x", "3|y"], rows.Skip(2).Select(row => row.Text));
    }

    [Theory]
    [InlineData("1,\"open\n2,\"x\"\n3,y\n", "bad-quote")]
    [InlineData("1,\"open\n2,\"\"\n3,\",y\n", "field-count")]
    public void Lose_only_one_line_to_a_stray_quote_that_swallows_later_rows(string csv, string fault)
    {
        var rows = Read("a,b\n" + csv);

        Assert.Equal($"2 {fault}", $"{rows[1].Line} {rows[1].Fault}");
        Assert.Equal(3, rows[2].Line);
    }

    [Fact]
    public void Refuse_rows_with_more_or_fewer_fields_than_the_header()
    {
        var rows = Read("a,b\n1\n1,2,3\n1,2\n");

        Assert.Equal(["", "field-count", "field-count", ""], rows.Select(row => row.Fault));
    }

    [Fact]
    public void Refuse_a_row_with_text_after_a_closing_quote_and_read_on()
    {
        var rows = Read("a,b\n\"1\"x,2\n3,4\n");

        Assert.Equal(["", "bad-quote", ""], rows.Select(row => row.Fault));
        Assert.Equal("3|4", rows[2].Text);
    }

    [Fact]
    public void Take_a_quote_inside_an_unquoted_field_as_it_stands()
    {
        Assert.Equal("5\" tube|x", Read("a,b\n5\" tube,x\n")[1].Text);
    }

    [Theory]
    [InlineData(CsvRows.MaxRowLength)]
    [InlineData(5 * CsvRows.MaxRowLength)]
    public void Refuse_a_row_that_is_too_long_and_read_on(int length)
    {
        var rows = Read($"a,b\n1,{new string('x', length)}\n2,y\n\"3\n\",z\n");

        Assert.Equal(["1 ", "2 row-too-long", "3 ", "4 "], rows.Select(row => $"{row.Line} {row.Fault}"));
        Assert.Equal("2|y", rows[2].Text);
    }

    [Fact]
    public void Read_rows_up_to_the_greatest_length_whole_wherever_the_buffer_ends()
    {
        var row = new string('x', CsvRows.MaxRowLength - 5);
        var rows = Read(string.Concat(Enumerable.Range(10, 20).Select(i => $"{i},{row}\n")));

        Assert.Equal(20, rows.Count);
        Assert.All(rows, read => Assert.Equal("", read.Fault));
        Assert.All(rows, read => Assert.Equal(row.Length + 3, read.Text.Length));
    }

    [Fact]
    public void Mark_bytes_that_are_not_utf8()
    {
        var rows = Read([.. "a,b\n"u8, 0x4D, 0xFC, .. ",ü\n"u8]);

        Assert.Equal($"M{CsvRows.NotUtf8}|ü", rows[1].Text);
    }

    [Fact]
    public void Read_back_whatever_was_written()
    {
        var field = Gen.Elements('a', 'ü', ',', '"', '\n', '\r', ' ').ArrayOf().Select(chars => new string(chars));
        var row = field.ListOf(3).Select(fields => fields.ToArray());
        Prop.ForAll(row.ListOf().ToArbitrary(), written =>
        {
            var csv = string.Concat(written.Select(fields => string.Join(',', fields.Select(Quote)) + "\r\n"));
            var read = Read(csv);
            return read.Select(r => r.Text).SequenceEqual(written.Select(fields => string.Join('|', fields)))
                && read.All(r => r.Fault.Length == 0);
        }).QuickCheckThrowOnFailure();

        static string Quote(string value) => $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    [Fact]
    public void Come_to_an_end_on_any_input()
    {
        var characters = Gen.Elements('a', ',', '"', '\n', '\r').ArrayOf().Select(chars => new string(chars));
        Prop.ForAll(characters.ToArbitrary(), text =>
        {
            var rows = Read(text);
            return rows.Count <= text.Length && rows.Zip(rows.Skip(1)).All(pair => pair.First.Line < pair.Second.Line);
        }).QuickCheckThrowOnFailure();
    }

    private static List<(long Line, string Fault, string Text)> Read(string text) => Read(Encoding.UTF8.GetBytes(text));

    private static List<(long Line, string Fault, string Text)> Read(byte[] bytes)
    {
        using var rows = new CsvRows(new MemoryStream(bytes));
        var read = new List<(long, string, string)>();
        while (rows.Read())
        {
            read.Add((rows.Line, rows.Fault ?? "", string.Join('|', rows.Fields)));
        }

        return read;
    }
}
