using System.Numerics;
using System.Text.Json.Nodes;
using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify;
using Bulkhead.Verify.Export;
using static Bulkhead.Tests.Verify.Making.TestExport;

namespace Bulkhead.Tests.Verify;

/// <summary>What an export proves of committed numbers, and every lie about them.</summary>
public sealed class TotalTests
{
    private const string Bytes = "bytesExported";
    private const string NotShown = "not shown: ";

    private readonly NaiveProver prover = Committed(null);

    private static NaiveProver Committed(string? tenant) => NaiveProver.Of(20, tenant)
        .Commit(4, Bytes, 500).Commit(9, Bytes, 12).Commit(9, "recordsRead", 3).Commit(11, Bytes, 0).Commit(16, Bytes, 488);

    /// <summary>Positions 5 to 17 of 20, no body shown, with checkpoints at 3, 5 and 20.</summary>
    private TestExport Export(params JsonObject[] lines)
    {
        var export = Of(prover.Log, 3, 18, earlier: [3, 5]);
        for (var i = 3; i < 18; i++)
        {
            export.Hide(i);
        }

        export.Lines.AddRange(lines);
        return export;
    }

    private Findings Verify(params JsonObject[] lines) => Export(lines).Verify();

    [Fact]
    public void A_total_holds_without_an_entry_shown_and_is_said_with_both_checkpoints()
    {
        var findings = Verify(prover.Line("total", Bytes, 500, 5, 18, older: 5));
        AssertHolds(findings);
        Assert.Contains(
            "the total of bytesExported at positions 5 to 17 is 500 (3 entries have it), between the checkpoint of size 5 of 2026-05-01 01:51:40 UTC and "
            + "that of size 20 of 2026-05-01 02:06:40 UTC.",
            findings.Held);
        Assert.Contains(findings.Held, h => h.Contains("none of them is shown", StringComparison.Ordinal));
        Assert.Contains("the total of bytesExported: of the log from position 5 to 19, only positions 5 to 18 (exclusive) are in it.", findings.Remarks);
        Assert.Contains(findings.Remarks, r => r.StartsWith("A total takes it for granted", StringComparison.Ordinal));
    }

    [Fact]
    public void A_total_from_the_beginning_of_the_log_needs_no_earlier_checkpoint_and_several_hold_side_by_side()
    {
        var export = Of(prover.Log, 0, 20);
        export.Lines.AddRange([prover.Line("total", Bytes, 1000, 0, 20), prover.Line("total", "recordsRead", 3, 0, 20), prover.Line("total", Bytes, 12, 9, 10)]);
        var findings = export.Verify();
        AssertHolds(findings);
        Assert.Contains(findings.Held, h => h.Contains("is 1000 (4 entries have it), between the log's beginning and", StringComparison.Ordinal));
        Assert.Contains(findings.Held, h => h.Contains("at positions 9 to 9 is 12 (1 entry has it)", StringComparison.Ordinal));
        Assert.Equal(3, findings.Totals.Count);
        Assert.DoesNotContain(findings.Remarks, r => r.Contains("recordsRead: of the log", StringComparison.Ordinal));
    }

    [Fact]
    public void A_total_and_each_number_below_a_bound_hold_up_to_the_bound_itself()
    {
        var findings = Verify(
            prover.Line("below", Bytes, 501, 5, 18, older: 5),
            prover.Line("below", Bytes, BigInteger.Pow(2, 64), 3, 18, older: 3),
            prover.Line("each", Bytes, 489, 5, 18, older: 5),
            prover.Line("each", Bytes, BigInteger.Pow(2, 64), 10, 18, older: 5));
        AssertHolds(findings);
        Assert.Contains(findings.Held, h => h.StartsWith("the total of bytesExported at positions 5 to 17 is below 501 (3 entries have it)", StringComparison.Ordinal));
        Assert.Contains(findings.Held, h => h.StartsWith("each bytesExported at positions 5 to 17 is below 489 (3 entries have it)", StringComparison.Ordinal));
        Assert.Equal(4, findings.Totals.Count);
    }

