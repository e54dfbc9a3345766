using System.Text;
using System.Text.Json.Nodes;
using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify;
using Bulkhead.Verify.Export;
using static Bulkhead.Tests.Verify.Making.TestExport;

namespace Bulkhead.Tests.Verify;

/// <summary>Lines, their order and their members.</summary>
public sealed class FormatTests
{
    /// <summary>Whatever it shared with the platform would be wrong in both.</summary>
    [Fact]
    public void The_program_references_nothing_but_the_framework()
    {
        Assert.All(
            typeof(Findings).Assembly.GetReferencedAssemblies(),
            a => Assert.StartsWith("System.", a.Name, StringComparison.Ordinal));
        var project = System.Xml.Linq.XDocument.Load(Path.Combine(Vectors.Root(), "verify", "Bulkhead.Verify.csproj"));
        Assert.DoesNotContain(project.Descendants(), e => e.Name.LocalName is "ProjectReference" or "PackageReference" or "Compile");
    }

    [Fact]
    public void The_end_counts_and_hashes()
    {
        var export = Of(TenantLog.Of(3), 0, 3);
        var before = export.Bytes()[..(export.Bytes().AsSpan(0, export.Bytes().Length - 1).LastIndexOf((byte)'\n') + 1)];
        export.End = EndOf(before, 2);
        AssertBroken(export.Verify(), Flaw.Digest, "the end counts 2 entries, and there are 3");
        export.End = EndOf(before[..^1], 3);
        AssertBroken(export.Verify(), Flaw.Digest, "the SHA-256 at the end is not that of the lines before it");
        export.End = EndOf(before, 3);
        AssertHolds(export.Verify());
    }

    [Fact]
    public void Nothing_may_follow_the_end()
    {
        var export = Of(TenantLog.Of(3), 0, 3);
        AssertBroken(VerifyBytes([.. export.Bytes(), .. "{}\n"u8], export.Trust()), Flaw.Line, "has no type");
        AssertBroken(VerifyBytes([.. export.Bytes(), .. "x"u8], export.Trust()), Flaw.Truncated, "the file is cut");
        AssertBroken(VerifyBytes([.. export.Bytes(), (byte)'\n'], export.Trust()), Flaw.Line, "it is not");
        AssertBroken(
            VerifyBytes([.. export.Bytes(), .. "{\"type\":\"total\"}\n"u8], export.Trust()), Flaw.Line, "a line of type total does not belong here");
    }

    [Theory]
    [InlineData("checkpoint")]
    [InlineData("range")]
    public void A_line_that_must_be_there_is_missed_and_one_that_stands_twice_does_not_belong_there(string type)
    {
        var export = Of(TenantLog.Of(3), 0, 3);
        export.Lines.Remove(export.Line(type));
        AssertBroken(export.Verify(), Flaw.Truncated, $"the line of type {type} is missing");
        export = Of(TenantLog.Of(3), 0, 3);
        export.Lines.Insert(export.Lines.IndexOf(export.Line(type)), (JsonObject)export.Line(type).DeepClone());
        AssertBroken(export.Verify(), Flaw.Line, $"a line of type {type} does not belong here");
    }

    [Fact]
    public void Lines_out_of_order_or_of_no_known_type_are_refused()
    {
        var export = Of(TenantLog.Of(3), 0, 3, earlier: [2]);
        (export.Lines[5], export.Lines[6]) = (export.Lines[6], export.Lines[5]);
        AssertBroken(export.Verify(), Flaw.Line, "line 7: a line of type range does not belong here");
        export = Of(TenantLog.Of(3), 0, 3);
        export.Lines.Add(new() { ["type"] = "remark" });
        AssertBroken(export.Verify(), Flaw.Line, "lines of type remark are not known");
        export.Lines[^1] = (JsonObject)export.Lines[0].DeepClone();
        AssertBroken(export.Verify(), Flaw.Line, "a line of type header does not belong here");
    }

