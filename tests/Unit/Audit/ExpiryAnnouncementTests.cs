using Bulkhead.Kernel.Audit.Retention;

namespace Bulkhead.Tests.Unit.Audit;

public sealed class ExpiryAnnouncementTests
{
    [Fact]
    public void Exactly_the_positions_are_announced_and_read_back()
    {
        long[] positions = [0, 1, 2, 5, 7, 8];
        var (announcement, count) = ExpiryAnnouncement.Of(positions);
        Assert.Equal((6, "0-2,5,7-8"), (count, announcement.Positions));
        var read = ExpiryAnnouncement.Of(Body(announcement.Positions), 9)!;
        Assert.True(read.Is(announcement));
        Assert.Equal([true, false, true, false, true, false], new[] { 2L, 3, 5, 6, 8, 9 }.Select(p => read.Overlaps(p, p + 1)));
    }

    [Fact]
    public void What_lies_in_more_places_than_one_entry_announces_is_for_the_next()
    {
        var positions = Enumerable.Range(0, ExpiryAnnouncement.MostRanges + 5).SelectMany(i => new[] { 3L * i, (3L * i) + 1 }).ToList();
        var (first, count) = ExpiryAnnouncement.Of(positions);
        Assert.Equal(2 * ExpiryAnnouncement.MostRanges, count);
        Assert.True(ExpiryAnnouncement.Of(Body(first.Positions), 10_000)!.Is(first));
        var (second, rest) = ExpiryAnnouncement.Of(positions[count..]);
        Assert.Equal(10, rest);
        Assert.Equal(positions.Count / 2, ExpiryAnnouncement.Union([second, first]).Count);
    }

    [Fact]
    public void What_overlaps_or_touches_is_one()
    {
        var announced = new[] { "7-9", "0-2,5", "3", "6-12" }.Select(p => ExpiryAnnouncement.Of(Body(p), 20)!);
        Assert.Equal([(0, 4), (5, 13)], ExpiryAnnouncement.Union(announced));
    }

    [Theory]
    [InlineData("\"3-9\"")]
    [InlineData("\"5-4\"")]
    [InlineData("\"\"")]
    [InlineData("\"-3\"")]
    [InlineData("\"3-\"")]
    [InlineData("\"3,3\"")]
    [InlineData("\"3-4,5\"")]
    [InlineData("\"5,3\"")]
    [InlineData("\"3-4-5\"")]
    [InlineData("\" 3\"")]
    [InlineData("\"3-9223372036854775807\"")]
    [InlineData("\"9223372036854775808\"")]
    [InlineData("3")]
    [InlineData("null")]
    public void Refuse_positions_that_are_none(string positions) =>
        Assert.Null(ExpiryAnnouncement.Of(Body("0").Replace("\"0\"", positions, StringComparison.Ordinal), 9));

    [Theory]
    [InlineData("audit.expire", "audit.expired")]
    [InlineData("\"ok\"", "\"denied\"")]
    [InlineData("\"platform\"", "\"service\"")]
    [InlineData("audit retention", "somebody")]
    [InlineData("positions", "position")]
    [InlineData("{\"action\"", "[\"action\"")]
    public void Refuse_an_entry_that_is_no_announcement(string part, string other) =>
        Assert.Null(ExpiryAnnouncement.Of(Body("0").Replace(part, other, StringComparison.Ordinal), 9));

    private static string Body(string positions) => $$"""
        {"action":"audit.expire","actor":{"id":"audit retention","kind":"platform","roles":[]},"details":{"positions":"{{positions}}"},"result":"ok"}
        """;
}