    [Theory]
    [InlineData("total")]
    [InlineData("below")]
    [InlineData("each")]
    public void That_no_entry_has_an_attribute_stands_out(string kind)
    {
        var findings = Verify(prover.Line(kind, "bytesexported", kind == "total" ? 0 : 7, 5, 18, older: 5));
        AssertHolds(findings);
        Assert.Contains(findings.Held, h => h.Contains($"is {(kind == "total" ? "0" : "below 7")} (NO ENTRY HAS IT)", StringComparison.Ordinal));
        Assert.Contains(
            "NO ENTRY has a number named bytesexported there, so what was proven of it says nothing. Names that entries have: bytesExported, recordsRead.",
            findings.Remarks);
    }

    [Fact]
    public void Nothing_but_zero_is_the_total_of_an_attribute_that_no_entry_has() =>
        Broken(prover.Line("total", "nothing", 1, 5, 18, older: 5), "the total of nothing at positions 5 to 17 is 1: not shown: its proof over 0 commitments");

    [Theory]
    [InlineData("total", 499)]
    [InlineData("total", 501)]
    [InlineData("below", 500)]
    [InlineData("each", 488)]
    public void A_number_that_is_not_the_true_one_is_not_shown(string kind, int number) =>
        Broken(prover.Line(kind, Bytes, number, 5, 18, older: 5), kind == "total" ? "the total is another" : "the number is not below it");

    [Fact]
    public void Of_each_the_entries_whose_proofs_do_not_hold_are_named()
    {
        var findings = Verify(prover.Line("each", Bytes, 20, 3, 18, older: 3));
        Assert.Equal(
            ["4", "16"],
            findings.Broken.Select(b => b.Text.Split("the proof of entry ")[1].Split(':')[0]));
    }

    [Theory]
    [InlineData("from", 6)]
    [InlineData("to", 17)]
    [InlineData("older", 3)]
    public void A_proof_is_not_one_of_another_range_or_another_checkpoint(string member, int value)
    {
        foreach (var line in new[]
        {
            prover.Line("total", Bytes, 500, 5, 18, older: 5), prover.Line("below", Bytes, 501, 5, 18, older: 5),
            prover.Line("each", Bytes, 489, 5, 18, older: 5),
        })
        {
            line[member] = value;
            Broken(line, "this is the proof of another statement");
        }
    }

    [Fact]
    public void A_proof_is_not_one_under_another_newer_checkpoint() =>
        Broken(prover.Line("total", Bytes, 500, 5, 18, older: 5, size: 19), "this is the proof of another statement");

    [Fact]
    public void A_proof_is_not_one_of_another_attribute_number_or_kind()
    {
        foreach (var i in new[] { 4, 9, 11, 16 })
        {
            prover.Put(i, "copied", prover.Log.Commitments[i][Bytes]);
        }

        var line = prover.Line("total", Bytes, 500, 5, 18, older: 5);
        line["attribute"] = "copied";
        Broken(line, "this is the proof of another statement");
        line = prover.Line("below", Bytes, 501, 5, 18, older: 5);
        line["number"] = "502";
        Broken(line, "this is the proof of another statement");
        line["kind"] = "total";
        Broken(line, "it has 1378 bytes, and one of this statement has 67");
    }

    [Fact]
    public void A_proof_is_not_one_in_another_tenants_log_that_has_the_same_commitments()
    {
        var other = Committed("018f4b5e-0000-7000-8000-000000000002");
        foreach (var i in new[] { 4, 9, 11, 16 })
        {
            other.Put(i, Bytes, prover.Log.Commitments[i][Bytes]);
        }

        var export = Of(other.Log, 0, 20);
        export.Lines.Add(prover.Line("total", Bytes, 1000, 0, 20));
        AssertBroken(export.Verify(), Flaw.Total, "this is the proof of another statement");
    }

    [Theory]
    [InlineData("total", 488)]
    [InlineData("below", 489)]
    public void A_proof_that_leaves_an_entry_out_does_not_hold(string kind, int number) =>
        Broken(prover.Line(kind, Bytes, number, 5, 18, 5, null, 9), "its proof over 3 commitments does not hold");

