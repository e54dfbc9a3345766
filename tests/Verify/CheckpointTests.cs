using System.Text.Json.Nodes;
using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify;
using static Bulkhead.Tests.Verify.Making.TestExport;

namespace Bulkhead.Tests.Verify;

/// <summary>Lies told with checkpoints, and histories that were rewritten.</summary>
public sealed class CheckpointTests
{
    [Fact]
    public void Export_of_any_part_of_a_log_of_any_size_holds_under_any_checkpoint_and_with_all_earlier_ones()
    {
        for (var size = 0; size <= 9; size++)
        {
            var log = TenantLog.Of(size);
            for (var (from, to) = (0, size); from <= size; (from, to) = to > from ? (from, to - 1) : (from + 1, size))
            {
                AssertHolds(Of(log, from, to, earlier: (from + to) % 5 == 0 ? [.. Enumerable.Range(0, size)] : []).Verify());
            }
        }
    }

    [Fact]
    public void A_forged_signature_is_found()
    {
        var export = Of(TenantLog.Of(5), 0, 5);
        var text = export.Log.Text(5);
        export.Line("checkpoint")["note"] = text + "\n" + export.Log.Key.Line(new byte[64]);
        AssertBroken(export.Verify(), Flaw.Signature, "the Ed25519 signature of bulkhead-audit/");
    }

    [Fact]
    public void A_signature_of_another_text_is_found()
    {
        var export = Of(TenantLog.Of(5), 0, 5);
        export.Line("checkpoint")["note"] = export.Log.Text(5) + "\n" + export.Log.Key.Line(export.Log.Text(5, 1));
        AssertBroken(export.Verify(), Flaw.Signature, "is not valid");
    }

    [Fact]
    public void Another_key_of_the_same_name_is_not_trusted_and_one_of_the_header_is_not_vouched_for()
    {
        var forged = new TenantLog(seed: "another");
        for (var i = 0; i < 5; i++)
        {
            forged.Put(i, forged.Body(i));
        }

        var export = Of(forged, 0, 5);
        AssertBroken(export.Verify(Of(TenantLog.Of(5), 0, 5).Trust()), Flaw.Signature, "bears no Ed25519 signature of a trusted key");

        var findings = export.Verify(new Bulkhead.Verify.Export.Trust([], [], null, null));
        AssertHolds(findings);
        Assert.Contains(findings.Remarks, r => r.StartsWith("Nobody vouches for the keys of bulkhead-audit/", StringComparison.Ordinal));
    }

    [Fact]
    public void A_key_of_another_name_signs_for_no_log()
    {
        var export = Of(TenantLog.Of(5), 0, 5);
        var other = new TestKey("bulkhead-audit/other", 1);
        export.Line("checkpoint")["note"] = export.Log.Text(5) + "\n" + other.Line(export.Log.Text(5));
        var trust = export.Trust() with { Log = [Key(export.Log.Key), Key(other)] };
        AssertBroken(export.Verify(trust), Flaw.Signature, "bears no Ed25519 signature of a trusted key");
    }

    [Fact]
    public void A_checkpoint_of_another_tree_is_found()
    {
        var other = TenantLog.Of(5);
        other.Put(3, other.Bodies[2]);
        var export = Of(TenantLog.Of(5), 0, 5);
        export.Line("checkpoint")["note"] = other.Note(5);
        AssertBroken(export.Verify(), Flaw.Root, "do not give the checkpoint's root");
    }

    [Fact]
    public void A_checkpoint_of_another_log_is_found()
    {
        var export = Of(TenantLog.Of(5), 0, 5);
        var text = export.Log.Text(5).Replace("0001", "0002", StringComparison.Ordinal);
        export.Line("checkpoint")["note"] = export.Log.Note(text);
        AssertBroken(export.Verify(), Flaw.Signature, "it is of another log");
    }

    [Fact]
    public void A_checkpoint_that_is_smaller_than_the_export_is_found()
    {
        var export = Of(TenantLog.Of(5), 0, 5);
        export.Line("checkpoint")["note"] = export.Log.Note(4);
        AssertBroken(export.Verify(), Flaw.Root, "the checkpoint is of size 4, and the export goes to position 4");
    }

    [Fact]
    public void A_history_rewritten_under_a_new_signature_is_a_split_view_against_an_earlier_checkpoint()
    {
        var (honest, rewritten) = (TenantLog.Of(52), TenantLog.Of(52));
        rewritten.Put(17, rewritten.Body(17).Replace(
            "data.read",
            "data.seen",
            StringComparison.Ordinal));
        var export = Of(rewritten, 0, 52);
        AssertHolds(export.Verify());
        export.Lines.Add(new() { ["type"] = "earlier", ["note"] = honest.Note(40), ["proof"] = rewritten.Consistency(40, 52) });
        AssertBroken(
            export.Verify(),
            Flaw.SplitView,
            "the checkpoint of size 40 and the checkpoint of size 52 are not of one history: split view");
        export.Lines[^1]["proof"] = honest.Consistency(40, 52);
        AssertBroken(export.Verify(), Flaw.SplitView, "split view");
        export.Lines[^1] = new() { ["type"] = "earlier", ["note"] = honest.Note(52), ["proof"] = new JsonArray() };
        AssertBroken(export.Verify(), Flaw.SplitView, "the checkpoint of size 52 and the checkpoint of size 52");
    }

