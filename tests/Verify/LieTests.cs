using System.Text.Json.Nodes;
using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify;
using static Bulkhead.Tests.Verify.Making.TestExport;

namespace Bulkhead.Tests.Verify;

/// <summary>One test for each lie that can be told with entries: found, and named.</summary>
public sealed class LieTests
{
    [Theory]
    [InlineData(0, 20)]
    [InlineData(3, 15)]
    public void An_edited_entry_is_named_by_the_checkpoints_around_it(int from, int to)
    {
        var export = Of(TenantLog.Of(20), from, to, earlier: [7, 11, 12, 15]).EditBody(
            11,
            b => b.Replace("data.read", "data.seen", StringComparison.Ordinal));
        AssertBroken(export.Verify(), Flaw.EntryChanged, "entry 11: its bytes are not those that were sealed");
    }

    /// <summary>The owner of the database has an entry sealed once more, about another record: close behind it, or much later.</summary>
    [Theory]
    [InlineData(4, 5)]
    [InlineData(3, 40)]
    [InlineData(0, 49)]
    public void An_entry_that_was_sealed_once_more_is_named(int first, int again)
    {
        var log = TenantLog.Of(50);
        log.Put(again, log.Body(first).Replace($"[\"r{first}\"]", "[\"another\"]", StringComparison.Ordinal));
        AssertBroken(Of(log, 0, 50).Verify(), Flaw.EntryReplayed, $"entry {again} is entry {first} once more: both have the id");
    }