    [Fact]
    public void Of_each_a_proof_more_or_less_than_entries_is_named()
    {
        Broken(prover.Line("each", Bytes, 489, 5, 18, 5, null, 16), "3 entries have it, and there are 2 proofs");
        var line = prover.Line("each", Bytes, 489, 5, 18, older: 5);
        line["proofs"]!.AsArray().Add((string)line["proofs"]![0]!);
        Broken(line, "3 entries have it, and there are 4 proofs");
    }

    [Fact]
    public void Whoever_does_not_know_what_a_commitment_hides_proves_nothing()
    {
        prover.Put(9, Bytes, Committed("018f4b5e-0000-7000-8000-000000000003").Log.Commitments[9][Bytes]);
        Broken(prover.Line("total", Bytes, 500, 5, 18, older: 5), "its proof over 3 commitments does not hold");
    }

    /// <summary>Section 8 of the document: the total goes through, and each is what finds it.</summary>
    [Fact]
    public void A_negative_number_in_an_entry_is_found_by_a_proof_of_each()
    {
        prover.Commit(12, Bytes, -400);
        AssertHolds(Verify(prover.Line("total", Bytes, 100, 5, 18, older: 5)));
        Broken(prover.Line("each", Bytes, BigInteger.Pow(2, 64), 5, 18, older: 5), "the proof of entry 12: its first half does not show a number from 0");
        Broken(prover.Line("below", Bytes, 50, 10, 13, older: 5), "its first half does not show a number from 0 to 2^64 - 1: it is negative");
    }

    [Fact]
    public void A_total_that_has_more_than_64_bits_is_not_below_any_bound()
    {
        prover.Commit(12, Bytes, ulong.MaxValue);
        AssertHolds(Verify(prover.Line("total", Bytes, (BigInteger)ulong.MaxValue + 500, 5, 18, older: 5)));
        Broken(prover.Line("below", Bytes, BigInteger.Pow(2, 64), 5, 18, older: 5), "its first half does not show a number");
    }

    [Fact]
    public void A_commitment_that_is_no_point_is_named_where_it_is_counted()
    {
        prover.Put(9, Bytes, [2, .. Enumerable.Repeat((byte)255, 32)]);
        AssertHolds(Verify());
        AssertHolds(Verify(prover.Line("total", "recordsRead", 3, 5, 18, older: 5)));
        Broken(prover.Line("total", Bytes, 500, 5, 18, older: 5), "the commitment of entry 9 is no point of the curve");
    }

    [Theory]
    [InlineData("number", "0500")]
    [InlineData("number", "+500")]
    [InlineData("number", " 500")]
    [InlineData("number", "5e2")]
    [InlineData("number", "-1")]
    [InlineData("number", "")]
    [InlineData("number", "340282366920938463463374607431768211456")]
    [InlineData("kind", "sum")]
    [InlineData("attribute", "9lives")]
    [InlineData("proof", "AA=")]
    [InlineData("more", "x")]
    public void A_line_of_another_form_is_refused(string member, string value)
    {
        var line = prover.Line("total", Bytes, 500, 5, 18, older: 5);
        line[member] = value;
        Assert.Contains(Verify(line).Broken, b => b.Flaw == Flaw.Line);
    }

    [Fact]
    public void A_line_has_the_proofs_of_its_kind_and_its_number_as_a_string()
    {
        var line = prover.Line("total", Bytes, 500, 5, 18, older: 5);
        line["number"] = 500;
        AssertBroken(Verify(line), Flaw.Line, "number is not a string");
        line = prover.Line("total", Bytes, 500, 5, 18, older: 5);
        line["proofs"] = new JsonArray();
        AssertBroken(Verify(line), Flaw.Line, "total and below have one proof, and each has proofs");
        line = prover.Line("each", Bytes, 500, 12, 13, older: 5);
        line.Remove("proofs");
        AssertBroken(Verify(line), Flaw.Line, "total and below have one proof, and each has proofs");
        line["proof"] = "";
        AssertBroken(Verify(line), Flaw.Line, "total and below have one proof, and each has proofs");
    }

