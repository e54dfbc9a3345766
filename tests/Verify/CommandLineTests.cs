using System.Text.Json;
using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify;

namespace Bulkhead.Tests.Verify;

/// <summary>The commands as an auditor types them: words, JSON, exit codes.</summary>
public sealed class CommandLineTests : IDisposable
{
    private static readonly TestKey Witness = new("w.example", 4);

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("bh-verify-");
    private readonly TenantLog log = TenantLog.Of(100);
    private readonly HeadsLog heads = new();

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public void An_export_that_holds_ends_with_0_and_one_that_does_not_with_1()
    {
        var good = TestExport.Of(log, 0, 100);
        var (code, output, _) = Run(
            "export",
            Write("good", good.Bytes()),
            "--log",
            log.Key.VKey,
            "--heads",
            heads.Key.VKey,
            "--origin",
            log.Origin);
        Assert.Equal(CommandLine.Holds, code);
        Assert.EndsWith("It holds.\n", output, StringComparison.Ordinal);

        good.EditBody(7, b => b.Replace("nurse", "purse", StringComparison.Ordinal));
        (code, output, _) = Run("export", Write("bad", good.Bytes()), "--log", log.Key.VKey);
        Assert.Equal(CommandLine.DoesNotHold, code);
        Assert.Contains("BROKEN the entries and the range proof do not give the checkpoint's root", output, StringComparison.Ordinal);
        Assert.EndsWith("It does not hold.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_JSON_says_the_same_with_a_name_for_each_flaw()
    {
        var export = TestExport.Of(log, 0, 100).EditBody(7, b => b.Replace("nurse", "purse", StringComparison.Ordinal));
        var (code, output, _) = Run("export", Write("bad", export.Bytes()), "--json");
        Assert.Equal(CommandLine.DoesNotHold, code);
        using var json = JsonDocument.Parse(output);
        Assert.False(json.RootElement.GetProperty("holds").GetBoolean());
        Assert.Equal(
            ["root", "entry-changed"],
            json.RootElement.GetProperty("broken").EnumerateArray().Select(b => b.GetProperty("flaw").GetString()));
    }

    [Fact]
    public void What_is_no_export_ends_with_2_and_wrong_usage_with_64()
    {
        Assert.Equal(CommandLine.CannotBeRead, Run("export", Path.Combine(folder.FullName, "none")).Code);
        Assert.Equal(CommandLine.CannotBeRead, Run("export", Write("empty", [])).Code);
        Assert.Equal(CommandLine.CannotBeRead, Run("export", Write("text", "hello\n"u8.ToArray())).Code);
        Assert.Equal(
            CommandLine.CannotBeRead,
            Run("export", Write("other", "{\"type\":\"header\",\"format\":\"bulkhead-export/2\"}\n"u8.ToArray())).Code);
        var good = Write("good", TestExport.Of(log, 0, 3).Bytes());
        Assert.Equal(CommandLine.CannotBeRead, Run("export", good, "--witnesses", Write("policy", "nonsense\n"u8.ToArray())).Code);
        foreach (var wrong in new string[][]
        {
            [], ["exports"], ["export"], ["export", good, good], ["export", good, "--frob", "1"], ["export", good, "--log"], ["export", good, "--log", "x"],
            ["export", good, "--origin", "a", "--origin", "b"], ["count", good], ["count", good, "--where", "actor.knd=operator"],
            ["count", good, "--where", "action=data.read", "--by", "actor"], ["count", good, "--by", "actor.id"],
            ["split", good, good],
        })
        {
            Assert.Equal(CommandLine.WrongUsage, Run(wrong).Code);
        }
    }

    [Fact]
    public void Nobody_of_the_operators_people_read_records_in_these_days_is_one_command_that_says_what_makes_it_complete()
    {
        var position = heads.Add(log, 100);
        var export = TestExport.Of(log, 0, 100, heads: heads).WithHead(position, null, Witness).WithAllHeads();
        var (code, output, _) = Run(
            "count", Write("e", export.Bytes()), "--where", "action=data.read", "--where", "actor.kind=operator", "--where", "at>=2026-05-02", "--where", "at<2026-05-04",
            "--log", log.Key.VKey, "--heads", heads.Key.VKey, "--witnesses", Write("policy", System.Text.Encoding.UTF8.GetBytes($"witness W {Witness.VKey}\nthreshold 1\n")));
        Assert.Equal(CommandLine.Holds, code);
        Assert.Contains(
            "count  0 entries with action=data.read and actor.kind=operator and at>=2026-05-02 and at<2026-05-04\n",
            output,
            StringComparison.Ordinal);
        Assert.Contains("Of 100 entries, 34 have actor.kind=operator.", output, StringComparison.Ordinal);
        Assert.Contains("Of 100 entries, 76 have at>=2026-05-02.", output, StringComparison.Ordinal);
        Assert.Contains("Nothing precedes: position 0 is the log's first, of an act of 2026-05-01T00:00:00.000000Z.", output, StringComparison.Ordinal);
        Assert.Contains(
            "Entries from position 100 on were sealed after 2026-05-28 20:26:40 UTC (as W saw)",
            output,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(66, "action=data.read")]
    [InlineData(66, "action~data.")]
    [InlineData(100, "actor.roles=nurse")]
    [InlineData(100, "actor.roles=writer")]
    [InlineData(0, "actor.roles=nur")]
    [InlineData(1, "details.count=42")]
    [InlineData(1, "records=r42")]
    [InlineData(1, "details.note=Zürich \"7\"")]
    [InlineData(0, "details.nothing=1")]
    [InlineData(3, "at<2026-05-01T03:00:00Z")]
    [InlineData(76, "at>=2026-05-02")]
    [InlineData(1, "at>=2026-05-05T03:00:00Z")]
    public void A_condition_counts_what_it_says(long expected, string where)
    {
        var (_, output, _) = Run(
            "count",
            Write("e", TestExport.Of(log, 0, 100, size: 100).Bytes()),
            "--where",
            where,
            "--log",
            log.Key.VKey,
            "--json");
        using var json = JsonDocument.Parse(output);
        Assert.Equal(expected, json.RootElement.GetProperty("count").GetInt64());
    }

    [Fact]
    public void A_count_says_how_many_are_of_whom()
    {
        var path = Write("e", TestExport.Of(log, 0, 100).Bytes());
        var (code, output, _) = Run("count", path, "--where", "action=data.read", "--by", "actor.kind");
        Assert.Equal(CommandLine.Holds, code);
        Assert.Contains("count  66 entries with action=data.read\ncount    66 entries of actor.kind user\n", output, StringComparison.Ordinal);
        // Of a list each element counts; and what has no such member is not left out.
        Assert.Contains("count    66 entries of actor.roles nurse\ncount    66 entries of actor.roles writer\n", Run("count", path, "--where", "action=data.read", "--by", "actor.roles").Output, StringComparison.Ordinal);
        Assert.Contains("count    66 entries without ticket\n", Run("count", path, "--where", "action=data.read", "--by", "ticket").Output, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(Run("count", path, "--where", "at>=2026-05-01", "--by", "details.note", "--json").Output);
        Assert.Contains(json.RootElement.GetProperty("by").EnumerateArray(), g => g.GetProperty("details.note").GetString() == "Zürich \"7\"");
        Assert.Equal(100, json.RootElement.GetProperty("by").EnumerateArray().Sum(g => g.GetProperty("count").GetInt64()));
    }

    [Fact]
    public void An_export_that_does_not_hold_is_not_counted()
    {
        var export = TestExport.Of(log, 0, 100).EditBody(7, b => b.Replace("nurse", "purse", StringComparison.Ordinal));
        var (code, output, _) = Run("count", Write("bad", export.Bytes()), "--where", "action=data.read");
        Assert.Equal(CommandLine.DoesNotHold, code);
        Assert.DoesNotContain("count  ", output, StringComparison.Ordinal);
        Assert.DoesNotContain(
            "\"count\"",
            Run("count", Write("bad", export.Bytes()), "--where", "action=data.read", "--json").Output,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData()]
    [InlineData("--json")]
    public void Entries_that_are_not_shown_are_not_counted(params string[] json)
    {
        var path = Write("hidden", TestExport.Of(log, 0, 100).Hide(3).Hide(4).Bytes());
        var (code, output, _) = Run(["count", path, "--where", "action=data.read", "--log", log.Key.VKey, .. json]);
        Assert.Equal(CommandLine.DoesNotHold, code);
        Assert.Contains("Of 100 entries, 2 are not shown, only as digests: whether they meet the conditions cannot be seen", output, StringComparison.Ordinal);
        Assert.DoesNotContain(json.Length == 0 ? "count  " : "\"count\"", output, StringComparison.Ordinal);
        Assert.Equal(CommandLine.Holds, Run("export", path, "--log", log.Key.VKey).Code);
    }

    /// <summary>Checkpoints of the tests are signed a minute apart from 2026-05-01 01:46:40 on.</summary>
    [Fact]
    public void A_count_of_a_time_that_the_export_does_not_cover_is_refused()
    {
        var path = Write("later", TestExport.Of(log, 20, 100, earlier: [30]).Bytes());
        var (code, output, _) = Run("count", path, "--where", "at>=2026-05-01");
        Assert.Equal(CommandLine.DoesNotHold, code);
        Assert.Contains("the export begins at position 20", output, StringComparison.Ordinal);
        Assert.Equal(CommandLine.Holds, Run("count", path, "--where", "at>=2026-05-01T02:17:00Z").Code);

        path = Write("earlier", TestExport.Of(log, 0, 80, earlier: [70]).Bytes());
        Assert.Equal(CommandLine.Holds, Run("count", path, "--where", "at<2026-05-01T02:56:00Z").Code);
        (code, output, _) = Run("count", path, "--where", "at<2026-05-01T02:57:00Z");
        Assert.Equal(CommandLine.DoesNotHold, code);
        Assert.Contains("the export ends before the time that was asked about", output, StringComparison.Ordinal);

        path = Write("open", TestExport.Of(log, 0, 80).Bytes());
        Assert.Contains(
            "does not show when position 80 was reached",
            Run("count", path, "--where", "at<2026-05-01T02:00:00Z").Output,
            StringComparison.Ordinal);
    }

    /// <summary>Who asks about no time asks about the whole log: of less of it, also of nothing, no number is told.</summary>
    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(100, 100, false)]
    [InlineData(0, 40, false)]
    [InlineData(40, 100, false)]
    [InlineData(0, 100, true)]
    public void A_count_without_a_time_is_of_the_whole_log(int from, int to, bool counts)
    {
        var (code, output, _) = Run("count", Write("part", TestExport.Of(log, from, to).Bytes()), "--where", "action=data.read", "--log", log.Key.VKey);
        Assert.Equal(counts ? CommandLine.Holds : CommandLine.DoesNotHold, code);
        Assert.Equal(counts, output.Contains("count  ", StringComparison.Ordinal));
        Assert.Equal(!counts, output.Contains("count in an export of the whole log", StringComparison.Ordinal));
    }

    [Fact]
    public void Nothing_of_a_file_moves_the_terminals_cursor_or_turns_a_line_round()
    {
        var header = "{\"type\":\"header\",\"format\":\"bulkhead-export/1\",\"\\u001b[2J\\nholds  all\\u202e\\u2066\\u200b\\u2028\":1}\n";
        var path = Write("terminal", System.Text.Encoding.UTF8.GetBytes(header));
        var (code, output, errors) = Run("export", path);
        Assert.Equal(CommandLine.CannotBeRead, code);
        var shown = TestExport.Of(log, 0, 3).EditBody(1, b => b.Replace("nurse", "\u202e\u2066\u200b\u2028", StringComparison.Ordinal));
        shown.Line("header")["origin"] = "bulkhead-audit/\u202e\u2066\u200b\u2028\u001b";
        foreach (var text in new[] { output + errors, Run("export", Write("bidi", shown.Bytes())).Output, Run("export", Write("bidi", shown.Bytes()), "--json").Output })
        {
            Assert.DoesNotContain(text.Split('\n').SelectMany(line => line), c => char.IsControl(c) || c is '\u202e' or '\u2066' or '\u200b' or '\u2028');
        }

        Assert.DoesNotContain("\nholds  all", errors, StringComparison.Ordinal);
    }

    /// <summary>A tree that was cosigned today may hold a newer head than the one that is shown.</summary>
    [Fact]
    public void An_old_head_in_a_new_tree_does_not_show_that_nothing_came_after_it()
    {
        var old = heads.Add(log, 80);
        heads.Add(log, 100);
        var export = TestExport.Of(log, 0, 80, heads: heads).WithHead(old, null, Witness);
        var policy = Write("policy", System.Text.Encoding.UTF8.GetBytes($"witness W {Witness.VKey}\nthreshold 1\n"));
        var (code, output, _) = Run("count", Write("e", export.Bytes()), "--where", "at<2026-05-01T02:00:00Z", "--witnesses", policy);
        Assert.Equal(CommandLine.DoesNotHold, code);
        Assert.Contains("does not show when position 80 was reached", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Entries_without_a_time_that_is_one_cannot_be_counted_by_time()
    {
        log.Put(3, log.Body(3).Replace(".000000Z", "+00:00", StringComparison.Ordinal));
        var path = Write("e", TestExport.Of(log, 0, 100).Bytes());
        Assert.Contains(
            "1 entry has no time of the form that times have",
            Run("count", path, "--where", "at>=2026-05-01").Output,
            StringComparison.Ordinal);
        Assert.Equal(CommandLine.Holds, Run("count", path, "--where", "action=data.read").Code);
    }

    [Fact]
    public void What_an_auditor_wants_of_a_total_is_proven_or_the_exit_code_is_1()
    {
        var prover = new NaiveProver(log).Commit(4, "bytes", 500).Commit(9, "bytes", 12).Commit(9, "reads", 3);
        string Export(params System.Text.Json.Nodes.JsonObject[] lines)
        {
            var export = TestExport.Of(log, 0, 12);
            export.Lines.AddRange(lines);
            return Write("e", export.Bytes());
        }

        var total = prover.Line("total", "bytes", 512, 0, 12);
        Assert.Equal(CommandLine.Holds, Asked(Export(total), "--total", "bytes").Code);
        Assert.Equal(CommandLine.Holds, Asked(Export(total), "--total", "bytes", "--below", "513").Code);
        Assert.Equal(CommandLine.DoesNotHold, Asked(Export(total), "--total", "bytes", "--below", "512").Code);
        Assert.Equal(CommandLine.DoesNotHold, Asked(Export(total), "--each", "bytes", "--below", "513").Code);
        var (code, output, _) = Asked(Export(total), "--total", "reads");
        Assert.Equal(CommandLine.DoesNotHold, code);
        Assert.Contains(
            "BROKEN the export does not prove what was asked for: the total of reads at all its positions, 0 to 12 (exclusive). Of reads it proves nothing",
            output,
            StringComparison.Ordinal);

        var below = prover.Line("below", "bytes", 600, 0, 12);
        Assert.Equal(CommandLine.Holds, Asked(Export(below), "--total", "bytes", "--below", "600").Code);
        Assert.Equal(CommandLine.Holds, Asked(Export(below), "--total", "bytes", "--below", "601").Code);
        Assert.Equal(CommandLine.DoesNotHold, Asked(Export(below), "--total", "bytes", "--below", "599").Code);
        Assert.Equal(CommandLine.DoesNotHold, Asked(Export(below), "--total", "bytes").Code);
        Assert.Equal(CommandLine.DoesNotHold, Asked(Export(below), "--each", "bytes", "--below", "600").Code);

        var each = prover.Line("each", "bytes", 501, 0, 12);
        Assert.Equal(CommandLine.Holds, Asked(Export(each), "--each", "bytes", "--below", "501").Code);
        Assert.Equal(CommandLine.DoesNotHold, Asked(Export(each), "--each", "bytes", "--below", "500").Code);
        Assert.Equal(CommandLine.DoesNotHold, Asked(Export(each), "--total", "bytes", "--below", "600").Code);

        // A part of the positions does not pass for the whole.
        (code, output, _) = Asked(Export(prover.Line("total", "bytes", 12, 5, 12)), "--total", "bytes");
        Assert.Equal(CommandLine.DoesNotHold, code);
        Assert.Contains("Of bytes it proves that the total of bytes at positions 5 to 11 is 12", output, StringComparison.Ordinal);

        (int Code, string Output, string Errors) Asked(string path, params string[] wanted) =>
            Run(["export", path, "--log", log.Key.VKey, .. wanted]);
    }

    [Fact]
    public void The_JSON_has_each_total_with_its_number_and_both_checkpoints()
    {
        var prover = new NaiveProver(log).Commit(4, "bytes", ulong.MaxValue);
        var export = TestExport.Of(log, 3, 12, earlier: [3]);
        export.Lines.Add(prover.Line("total", "bytes", ulong.MaxValue, 3, 12, older: 3));
        var (code, output, _) = Run("export", Write("e", export.Bytes()), "--log", log.Key.VKey, "--json");
        Assert.Equal(CommandLine.Holds, code);
        using var json = JsonDocument.Parse(output);
        Assert.Equal(
            """[{"kind":"total","attribute":"bytes","number":"18446744073709551615","from":3,"to":12,"entries":1,"older":{"size":3,"time":1777600180},"newer":{"size":100,"time":1777606000}}]""",
            JsonSerializer.Serialize(json.RootElement.GetProperty("totals")));
        var line = export.Line("total");
        line["number"] = "1";
        (code, output, _) = Run("export", Write("bad", export.Bytes()), "--log", log.Key.VKey, "--json");
        Assert.Equal(CommandLine.DoesNotHold, code);
        using var broken = JsonDocument.Parse(output);
        Assert.False(broken.RootElement.TryGetProperty("totals", out _));
        Assert.Equal("total", broken.RootElement.GetProperty("broken")[0].GetProperty("flaw").GetString());
    }

    [Theory]
    [InlineData("--below", "5")]
    [InlineData("--each", "bytes")]
    [InlineData("--total", "bytes", "--each", "bytes", "--below", "5")]
    [InlineData("--total", "bytes", "--below", "0")]
    [InlineData("--total", "bytes", "--below", "05")]
    [InlineData("--total", "bytes", "--below", "18446744073709551617")]
    [InlineData("--total", "9lives")]
    [InlineData("--total", "a", "--total", "b")]
    public void A_question_for_a_total_that_could_not_be_meant_is_wrong_usage(params string[] wanted) =>
        Assert.Equal(CommandLine.WrongUsage, Run(["export", Write("e", []), .. wanted]).Code);

    [Theory]
    [InlineData("at<=2026-05-01")]
    [InlineData("at>2026-05-01")]
    [InlineData("at<yesterday")]
    [InlineData("action>=a")]
    [InlineData("actions=a")]
    [InlineData("actor=a")]
    [InlineData("actor.kinds=a")]
    [InlineData("details.=a")]
    [InlineData("=a")]
    [InlineData("action")]
    public void A_condition_that_could_not_be_meant_is_wrong_usage(string where) =>
        Assert.Equal(CommandLine.WrongUsage, Run("count", Write("e", []), "--where", where).Code);

    [Fact]
    public void Two_checkpoints_of_one_history_hold_and_a_split_view_is_named()
    {
        var (a, b) = (Write("a.note", log.Note(40)), Write("b.note", log.Note(52)));
        var proof = Write("proof", string.Concat(log.Consistency(40, 52).Select(h => $"{h}\n")));
        Assert.Equal(CommandLine.Holds, Run("split", a, b, "--log", log.Key.VKey, "--proof", proof).Code);
        Assert.Equal(CommandLine.Holds, Run("split", b, a, "--log", log.Key.VKey, "--proof", proof).Code);
        Assert.Equal(CommandLine.Holds, Run("split", a, a, "--log", log.Key.VKey).Code);
        Assert.Contains("neither one history nor a split view", Run("split", a, b, "--log", log.Key.VKey).Output, StringComparison.Ordinal);

        log.Put(17, log.Bodies[16]);
        var (rewritten, same) = (Write("c.note", log.Note(52)), Write("d.note", log.Note(40)));
        var (code, output, _) = Run("split", a, rewritten, "--log", log.Key.VKey, "--proof", proof);
        Assert.Equal(CommandLine.DoesNotHold, code);
        Assert.Contains("this is a split view", output, StringComparison.Ordinal);
        (code, output, _) = Run("split", a, same, "--log", log.Key.VKey);
        Assert.Equal(CommandLine.DoesNotHold, code);
        Assert.Contains("both checkpoints are of size 40 and their roots differ: split view", output, StringComparison.Ordinal);

        var stranger = new TestKey(log.Origin, 1, "stranger");
        Assert.Contains(
            "bears no Ed25519 signature",
            Run("split", a, rewritten, "--log", stranger.VKey, "--proof", proof).Output,
            StringComparison.Ordinal);
        Assert.Equal(CommandLine.CannotBeRead, Run("split", a, b, "--log", log.Key.VKey, "--proof", a).Code);
        var other = TenantLog.Of(40, "018f4b5e-0000-7000-8000-000000000002");
        Assert.Contains(
            "the notes are of two logs",
            Run("split", a, Write("o.note", other.Note(40)), "--log", log.Key.VKey, "--log", other.Key.VKey).Output, StringComparison.Ordinal);
    }

    private (int Code, string Output, string Errors) Run(params string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var errors = new StringWriter { NewLine = "\n" };
        return (CommandLine.Run(args, output, errors), output.ToString(), errors.ToString());
    }

    private string Write(string name, string text) => Write(name, System.Text.Encoding.UTF8.GetBytes(text));

    private string Write(string name, byte[] bytes)
    {
        var path = Path.Combine(folder.FullName, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