    [Fact]
    public void An_entry_that_is_late_is_told_and_holds()
    {
        var log = TenantLog.Of(50);
        log.Put(40, log.Body(40).Replace("2026-05-02T16:00:00", "2026-05-01T03:30:00", StringComparison.Ordinal));
        var findings = Of(log, 0, 50).Verify();
        AssertHolds(findings);
        Assert.Contains(findings.Remarks, r => r.StartsWith("1 entry is late", StringComparison.Ordinal)
            && r.Contains("entry 40, of 2026-05-01T03:30:00Z", StringComparison.Ordinal));
        Assert.DoesNotContain(Of(TenantLog.Of(50), 0, 50).Verify().Remarks, r => r.Contains(" late", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("018F4B5E-0000-7000-9000-00000000000B")]
    [InlineData("{018f4b5e-0000-7000-9000-00000000000b}")]
    [InlineData("1")]
    public void An_entry_whose_id_is_none_is_named(string id)
    {
        var log = TenantLog.Of(20);
        log.Put(11, log.Body(11).Replace("018f4b5e-0000-7000-9000-00000000000b", id, StringComparison.Ordinal));
        AssertBroken(Of(log, 0, 20).Verify(), Flaw.EntryForm, "entry 11: its id is not a UUID");
    }

    [Fact]
    public void An_edited_entry_is_narrowed_down_as_far_as_the_checkpoints_allow()
    {
        var export = Of(TenantLog.Of(20), 2, 19, earlier: [5, 9, 14]).EditBody(
            11,
            b => b.Replace("data.read", "data.seen", StringComparison.Ordinal));
        AssertBroken(export.Verify(), Flaw.EntryChanged, "at least one of entries 9 to 13: its bytes");
        AssertBroken(export.Verify(), Flaw.Root, "do not give the checkpoint's root");
    }

    [Fact]
    public void An_edited_entry_of_an_export_with_nothing_to_narrow_it_down_is_one_of_all()
    {
        var export = Of(TenantLog.Of(20), 0, 20).EditBody(11, b => b.Replace("data.read", "data.seen", StringComparison.Ordinal));
        AssertBroken(export.Verify(), Flaw.EntryChanged, "at least one of entries 0 to 19: its bytes");
    }

    [Theory]
    [InlineData(0, 600)]
    [InlineData(100, 530)]
    [InlineData(256, 512)]
    public void Tiles_name_exactly_the_edited_entries(int from, int to)
    {
        var log = TenantLog.Of(601);
        AssertHolds(Of(log, from, to, tiles: true).Verify());
        var export = Of(log, from, to, tiles: true);
        foreach (var position in new[] { 256, 300, 511 })
        {
            export.EditBody(position, b => b.Replace("patients", "patience", StringComparison.Ordinal));
        }

        Assert.Equal(
            [256, 300, 511],
            export.Verify().Broken.Where(b => b.Flaw == Flaw.EntryChanged).Select(b => int.Parse(b.Text.Split(' ', ':')[1], null)));
    }

    [Fact]
    public void Tiles_say_which_entries_were_exchanged()
    {
        var export = Of(TenantLog.Of(20), 0, 20, tiles: true);
        (export.Entry(4)["body"], export.Entry(9)["body"]) = ((string)export.Entry(9)["body"]!, (string)export.Entry(4)["body"]!);
        AssertBroken(export.Verify(), Flaw.EntryChanged, "entry 4: its bytes are not those that were sealed; they were sealed as entry 9");
        AssertBroken(export.Verify(), Flaw.EntryChanged, "entry 9: its bytes are not those that were sealed; they were sealed as entry 4");
    }

    [Fact]
    public void Tiles_made_to_fit_edited_entries_are_not_those_of_the_checkpoint()
    {
        var log = TenantLog.Of(20);
        var export = Of(log, 0, 20, earlier: [7, 8], tiles: true).EditBody(7, b => b.Replace("Z", "z", StringComparison.Ordinal));
        log.Put(7, (string)export.Entry(7)["body"]!);
        export.Lines[1] = Tile(log, 0, 20);
        AssertBroken(export.Verify(), Flaw.Tile, "do not give the checkpoint's root");
        AssertBroken(export.Verify(), Flaw.EntryChanged, "entry 7: ");
    }

    [Fact]
    public void Tiles_that_are_not_those_of_the_log_are_found_though_the_entries_are()
    {
        var other = TenantLog.Of(20);
        other.Put(3, other.Bodies[2]);
        var export = Of(TenantLog.Of(20), 0, 20, tiles: true);
        export.Lines[1] = Tile(other, 0, 20);
        AssertBroken(export.Verify(), Flaw.Tile, "do not give the checkpoint's root");
        Assert.DoesNotContain(export.Verify().Broken, b => b.Flaw == Flaw.EntryChanged);
    }

    [Fact]
    public void Tiles_that_end_early_or_begin_late_are_found()
    {
        var export = Of(TenantLog.Of(600), 0, 600, tiles: true);
        export.Lines.RemoveAt(export.Lines.FindLastIndex(l => (string?)l["type"] == "tile"));
        AssertBroken(export.Verify(), Flaw.Tile, "do not give the checkpoint's root");

        export = Of(TenantLog.Of(600), 0, 600, tiles: true);
        export.Lines.RemoveAt(1);
        AssertBroken(export.Verify(), Flaw.Line, "tiles begin after entries");
    }

    [Theory]
    [InlineData(7, "entry 7 is missing: positions jump from 6 to 8")]
    [InlineData(0, "entry 0 is missing: positions jump from the beginning to 1")]
    [InlineData(12, "entry 12 is missing at the end")]
    public void A_dropped_entry_is_named(int position, string said)
    {
        var export = Of(TenantLog.Of(13), 0, 13);
        export.Lines.Remove(export.Entry(position));
        AssertBroken(export.Verify(), Flaw.EntryMissing, said);
    }

    [Fact]
    public void Dropped_entries_are_named_as_one_gap()
    {
        var export = Of(TenantLog.Of(13), 0, 13);
        foreach (var position in new[] { 4, 5, 6 })
        {
            export.Lines.Remove(export.Entry(position));
        }

        AssertBroken(export.Verify(), Flaw.EntryMissing, "entries 4 to 6 are missing: positions jump from 3 to 7");
    }

    [Fact]
    public void A_dropped_entry_whose_place_the_others_took_is_found()
    {
        var export = Of(TenantLog.Of(13), 0, 13, tiles: true);
        export.Lines.Remove(export.Entry(7));
        for (var i = 8; i < 13; i++)
        {
            export.Entry(i)["position"] = i - 1;
        }

        (export.Line("header")["to"], export.Line("range")["to"]) = (12, 12);
        export.Line("range")["proof"] = TestLog.Base64(NaiveTree.Range(0, 12, [.. export.Log.Leaves]));
        export.Lines[1] = Tile(export.Log, 0, 12);
        AssertBroken(export.Verify(), Flaw.EntryChanged, "entry 7: its bytes are not those that were sealed; they were sealed as entry 8");
        export.Lines.RemoveAt(1);
        AssertBroken(export.Verify(), Flaw.Root, "do not give the checkpoint's root");
    }

    [Fact]
    public void Reordered_entries_are_named()
    {
        var export = Of(TenantLog.Of(13), 0, 13);
        (export.Lines[6], export.Lines[7]) = (export.Lines[7], export.Lines[6]);
        var findings = export.Verify();
        AssertBroken(findings, Flaw.EntryOrder, "entry 5 is out of order: it stands after entry 6");
        Assert.DoesNotContain(findings.Broken, b => b.Flaw == Flaw.EntryMissing);
    }

    [Fact]
    public void A_doubled_entry_is_named()
    {
        var export = Of(TenantLog.Of(13), 0, 13);
        export.Lines.Insert(6, (JsonObject)export.Entry(4).DeepClone());
        AssertBroken(export.Verify(), Flaw.EntryDoubled, "entry 4 stands there twice");
    }

    [Fact]
    public void An_entry_beyond_the_positions_of_the_header_is_named()
    {
        var log = TenantLog.Of(13);
        var export = Of(log, 0, 12);
        export.Lines.Insert(13, (JsonObject)Of(log, 12, 13).Entry(12).DeepClone());
        AssertBroken(export.Verify(), Flaw.EntryOrder, "entry 12 is outside of the positions 0 to 11");
    }

    [Fact]
    public void A_truncated_file_is_told_wherever_it_was_cut()
    {
        var export = Of(TenantLog.Of(5), 0, 5, earlier: [2]);
        var (bytes, trust) = (export.Bytes(), export.Trust());
        var header = Array.IndexOf(bytes, (byte)'\n') + 1;
        foreach (var length in Enumerable.Range(header, bytes.Length - header).Where(l => l % 13 == 0 || bytes[l - 1] == '\n' || bytes[l] == '\n'))
        {
            var findings = VerifyBytes(bytes[..length], trust);
            AssertBroken(findings, Flaw.Truncated, bytes[length - 1] == '\n' ? "it is cut" : "the file is cut");
        }
    }

    [Fact]
    public void Another_tenants_entries_are_named_even_if_they_were_sealed()
    {
        var log = TenantLog.Of(13);
        var other = TenantLog.Of(13, "018f4b5e-0000-7000-8000-000000000002");
        log.Put(5, other.Bodies[5]);
        AssertBroken(Of(log, 0, 13).Verify(), Flaw.EntryTenant, "entry 5: its tenant is not that of the log");
    }

    [Fact]
    public void A_whole_export_of_another_tenant_is_not_the_one_that_was_asked_for()
    {
        var other = Of(TenantLog.Of(13, "018f4b5e-0000-7000-8000-000000000002"), 0, 13);
        var asked = Of(TenantLog.Of(13), 0, 13);
        AssertBroken(other.Verify(asked.Trust()), Flaw.Origin, "was asked for");
        AssertBroken(other.Verify(asked.Trust() with { Origin = null }), Flaw.Origin, "none of the keys given with --log is of");
        AssertBroken(other.Verify(asked.Trust() with { Origin = null }), Flaw.Signature, "bears no Ed25519 signature of a trusted key");
    }

    [Fact]
    public void A_disclosure_that_was_sealed_holds_and_another_does_not()
    {
        var log = TenantLog.Of(13);
        var good = Of(log, 0, 13, disclosed: i => i == 4 ? [TenantLog.Disclosure(4)] : []).Verify();
        AssertHolds(good);
        Assert.Contains("Disclosures: 1 matches a digest that was sealed.", good.Held);
        Assert.Contains(good.Held, h => h.StartsWith("Entry 4, data.read of 2026-05-01T04:00:00.000000Z: ", StringComparison.Ordinal)
            && h.Contains(" was ", StringComparison.Ordinal) && h.Contains(" and became ", StringComparison.Ordinal));

        AssertBroken(
            Of(log, 0, 13, disclosed: i => i == 4 ? [TenantLog.Disclosure(5)] : []).Verify(),
            Flaw.Disclosure,
            "entry 4: its disclosure 0 does not match");
        AssertBroken(
            Of(log, 0, 13, disclosed: i => i == 4 ? [TenantLog.Disclosure(4), TenantLog.Disclosure(4)] : []).Verify(), Flaw.Disclosure, "stands there twice");
        AssertBroken(Of(log, 0, 13, disclosed: i => i == 4 ? ["Zürich"] : []).Verify(), Flaw.Disclosure, "is not base64url");
    }

    [Theory]
    [InlineData("[\"c2FsdA\",\"city\",null,\"x\"]")]
    [InlineData("[\"AAAAAAAAAAAAAAAAAAAAAA\",\"city\",null]")]
    [InlineData("{\"salt\":1}")]
    [InlineData("[\"AAAAAAAAAAAAAAAAAAAAAA\", \"city\",null,1]")]
    public void A_disclosure_that_was_sealed_in_another_form_is_refused(string json)
    {
        var disclosure = TenantLog.Url(System.Text.Encoding.UTF8.GetBytes(json));
        var log = TenantLog.Of(3);
        log.Put(
            1,
            log.Body(1).Replace(TenantLog.Digest(TenantLog.Disclosure(1)), TenantLog.Digest(disclosure), StringComparison.Ordinal));
        AssertBroken(
            Of(log, 0, 3, disclosed: i => i == 1 ? [disclosure] : []).Verify(),
            Flaw.Disclosure,
            "entry 1: its disclosure 0 is not");
    }

    [Theory]
    [InlineData("\"values\":[1]")]
    [InlineData("\"values\":\"x\"")]
    [InlineData("\"values\":[\"BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]")]
    [InlineData("\"values\":[\"AAAAAAAAAAAAAAAAAAAAA/AAAAAAAAAAAAAAAAAAAAA\"]")]
    public void Digests_that_are_not_sorted_digests_are_refused(string values)
    {
        var log = TenantLog.Of(3);
        var body = log.Body(1);
        log.Put(1, body[..body.IndexOf("\"values\"", StringComparison.Ordinal)] + values + "}");
        AssertBroken(Of(log, 0, 3).Verify(), Flaw.Disclosure, "entry 1: its values are not");
    }

    [Theory]
    [InlineData("{\"a\":1,\"a\":2,")]
    [InlineData("{\"b\":1,\"a\":2,")]
    [InlineData("{\"a\":1.5,")]
    [InlineData("{ \"a\":1,")]
    public void An_entry_that_was_sealed_in_no_canonical_form_is_named(string beginning)
    {
        var log = TenantLog.Of(3);
        log.Put(1, beginning + log.Body(1)[1..]);
        AssertBroken(Of(log, 0, 3).Verify(), Flaw.EntryForm, "entry 1: its body is not canonical JSON");
    }
}
