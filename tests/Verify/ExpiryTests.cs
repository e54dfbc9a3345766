using System.Text.Json.Nodes;
using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify;
using static Bulkhead.Tests.Verify.Making.TestExport;

namespace Bulkhead.Tests.Verify;

/// <summary>Entries whose bodies expired: each was announced by a sealed entry, in the export or beside it.</summary>
public sealed class ExpiryTests
{
    private readonly TenantLog log = TenantLog.Of(13);

    public ExpiryTests() => Announce(9, "3-5");

    [Fact]
    public void Expired_entries_hold_are_counted_and_it_is_said_which_entry_announced_them()
    {
        var some = Expired(0, 13, 3, 5).Verify();
        AssertHolds(some);
        Assert.Contains(some.Remarks, r => r.StartsWith("2 entries have expired", StringComparison.Ordinal)
            && r.Contains("1 sealed entry audit.expire announced it before, position 9 (", StringComparison.Ordinal));
    }

    [Fact]
    public void An_expired_entry_is_neither_shown_nor_anything_but_expired()
    {
        var changed = Expired(0, 13, 3);
        changed.Entry(3)["digest"] = Convert.ToBase64String(new byte[32]);
        Assert.Contains(changed.Verify().Broken, b => b.Flaw == Flaw.EntryChanged && b.Text.Contains("entry 3", StringComparison.Ordinal));
        foreach (var value in new JsonNode[] { false, "true", 1 })
        {
            var odd = Of(log, 0, 13).Hide(3);
            odd.Entry(3)["expired"] = value;
            Assert.Contains(odd.Verify().Broken, b => b.Flaw == Flaw.Line);
        }

        var shown = Of(log, 0, 13);
        shown.Entry(3)["expired"] = true;
        Assert.Contains(shown.Verify().Broken, b => b.Flaw == Flaw.Line);
    }