    [Theory]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"more\":1}", "and nothing else")]
    [InlineData("{\"type\":\"entry\",\"position\":0}", "and nothing else")]
    [InlineData("{\"type\":\"entry\",\"body\":\"{}\"}", "and nothing else")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"position\":0,\"body\":\"{}\"}", "position stands twice")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"body\":\"{}\"}", "body stands twice")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"disclosures\":[],\"disclosures\":[]}", "disclosures stands twice")]
    [InlineData("{\"type\":\"entry\",\"type\":\"entry\",\"position\":0,\"body\":\"{}\"}", "its type is not one string")]
    [InlineData("{\"type\":\"entry\",\"position\":-1,\"body\":\"{}\"}", "its position is not a whole number")]
    [InlineData("{\"type\":\"entry\",\"position\":0.0,\"body\":\"{}\"}", "its position is not a whole number")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":{}}", "its body is not a string")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"\\ud800\"}", "")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"disclosures\":{}}", "its disclosures are not an array")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"disclosures\":[1]}", "a disclosure is not a string")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\"} {}", "not JSON")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"digest\":\"DIGEST\"}", "and nothing else")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"digest\":\"DIGEST\",\"disclosures\":[]}", "and nothing else")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"digest\":\"DIGEST\",\"digest\":\"DIGEST\"}", "digest stands twice")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"digest\":\"AAAA\"}", "its digest is not the base64 of a hash")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"digest\":1}", "its digest is not the base64 of a hash")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"commitments\":[]}", "its commitments are not an object")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"commitments\":{}}", "its commitments are empty")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"commitments\":{\"a\":\"POINT\"},\"commitments\":{\"a\":\"POINT\"}}", "commitments stands twice")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"commitments\":{\"a\":\"POINT\",\"b\":\"POINT\",\"a\":\"POINT\"}}", "its commitment a stands twice")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"commitments\":{\"a\":\"AAAA\"}}", "its commitment a is not the base64 of 33 bytes")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"commitments\":{\"a\":1}}", "its commitment a is not the base64 of 33 bytes")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"commitments\":{\"1a\":\"POINT\"}}", "the name of a commitment is not one")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"commitments\":{\"\":\"POINT\"}}", "the name of a commitment is not one")]
    [InlineData("{\"type\":\"entry\",\"position\":0,\"body\":\"{}\",\"commitments\":{\"a b\":\"POINT\"}}", "the name of a commitment is not one")]
    [InlineData("{\"type\":\"checkpoint\",\"note\":\"x\",\"note\":\"x\"}", "not JSON")]
    [InlineData("{\"type\":\"checkpoint\",\"note\":\"x\",\"more\":\"x\"}", "a member is not known here: more")]
    [InlineData("{\"type\":\"checkpoint\"}", "note is missing")]
    [InlineData("{\"type\":\"checkpoint\",\"note\":1}", "note is not a string")]
    [InlineData("[]", "it is not a JSON object")]
    [InlineData("{\"type\":\"entry\"", "not JSON")]
    [InlineData("// hello", "not JSON")]
    public void A_line_of_another_form_is_refused_and_its_number_is_said(string line, string said)
    {
        line = line.Replace("DIGEST", Convert.ToBase64String(new byte[32]), StringComparison.Ordinal)
            .Replace("POINT", Convert.ToBase64String([2, .. new byte[32]]), StringComparison.Ordinal);
        var export = Of(TenantLog.Of(3), 0, 3);
        var text = Encoding.UTF8.GetString(export.Bytes());
        var at = text.IndexOf('\n', StringComparison.Ordinal) + 1;
        var findings = VerifyBytes(Encoding.UTF8.GetBytes(text[..at] + line + "\n" + text[at..]), export.Trust());
        Assert.Contains(
            findings.Broken,
            b => b.Flaw == Flaw.Line && b.Text.StartsWith("line 2: ", StringComparison.Ordinal) && b.Text.Contains(said, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("format", "bulkhead-export/2")]
    [InlineData("origin", "bulkhead-audit/018F4B5E-0000-7000-8000-000000000001")]
    [InlineData("origin", "bulkhead-heads/018f4b5e-0000-7000-8000-000000000001")]
    [InlineData("from", "3")]
    public void A_header_of_another_form_is_no_export(string member, string value)
    {
        var export = Of(TenantLog.Of(3), 0, 2);
        export.Line("header")[member] = member == "from" ? 3 : value;
        Assert.Throws<UnreadableException>(() => export.Verify());
    }

    [Fact]
    public void A_header_with_a_member_that_is_not_known_is_no_export()
    {
        var export = Of(TenantLog.Of(3), 0, 2);
        export.Line("header")["more"] = 1;
        Assert.Throws<UnreadableException>(() => export.Verify());
    }

    [Fact]
    public void A_line_of_more_than_the_limit_is_refused_and_one_of_the_limit_is_read_whatever_the_buffer()
    {
        foreach (var length in new[] { 1, 5, 63, 64 })
        {
            using var lines = new ExportLines(
                new MemoryStream([.. Encoding.ASCII.GetBytes(new string('a', length)), (byte)'\n', (byte)'b', (byte)'\n']),
                64);
            Assert.True(lines.Next(out var line));
            Assert.Equal(length, line.Length);
            Assert.True(lines.Next(out line));
            Assert.Equal("b"u8, line);
            Assert.Equal(
                Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.ASCII.GetBytes(new string('a', length) + "\n"))),
                lines.DigestBefore());
            Assert.False(lines.Next(out _));
            Assert.False(lines.IsCut);
        }

        using var longer = new ExportLines(new MemoryStream([.. Encoding.ASCII.GetBytes(new string('a', 65)), (byte)'\n']), 64);
        Assert.False(longer.Next(out _));
        Assert.True(longer.IsCut);
    }

    [Fact]
    public void Of_one_flaw_many_are_named_and_the_rest_are_counted()
    {
        var log = TenantLog.Of(Findings.NamedOfEach + 10);
        var export = Of(log, 0, log.Leaves.Count, tiles: true);
        for (var i = 0; i < log.Leaves.Count; i++)
        {
            export.EditBody(i, b => b.Replace("patients", "patience", StringComparison.Ordinal));
        }

        AssertBroken(export.Verify(), Flaw.EntryChanged, "more");
        Assert.InRange(export.Verify().Broken.Count(), Findings.NamedOfEach, Findings.NamedOfEach + 3);
    }
}
