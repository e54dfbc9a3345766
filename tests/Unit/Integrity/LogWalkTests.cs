using System.Globalization;
using System.Text;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Audit.Integrity;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.Unit.Integrity;

/// <summary>What a walk says of a log in which one thing was changed.</summary>
public sealed class LogWalkTests
{
    private const int Size = 70_000;

    private static readonly byte[][] Hashes =
        [.. Enumerable.Range(0, Size).Select(i => MerkleTree.LeafHash(Encoding.UTF8.GetBytes(i.ToString(CultureInfo.InvariantCulture))))];

    private static readonly Dictionary<(int, long), byte[]> Whole = Tiles.Grow(0, Hashes, (_, _) => []).ToDictionary(t => (t.Level, t.Index), t => t.Hashes);

    private static readonly MerkleFrontier Frontier = FrontierOf(Size);

    [Theory]
    [InlineData(1)]
    [InlineData(1024)]
    [InlineData(Size)]
    public void A_log_that_holds_has_no_gap(int chunk) => Assert.Empty(Walk(chunk: chunk));

    [Fact]
    public void A_missing_entry_is_named()
    {
        Assert.Equal([new(LogGapKind.EntryMissing, 100, 200)], Walk(leaf: (i, leaf) => i is >= 100 and < 200 ? null : leaf));
        Assert.Equal([new(LogGapKind.EntryMissing, 69_999, 70_000)], Walk(leaf: (i, leaf) => i == 69_999 ? null : leaf));
    }

    [Fact]
    public void A_changed_body_is_told_from_two_that_were_exchanged_across_chunks()
    {
        Assert.Equal([new(LogGapKind.EntryChanged, 5, 6)], Walk(leaf: (i, leaf) => i == 5 ? new byte[32] : leaf));
        Assert.Equal(
            [new(LogGapKind.EntryMoved, 7, 8), new(LogGapKind.EntryMoved, 66_000, 66_001)],
            Walk(leaf: (i, leaf) => i == 7 ? Hashes[66_000] : i == 66_000 ? Hashes[7] : leaf));
    }

    [Theory]
    [InlineData(0, 3, 10, 3 * 256, (3 * 256) + 1)]
    [InlineData(1, 0, 10, 0, 65_536)]
    [InlineData(1, 1, 0, 65_536, 70_000)]
    [InlineData(2, 0, 0, 0, 70_000)]
    public void A_changed_hash_of_a_tile_is_told_with_the_leaves_below_it(int level, long index, int at, long from, long to)
    {
        var tiles = Whole.ToDictionary(t => t.Key, t => t.Value);
        tiles[(level, index)] = [.. tiles[(level, index)]];
        tiles[(level, index)][at] ^= 1;
        Assert.Contains(new(LogGapKind.TreeChanged, from, to), Walk(tiles));
        Assert.DoesNotContain(Walk(tiles), g => g.Kind is LogGapKind.EntryChanged or LogGapKind.EntryMissing);
    }

    [Fact]
    public void A_head_that_the_log_never_had_and_a_root_that_is_not_its_own_are_told()
    {
        Assert.Empty(Walk(heads: [(10, FrontierOf(10).Root()), (65_536, FrontierOf(65_536).Root()), (Size, Frontier.Root())]));
        Assert.Equal(
            [new(LogGapKind.HistoryChanged, 10, 2_000)], Walk(heads: [(10, FrontierOf(10).Root()), (2_000, new byte[32]), (Size, Frontier.Root())]));
        Assert.Equal([new(LogGapKind.HistoryChanged, 0, Size)], Walk(root: new byte[32]));
        Assert.Equal([new(LogGapKind.TreeChanged, 0, Size)], Walk(frontier: new byte[32]));
    }

    [Fact]
    public void Who_rewrites_bodies_and_tiles_alike_is_found_by_the_root()
    {
        var hashes = Hashes.ToArray();
        hashes[9] = new byte[32];
        var tiles = Tiles.Grow(0, hashes, (_, _) => []).ToDictionary(t => (t.Level, t.Index), t => t.Hashes);
        var frontier = new MerkleFrontier();
        hashes.ToList().ForEach(frontier.Append);
        Assert.Equal(
            [new(LogGapKind.HistoryChanged, 0, Size)],
            Walk(tiles, frontier: frontier.ToBytes(), leaf: (i, leaf) => i == 9 ? new byte[32] : leaf));
    }

    [Fact]
    public void A_table_that_was_emptied_is_one_finding() =>
        Assert.Equal([new(LogGapKind.EntryMissing, 0, Size)], Walk(leaf: (_, _) => null));

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(25 * 3600)]
    public void No_setting_switches_the_sweep_off(int seconds)
    {
        var options = new KernelOptions { AppConnection = "", KeyDirectory = "", AuditSweep = TimeSpan.FromSeconds(seconds) };
        Assert.Contains(options.Validate(), fault => fault.StartsWith("AuditSweep is", StringComparison.Ordinal));
        options = options with { AuditSweep = Timeout.InfiniteTimeSpan, AuditSweepRate = 0 };
        Assert.Equal(2, options.Validate().Count(fault => fault.StartsWith("AuditSweep", StringComparison.Ordinal)));
    }

    private static MerkleFrontier FrontierOf(int size)
    {
        var frontier = new MerkleFrontier();
        Hashes.Take(size).ToList().ForEach(frontier.Append);
        return frontier;
    }

    private static List<LogGap> Walk(
        Dictionary<(int, long), byte[]>? tiles = null,
        Func<int, byte[], byte[]?>? leaf = null,
        List<(long, byte[])>? heads = null,
        byte[]? root = null,
        byte[]? frontier = null,
        int chunk = 1024)
    {
        tiles ??= Whole;
        var walk = new LogWalk(Size, root ?? Frontier.Root());
        while (walk.Position < Size)
        {
            var (from, to) = ((int)walk.Position, (int)Math.Min(Size, walk.Position + chunk));
            var leaves = Enumerable.Range(from, to - from)
                .Select(i => leaf is null ? Hashes[i] : leaf(i, Hashes[i])).ToList();
            var upper = walk.Take(
                leaves, index => tiles.GetValueOrDefault((0, index)), [.. (heads ?? []).Where(h => h.Item1 > from && h.Item1 <= to)]);
            upper.ForEach(t => walk.Compare(t, tiles.GetValueOrDefault((t.Level, t.Index))));
        }

        return walk.Finish(frontier ?? Frontier.ToBytes());
    }
}
