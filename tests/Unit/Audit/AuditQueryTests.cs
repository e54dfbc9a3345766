using Bulkhead.Platform.Access;
using Bulkhead.Platform.Audit;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Bulkhead.Tests.Unit.Audit;

public sealed class AuditQueryTests
{
    private const string Record = "0192f0c4-7a3e-7b60-9d1e-2f5a6b7c8d9e";

    [Fact]
    public void Read_every_filter()
    {
        var query = Parse(
            $"?action=data.read&actor=c1&entity=patient&record={Record}&at.gte=2026-01-01&at.lt=2026-02-01T00:00:00.5Z&limit=7&after=x",
            out var faults);
        Assert.Empty(faults);
        Assert.Equal(
            ("data.read", "c1", "patient", Guid.Parse(Record), 7, "x"),
            (query!.Action, query.Actor, query.Entity, query.Record!.Value, query.Limit, query.After));
        Assert.Equal(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), query.From);
        Assert.Equal(new DateTimeOffset(2026, 2, 1, 0, 0, 0, 500, TimeSpan.Zero), query.Until);
    }

    [Fact]
    public void An_empty_query_asks_for_fifty() => Assert.Equal(50, Parse("", out _)!.Limit);

    [Fact]
    public void All_faults_come_at_once()
    {
        Assert.Null(Parse(
            "?action=&record=1&limit=201&at.gte=yesterday&at.gt=2026-01-01&actor=a&actor=b&sort=id", out var faults));
        Assert.Equal(
            ["action", "actor", "at.gt", "at.gte", "limit", "record", "sort"],
            faults.Select(f => f.Parameter).Order(StringComparer.Ordinal));
        Assert.Equal("duplicate-parameter", faults.Single(f => f.Parameter == "actor").Code);
        Assert.Equal("unknown-parameter", faults.Single(f => f.Parameter == "sort").Code);
    }

    [Theory]
    [InlineData("?limit=0")]
    [InlineData("?limit=-1")]
    [InlineData("?limit=+5")]
    [InlineData("?limit=1e2")]
    [InlineData("?record={0192f0c4-7a3e-7b60-9d1e-2f5a6b7c8d9e}")]
    [InlineData("?at.gte=2026-02-30")]
    [InlineData("?at.gte=2026-02-02&at.lt=2026-02-02")]
    [InlineData("?actor=a%00b")]
    [InlineData("?action=*")]
    [InlineData("?action=.*")]
    [InlineData("?action=kez*")]
    [InlineData("?action=data.raed")]
    [InlineData("?action=ke*s.*")]
    [InlineData("?result=maybe")]
    [InlineData("?order=at")]
    [InlineData("?after=a&before=b")]
    [InlineData("?before=")]
    [InlineData("?Action=x")]
    public void Refuse_what_could_mean_something_else(string query) => Assert.Null(Parse(query, out _));

    [Fact]
    public void A_cursor_is_bound_to_its_reader_and_every_filter()
    {
        string[] queries =
        [
            "", "?action=data.read", "?actor=a", "?entity=a", $"?record={Record}", "?at.gte=2026-01-01", "?at.lt=2026-01-01",
            "?action=data.*", "?request=a", "?result=ok", "?result=denied", "?order=oldest",
        ];
        var digests = queries
            .SelectMany(query => new[] { "reader-1", "reader-2" }, (query, reader) => Parse(query, out _)!.Digest(reader))
            .Select(Convert.ToHexString)
            .ToArray();
        Assert.Equal(digests.Length, digests.Distinct().Count());
        Assert.Equal(
            Parse("?action=data.read&limit=10", out _)!.Digest("r"), Parse("?action=data.read&limit=20&after=x", out _)!.Digest("r"));
    }

    [Fact]
    public void Read_what_says_more_than_one_value()
    {
        var query = Parse("?action=keys.*&result=denied&request=r1&before=x", out var faults);
        Assert.Empty(faults);
        Assert.Equal(((string?)null, "keys.", true, "r1", "x"), (query!.Action, query.Prefix, query.Denied!.Value, query.Request, query.Before));
        // Entries of a request begin with the first; everything else with the last, unless asked.
        Assert.True(query.OldestFirst);
        Assert.False(Parse("?request=r1&order=newest", out _)!.OldestFirst);
        Assert.False(Parse("", out _)!.OldestFirst);
    }

    [Fact]
    public void A_history_is_of_the_record_that_the_path_names()
    {
        List<Fault> faults = [];
        var record = Guid.Parse(Record);
        var query = AuditQuery.ParseTimeline(new QueryCollection(), "patient", record, faults)!;
        Assert.Equal(("patient", record, true), (query.Entity, query.Record!.Value, query.OldestFirst));
        Assert.Null(AuditQuery.ParseTimeline(
            new QueryCollection(QueryHelpers.ParseQuery($"?record={Guid.NewGuid()}&entity=other")), "patient", record, faults));
        Assert.Equal(2, faults.Count);
    }

    [Fact]
    public void The_first_id_of_an_instant_is_below_every_id_made_then_and_above_every_id_before()
    {
        var at = new DateTimeOffset(2026, 3, 4, 5, 6, 7, 890, TimeSpan.Zero);
        for (var i = 0; i < 200; i++)
        {
            Assert.True(Compare(AuditSql.FirstOf(at), Guid.CreateVersion7(at)) < 0);
            Assert.True(Compare(AuditSql.FirstOf(at), Guid.CreateVersion7(at.AddMilliseconds(-1))) > 0);
        }

        static int Compare(Guid a, Guid b) => a.ToByteArray(bigEndian: true).AsSpan().SequenceCompareTo(b.ToByteArray(bigEndian: true));
    }

    private static AuditQuery? Parse(string query, out List<Fault> faults)
    {
        faults = [];
        return AuditQuery.Parse(new QueryCollection(QueryHelpers.ParseQuery(query)), faults);
    }
}