    [Theory]
    [InlineData("below", "0")]
    [InlineData("each", "0")]
    [InlineData("below", "18446744073709551617")]
    public void A_bound_of_0_or_above_2_64_is_none(string kind, string number)
    {
        var line = prover.Line(kind, Bytes, 501, 12, 13, older: 5);
        line["number"] = number;
        Broken(line, "a bound is from 1 to 2^64");
    }

    [Theory]
    [InlineData(5, 4, 18, "its positions are not between its checkpoints, of sizes 5 and 20")]
    [InlineData(5, 10, 9, "its positions are not between its checkpoints")]
    [InlineData(5, 10, 21, "its positions are not between its checkpoints")]
    [InlineData(5, 10, 19, "not all of its positions are in the export")]
    [InlineData(0, 2, 18, "not all of its positions are in the export")]
    [InlineData(4, 5, 18, "no earlier checkpoint of size 4 stands in the export")]
    public void Positions_lie_between_checkpoints_that_are_there_and_in_the_export(int older, int from, int to, string said)
    {
        var line = prover.Line("total", Bytes, 500, 5, 18, older: 5);
        (line["older"], line["from"], line["to"]) = (older, from, to);
        Broken(line, said);
    }

    [Fact]
    public void Of_an_export_that_does_not_hold_no_proof_is_looked_at()
    {
        foreach (var spoil in new Action<TestExport>[]
        {
            e => e.Entry(9)["commitments"]!.AsObject().Remove(Bytes),
            e => e.Entry(12)["commitments"] = e.Entry(9)["commitments"]!.DeepClone(),
            e => (e.Entry(9)["commitments"], e.Entry(16)["commitments"]) = (e.Entry(16)["commitments"]!.DeepClone(), e.Entry(9)["commitments"]!.DeepClone()),
            e => e.Line("earlier")["proof"] = new JsonArray(),
            e => e.Lines.Remove(e.Entry(9)),
        })
        {
            var export = Export(prover.Line("total", Bytes, 500, 5, 18, older: 5));
            spoil(export);
            var findings = export.Verify();
            AssertBroken(findings, Flaw.Total, "no proof of a total was looked at: what it is about does not hold");
            Assert.Empty(findings.Totals);
        }
    }

    /// <summary>Commitments are read in a second pass: those must be the ones that the root was made of.</summary>
    [Fact]
    public void A_file_that_changes_while_it_is_read_proves_nothing()
    {
        var (honest, other) = (Export(prover.Line("total", Bytes, 500, 5, 18, older: 5)), Export());
        other.Entry(9)["commitments"] = other.Entry(16)["commitments"]!.DeepClone();
        byte[][] contents = [honest.Bytes(), other.Bytes()];
        var (findings, opened) = (new Findings(), 0);
        ExportVerification.Run(() => new ExportLines(new MemoryStream(contents[Math.Min(opened++, 1)])), honest.Trust(), [], findings);
        Assert.Equal(2, opened);
        AssertBroken(findings, Flaw.Total, "the file was changed while it was read");
        Assert.Empty(findings.Totals);
    }

    [Fact]
    public void Lines_and_proofs_of_totals_have_an_end()
    {
        var export = Export();
        var line = prover.Line("each", "nothing", 1, 5, 18, older: 5);
        for (var i = 0; i <= TotalCheck.MostLines; i++)
        {
            export.Lines.Add((JsonObject)line.DeepClone());
        }

        AssertBroken(export.Verify(), Flaw.Line, "there are more than 1000 lines of totals");
        line["proofs"] = new JsonArray([.. Enumerable.Repeat("", TotalCheck.MostProofs + 1).Select(p => JsonValue.Create(p))]);
        AssertBroken(Verify(line), Flaw.Line, "or they hold more than 50000 proofs");
    }

    private void Broken(JsonObject line, string said)
    {
        var findings = Verify(line);
        AssertBroken(findings, Flaw.Total, said);
        Assert.All(findings.Broken, b => Assert.Contains(NotShown, b.Text, StringComparison.Ordinal));
        Assert.Empty(findings.Totals);
    }
}