    [Fact]
    public void An_inconsistency_before_the_exports_positions_is_told_apart_from_nothing()
    {
        var (honest, rewritten) = (TenantLog.Of(52), TenantLog.Of(52));
        rewritten.Put(17, rewritten.Bodies[16]);
        var export = Of(rewritten, 45, 52);
        export.Lines.Add(new() { ["type"] = "earlier", ["note"] = honest.Note(40), ["proof"] = rewritten.Consistency(40, 52) });
        AssertBroken(export.Verify(), Flaw.Consistency, "the checkpoint of size 40 is not shown to be a prefix");
    }

    [Fact]
    public void A_damaged_proof_is_not_called_a_split_view_where_the_entries_show_that_it_is_none()
    {
        var export = Of(TenantLog.Of(20), 0, 20, earlier: [13]);
        export.Line("earlier")["proof"]![0] = Convert.ToBase64String(new byte[32]);
        var findings = export.Verify();
        AssertBroken(findings, Flaw.Consistency, "its proof is not one, though the entries show that it is a prefix");
        Assert.DoesNotContain(findings.Broken, b => b.Flaw == Flaw.SplitView);
    }

    [Fact]
    public void An_earlier_checkpoint_that_is_later_or_forged_or_proven_with_too_much_is_found()
    {
        var export = Of(TenantLog.Of(20), 0, 10, size: 10);
        export.Lines.Add(new() { ["type"] = "earlier", ["note"] = export.Log.Note(13), ["proof"] = new JsonArray() });
        AssertBroken(export.Verify(), Flaw.Consistency, "the checkpoint of size 13 is not earlier than that of size 10");

        export.Lines[^1] = new() { ["type"] = "earlier", ["note"] = export.Log.Text(5) + "\n" + export.Log.Key.Line(new byte[64]), ["proof"] = export.Log.Consistency(
            5,
            10) };
        AssertBroken(export.Verify(), Flaw.Signature, "an earlier checkpoint does not hold");

        export.Lines[^1] = new() { ["type"] = "earlier", ["note"] = export.Log.Note(10), ["proof"] = TestLog.Base64([new byte[32]]) };
        AssertBroken(export.Verify(), Flaw.Consistency, "its proof is not one");
    }

    [Fact]
    public void The_empty_log_is_a_prefix_of_all_others_and_proves_nothing_of_itself()
    {
        AssertHolds(Of(TenantLog.Of(3), 0, 3, earlier: [0]).Verify());
        AssertHolds(Of(TenantLog.Of(0), 0, 0).Verify());
        AssertBroken(Of(TenantLog.Of(0), 0, 0, earlier: [0]).Verify(), Flaw.Consistency, "nothing can be proven of an empty log");
        var export = Of(TenantLog.Of(3), 0, 3, earlier: [0]);
        export.Line("earlier")["proof"] = TestLog.Base64([new byte[32]]);
        AssertBroken(export.Verify(), Flaw.Consistency, "nothing can be proven of an empty log");
    }

    [Fact]
    public void A_range_proof_with_a_hash_too_many_or_too_few_or_of_other_positions_is_found()
    {
        var export = Of(TenantLog.Of(20), 3, 13);
        export.Line("range")["proof"]!.AsArray().Add(Convert.ToBase64String(new byte[32]));
        AssertBroken(export.Verify(), Flaw.RangeProof, "has not as many hashes");
        export = Of(TenantLog.Of(20), 3, 13);
        export.Line("range")["proof"]!.AsArray().RemoveAt(0);
        AssertBroken(export.Verify(), Flaw.RangeProof, "has not as many hashes");
        foreach (var member in new[] { "from", "to", "size" })
        {
            export = Of(TenantLog.Of(20), 3, 13);
            export.Line("range")[member] = 1;
            AssertBroken(export.Verify(), Flaw.RangeProof, "the range is not that of the header and the checkpoint");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void A_wrong_hash_in_the_range_proof_is_not_blamed_on_an_entry_for_certain(int index)
    {
        var export = Of(TenantLog.Of(20), 3, 13);
        export.Line("range")["proof"]![index] = Convert.ToBase64String(new byte[32]);
        AssertBroken(export.Verify(), Flaw.EntryChanged, "or the range proof is not that of these entries");
    }
}
