using System.Text.Json.Nodes;
using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify;
using static Bulkhead.Tests.Verify.Making.TestExport;

namespace Bulkhead.Tests.Verify;

/// <summary>The log of heads, and who must have seen it.</summary>
public sealed class WitnessTests
{
    private static readonly TestKey One = new("witness.example/one", 4);
    private static readonly TestKey Two = new("witness.example/two", 4);
    private static readonly TestKey Three = new("witness.example/three", 4);

    private readonly TenantLog log = TenantLog.Of(20);
    private readonly HeadsLog heads = new();

    public WitnessTests()
    {
        heads.Add(TenantLog.Of(4, "018f4b5e-0000-7000-8000-000000000002"), 3);
        heads.Add(log, 9);
        heads.Add(TenantLog.Of(4, "018f4b5e-0000-7000-8000-000000000003"), 2);
        heads.Add(log, 14);
        heads.Add(log, 20);
    }

    private TestExport Export => Of(log, 0, 20, earlier: [9], heads: heads);

    [Fact]
    public void Heads_that_enough_witnesses_cosigned_hold_and_it_is_said_who_and_when()
    {
        var findings = Export.WithHead(1, null, One, Two).WithHead(4, null, Two, One).WithAllHeads().Verify(One, Two);
        AssertHolds(findings);
        Assert.Contains(findings.Held, h => h.Contains(
            "2 of 2 and 2 are needed: size 20, by witness.example/one at 2026-05-28 20:26:40 UTC, witness.example/two at", StringComparison.Ordinal));
        Assert.Contains(findings.Held, h => h.Contains("Whole log of heads: 3 of its leaves are of this log", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_a_policy_it_is_said_that_nothing_is_witnessed() =>
        Assert.Contains(Export.WithHead(4).Verify().Remarks, r => r.StartsWith("Not witnessed", StringComparison.Ordinal));

    [Fact]
    public void Entries_after_the_witnessed_head_are_said_not_to_be_witnessed()
    {
        var findings = Export.WithHead(1, null, One).Verify(One);
        AssertHolds(findings);
        Assert.Contains("Entries from position 9 on are not witnessed yet.", findings.Remarks);
    }

    [Fact]
    public void Too_few_witnesses_are_found()
    {
        var trust = Export.Trust([One, Two, Three], 2);
        AssertHolds(Export.WithHead(4, null, One, Three).Verify(trust));
        AssertBroken(Export.WithHead(4, null, One).Verify(trust), Flaw.Witnesses, "head 4: 1 of 3 witnesses cosigned it, and 2 must");
        AssertBroken(Export.Verify(trust), Flaw.Witnesses, "the export holds no head of the log of heads");
    }

    [Fact]
    public void The_same_witness_twice_is_one()
    {
        var trust = Export.Trust([One, Two], 2);
        AssertBroken(Export.WithHead(4, null, One, One).Verify(trust), Flaw.Witnesses, "1 of 2 witnesses cosigned it");
        var text = heads.Text(5);
        var twice = text + "\n" + heads.Key.Line(text) + One.Line(text, 1_780_000_000) + One.Line(text, 1_780_000_001);
        AssertBroken(Export.WithHead(4, twice).Verify(trust), Flaw.Witnesses, "1 of 2 witnesses cosigned it");
    }

    [Fact]
    public void A_cosignature_that_is_forged_or_of_another_time_or_of_none_is_found()
    {
        var text = heads.Text(5);
        var note = text + "\n" + heads.Key.Line(text);
        AssertBroken(
            Export.WithHead(4, note + One.Line(new byte[72])).Verify(One),
            Flaw.Witnesses,
            "the cosignature of witness witness.example/one is not valid");
        var line = One.Line(text);
        var moved = Convert.FromBase64String(line.Split(' ')[2].Trim());
        moved[11] ^= 1;
        AssertBroken(Export.WithHead(4, note + One.Line(moved[4..])).Verify(One), Flaw.Witnesses, "is not valid");
        AssertBroken(Export.WithHead(4, note + One.Line(text, 0)).Verify(One), Flaw.Witnesses, "is not valid");
        AssertHolds(Export.WithHead(4, note + line).Verify(One));
    }

    [Fact]
    public void The_log_is_no_witness_of_itself()
    {
        var itself = new TestKey("witness.example/itself", 4, $"{heads.Key.Name} 1");
        AssertBroken(Export.WithHead(4, null, itself).Verify(itself), Flaw.Witnesses, "has the key of the log itself");
    }

    [Fact]
    public void A_head_with_the_label_of_another_log_is_found() =>
        AssertBroken(Export.WithHead(2).Verify(), Flaw.Head, "head 2: its label is that of another log");

    [Fact]
    public void A_head_that_is_not_in_the_log_of_heads_is_found()
    {
        var export = Export.WithHead(4);
        export.Line("head")["position"] = 3;
        AssertBroken(export.Verify(), Flaw.Head, "head 3: it is not in the log of heads of size 5");
    }

    [Fact]
    public void A_note_of_the_log_of_heads_that_is_forged_is_found() =>
        AssertBroken(
            Export.WithHead(4, heads.Text(5) + "\n" + heads.Key.Line(new byte[64])).Verify(), Flaw.Signature, "the checkpoint of the log of heads does not hold");

    [Theory]
    [InlineData(14)]
    [InlineData(20)]
    public void A_history_that_was_rewritten_after_its_head_was_cosigned_is_a_split_view(int size)
    {
        var rewritten = TenantLog.Of(20);
        rewritten.Put(13, rewritten.Bodies[12]);
        var export = Of(rewritten, 0, 20, heads: heads).WithHead(size == 14 ? 3 : 4, null, One);
        AssertBroken(export.Verify(One), Flaw.SplitView, $"(size {size}) and the checkpoint of size 20 are not of one history: split view");
    }

    [Fact]
    public void A_head_that_nothing_ties_to_the_checkpoint_is_not_waved_through() =>
        AssertBroken(
            Of(log, 15, 20, heads: heads).WithHead(3).Verify(),
            Flaw.Head,
            "nothing in this export shows that it is of one history");

    [Fact]
    public void A_head_of_a_size_between_is_settled_by_the_entries_themselves() =>
        AssertHolds(Of(log, 10, 20, heads: heads).WithHead(3).Verify());

    [Fact]
    public void Leaves_of_this_log_that_are_not_of_one_history_are_a_split_view()
    {
        heads.Add(log, 17);
        AssertBroken(Export.WithHead(4).WithAllHeads().Verify(), Flaw.SplitView, "at position 5 (size 17) and before it (size 20)");
    }

    [Fact]
    public void A_leaf_with_another_root_at_the_same_size_is_a_split_view()
    {
        heads.Add(log.Origin, 20, new byte[32]);
        AssertBroken(Export.WithHead(4).WithAllHeads().Verify(), Flaw.SplitView, "at position 5 (size 20) and before it (size 20)");
    }

    [Fact]
    public void A_leaf_with_a_root_that_the_entries_do_not_have_is_a_split_view()
    {
        var other = new HeadsLog();
        other.Add(log.Origin, 9, new byte[32]);
        other.Add(log, 20);
        AssertBroken(Of(log, 0, 20, heads: other).WithHead(1).WithAllHeads().Verify(), Flaw.SplitView, "the head at position 0 (size 9)");
    }

    [Fact]
    public void Leaves_that_are_not_those_of_the_note_are_found()
    {
        var export = Export.WithHead(4).WithAllHeads();
        export.Line("heads")["leaves"]!.AsArray().RemoveAt(4);
        AssertBroken(export.Verify(), Flaw.Head, "the leaves of the log of heads are 4, and the last head's note is of size 5");

        export = Export.WithHead(4).WithAllHeads();
        export.Line("heads")["leaves"]![2] = Convert.ToBase64String(new byte[80]);
        AssertBroken(export.Verify(), Flaw.SplitView, "the log of heads of size 5 is not a prefix");
    }

    [Fact]
    public void Leaves_may_go_on_in_another_line()
    {
        var export = Export.WithHead(4).WithAllHeads();
        var all = export.Line("heads")["leaves"]!.AsArray();
        export.Lines.Add(new() { ["type"] = "heads", ["leaves"] = new JsonArray([.. all.Skip(2).Select(l => l!.DeepClone())]) });
        export.Line("heads")["leaves"] = new JsonArray([.. all.Take(2).Select(l => l!.DeepClone())]);
        AssertHolds(export.Verify());
    }

    [Fact]
    public void Two_checkpoints_of_the_log_of_heads_of_one_size_are_a_split_view()
    {
        var other = new HeadsLog();
        other.Leaves.AddRange(heads.Leaves);
        other.Leaves[0] = other.Leaves[2];
        var second = Of(log, 0, 20, heads: other).WithHead(4).Line("head");
        var export = Export.WithHead(4);
        export.Lines.Add((JsonObject)second.DeepClone());
        AssertBroken(export.Verify(), Flaw.SplitView, "two checkpoints of the log of heads of size 5");
    }
}