    [Theory]
    [InlineData(2, "entry 2 is")]
    [InlineData(6, "entry 6 is")]
    public void What_nothing_announced_was_taken_out_by_somebody_and_is_named(int position, string named)
    {
        var broken = Expired(0, 13, 3, 4, 5, position).Verify().Broken.Single();
        Assert.Equal(Flaw.Expiry, broken.Flaw);
        Assert.StartsWith($"{named} said to have expired", broken.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_announcements_make_one_and_the_hole_between_them_is_named()
    {
        Announce(10, "7");
        var broken = Expired(0, 13, 2, 3, 4, 5, 6, 7, 8).Verify().Broken.ToList();
        Assert.Equal(["entry 2 is", "entry 6 is", "entry 8 is"], broken.Select(b => b.Text[..10]));
        Announce(11, "2-8");
        AssertHolds(Expired(0, 13, 2, 3, 4, 5, 6, 7, 8).Verify());
    }

    [Theory]
    [InlineData("details", "{\"positions\":\"3-9\"}")]
    [InlineData("details", "{\"positions\":\"5-4\"}")]
    [InlineData("details", "{\"positions\":\"\"}")]
    [InlineData("details", "{\"positions\":\"-3\"}")]
    [InlineData("details", "{\"positions\":\"3-\"}")]
    [InlineData("details", "{\"positions\":\"3,3\"}")]
    [InlineData("details", "{\"positions\":\"3-5,5-6\"}")]
    [InlineData("details", "{\"positions\":\"3-4,5\"}")]
    [InlineData("details", "{\"positions\":\"5,3\"}")]
    [InlineData("details", "{\"positions\":\"3-4-5\"}")]
    [InlineData("details", "{\"positions\":\"x\"}")]
    [InlineData("details", "{\"positions\":\"03x\"}")]
    [InlineData("details", "{\"positions\":\" 3\"}")]
    [InlineData("details", "{\"positions\":\"3;5\"}")]
    [InlineData("details", "{\"positions\":3}")]
    [InlineData("details", "{\"from\":\"3\",\"to\":\"6\"}")]
    [InlineData("action", "\"audit.expired\"")]
    [InlineData("result", "\"denied\"")]
    [InlineData("actor", "{\"id\":\"audit retention\",\"kind\":\"service\",\"roles\":[]}")]
    [InlineData("actor", "{\"id\":\"somebody\",\"kind\":\"platform\",\"roles\":[]}")]
    public void An_entry_that_is_no_announcement_announces_nothing(string member, string value)
    {
        Announce(9, "3-5", member, value);
        Assert.Equal(Flaw.Expiry, Expired(0, 13, 3).Verify().Broken.Single().Flaw);
    }

    [Fact]
    public void What_was_held_between_announced_positions_was_not_announced()
    {
        Announce(9, "1-2,4,6-7");
        AssertHolds(Expired(0, 13, 1, 2, 4, 6, 7).Verify());
        var broken = Expired(0, 13, 1, 2, 3, 4, 5, 7).Verify().Broken.ToList();
        Assert.Equal(["entry 3 is", "entry 5 is"], broken.Select(b => b.Text[..10]));
    }

    [Fact]
    public void An_announcement_outside_of_the_positions_stands_beside_them_with_its_proof()
    {
        var export = Expired(2, 7, 3, 5);
        Assert.Equal([Flaw.Expiry, Flaw.Expiry], export.Verify().Broken.Select(b => b.Flaw));
        AssertHolds(Beside(export, 9).Verify());

        var wrong = Beside(Expired(2, 7, 3), 9);
        wrong.Line("expiry")["position"] = 8;
        Assert.Contains(wrong.Verify().Broken, b => b.Text.StartsWith("the expiry at position 8 is not in the log", StringComparison.Ordinal));
        var edited = Beside(Expired(2, 7, 3), 9);
        edited.Line("expiry")["body"] = ((string)edited.Line("expiry")["body"]!).Replace("\"3-5\"", "\"2-5\"", StringComparison.Ordinal);
        Assert.Contains(edited.Verify().Broken, b => b.Text.StartsWith("the expiry at position 9 is not in the log", StringComparison.Ordinal));
        Assert.Contains(Beside(Expired(2, 10, 3), 9).Verify().Broken, b => b.Flaw == Flaw.Line);
        var loose = Beside(Expired(2, 7, 3), 9);
        loose.Line("expiry")["body"] = " " + (string)loose.Line("expiry")["body"]!;
        Assert.Contains(loose.Verify().Broken, b => b.Flaw == Flaw.Line);
    }

    private TestExport Expired(int from, int to, params int[] positions)
    {
        var export = Of(log, from, to, tiles: true);
        foreach (var position in positions)
        {
            export.Hide(position).Entry(position)["expired"] = true;
        }

        return export;
    }

    private TestExport Beside(TestExport export, int position)
    {
        export.Lines.Insert(export.Lines.IndexOf(export.Line("range")) + 1, new()
        {
            ["type"] = "expiry",
            ["position"] = position,
            ["body"] = log.Bodies[position],
            ["proof"] = TestLog.Base64(NaiveTree.Path(position, [.. log.Leaves])),
        });
        return export;
    }

    private void Announce(int position, string positions, string? member = null, string? value = null)
    {
        var body = JsonNode.Parse(log.Body(position))!.AsObject();
        body["action"] = "audit.expire";
        body["actor"] = new JsonObject { ["id"] = "audit retention", ["kind"] = "platform", ["roles"] = new JsonArray() };
        body["details"] = new JsonObject { ["entries"] = "3", ["positions"] = positions };
        body["result"] = "ok";
        if (member is not null)
        {
            body[member] = JsonNode.Parse(value!);
        }

        log.Put(position, new JsonObject(body.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => KeyValuePair.Create(m.Key, m.Value?.DeepClone()))).ToJsonString());
    }
}
