using System.Text.Json.Nodes;
using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify;
using static Bulkhead.Tests.Verify.Making.TestExport;

namespace Bulkhead.Tests.Verify;

/// <summary>Entries of which only the digest is there, and commitments beside it.</summary>
public sealed class HiddenEntryTests
{
    private static readonly byte[] Point = [2, .. Enumerable.Range(1, 32).Select(i => (byte)i)];
    private static readonly byte[] Other = [3, .. Enumerable.Range(1, 32).Select(i => (byte)i)];

    private readonly TenantLog log = TenantLog.Of(13);

    public HiddenEntryTests()
    {
        log.Put(4, log.Body(4), ("bytesExported", Point));
        log.Put(5, log.Body(5), ("recordsRead", Point), ("bytesExported", Other), ("Zoom", Other));
    }

    [Fact]
    public void Hidden_and_shown_entries_hold_side_by_side_and_their_number_is_said()
    {
        Assert.Contains(Of(log, 0, 13).Verify().Held, h => h.EndsWith("sealed; all of tenant 018f4b5e-0000-7000-8000-000000000001.", StringComparison.Ordinal));

        var some = Of(log, 0, 13, tiles: true).Hide(3).Hide(5).Verify();
        AssertHolds(some);
        Assert.Contains(some.Held, h => h.EndsWith("sealed; 11 of them are shown, all of tenant 018f4b5e-0000-7000-8000-000000000001.", StringComparison.Ordinal));

        var all = Of(log, 4, 6).Hide(4).Hide(5).Verify();
        AssertHolds(all);
        Assert.Contains(all.Held, h => h.EndsWith("sealed; none of them is shown.", StringComparison.Ordinal));
    }

    [Fact]
    public void In_which_order_a_line_has_its_commitments_is_no_matter()
    {
        var export = Of(log, 0, 13);
        var commitments = export.Entry(5)["commitments"]!.AsObject();
        export.Entry(5)["commitments"] = new JsonObject(commitments.Reverse().Select(c => KeyValuePair.Create(c.Key, c.Value?.DeepClone())));
        AssertHolds(export.Verify());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_digest_or_a_commitment_that_was_changed_dropped_added_or_moved_is_named(bool hidden)
    {
        Found(4, e => e.Remove("commitments"));
        Found(4, e => e["commitments"]!["bytesExported"] = Convert.ToBase64String(Other));
        Found(4, e => e["commitments"]!["recordsRead"] = Convert.ToBase64String(Other));
        Found(5, e => e["commitments"]!.AsObject().Remove("Zoom"));
        Found(6, e => e["commitments"] = new JsonObject { ["bytesExported"] = Convert.ToBase64String(Point) });
        Found(5, e =>
        {
            var commitments = e["commitments"]!.AsObject();
            (commitments["recordsRead"], commitments["bytesExported"]) = ((string)commitments["bytesExported"]!, (string)commitments["recordsRead"]!);
        });
        if (hidden)
        {
            Found(4, e => e["digest"] = Convert.ToBase64String(new byte[32]));
        }

        void Found(int position, Action<JsonObject> lie)
        {
            var export = Of(log, 0, 13, tiles: true);
            foreach (var i in hidden ? new[] { 4, 5, 6 } : [])
            {
                export.Hide(i);
            }

            lie(export.Entry(position));
            AssertBroken(export.Verify(), Flaw.EntryChanged, $"entry {position}: its bytes are not those that were sealed");
        }
    }
}
