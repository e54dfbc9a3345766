using Bulkhead.Kernel.Audit.Transparency;
using FsCheck;
using FsCheck.Fluent;

namespace Bulkhead.Tests.Unit.Transparency;

public sealed class TilePathTests
{
    [Theory]
    [InlineData("tile/0/000", 0, 0, 256)]
    [InlineData("tile/0/x001/067", 0, 1067, 256)]
    [InlineData("tile/0/x001/x234/067", 0, 1234067, 256)]
    [InlineData("tile/2/000.p/1", 2, 0, 1)]
    [InlineData("tile/7/000.p/127", 7, 0, 127)]
    [InlineData("tile/entries/273.p/112", TilePath.Entries, 273, 112)]
    [InlineData("tile/entries/x001/000", TilePath.Entries, 1000, 256)]
    [InlineData("tile/0/x036/x028/x797/x018/x963/966", 0, 36028797018963966, 256)]
    [InlineData("tile/0/x036/x028/x797/x018/x963/967.p/255", 0, 36028797018963967, 255)]
    public void A_path_says_its_tile_and_a_tile_its_path(string path, int level, long index, int width)
    {
        Assert.Equal(new TilePath(level, index, width), TilePath.Parse(path));
        Assert.Equal(path, new TilePath(level, index, width).ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("tile")]
    [InlineData("tile/0")]
    [InlineData("tile/0/")]
    [InlineData("/tile/0/000")]
    [InlineData("tile/0/000/")]
    [InlineData("tile//000")]
    [InlineData("tile/00/000")]
    [InlineData("tile/-1/000")]
    [InlineData("tile/8/000")]
    [InlineData("tile/63/000")]
    [InlineData("tile/4294967296/000")]
    [InlineData("tile/Entries/000")]
    [InlineData("tile/0/0")]
    [InlineData("tile/0/0000")]
    [InlineData("tile/0/x000")]
    [InlineData("tile/0/x000/001")]
    [InlineData("tile/0/001/067")]
    [InlineData("tile/0/x001/x067")]
    [InlineData("tile/0/x1/067")]
    [InlineData("tile/0/+01")]
    [InlineData("tile/0/ 01")]
    [InlineData("tile/0/000.p")]
    [InlineData("tile/0/000.p/")]
    [InlineData("tile/0/000.p/0")]
    [InlineData("tile/0/000.p/01")]
    [InlineData("tile/0/000.p/256")]
    [InlineData("tile/0/000.p/1/000")]
    [InlineData("tile/0/000.p/000.p/1")]
    [InlineData("tile/0/../0/000")]
    [InlineData("tile/7/000.p/128")]
    [InlineData("tile/7/000")]
    [InlineData("tile/7/001.p/1")]
    [InlineData("tile/0/x036/x028/x797/x018/x963/967")]
    [InlineData("tile/0/x036/x028/x797/x018/x963/968.p/1")]
    [InlineData("tile/0/x999/x999/x999/x999/x999/x999/999")]
    [InlineData("tile/0/x001/x000/x000/x000/x000/x000/x000/x000/000")]
    public void What_is_the_path_of_no_tile_is_refused(string path) => Assert.Null(TilePath.Parse(path));

    /// <summary>The example of C2SP tlog-tiles.</summary>
    [Fact]
    public void A_tree_of_70000_has_the_tiles_that_the_specification_counts()
    {
        var tiles = TilePath.Grown(0, 70_000).ToList();
        Assert.Equal([273, 1], tiles.Where(t => t.IsFull && t.Level >= 0).CountBy(t => t.Level).Select(t => t.Value));
        Assert.Equal(
            [new(0, 273, 112), new(1, 1, 17), new(2, 0, 1)],
            tiles.Where(t => !t.IsFull && t.Level >= 0));
        Assert.Equal([.. tiles.Where(t => t.Level == 0).Select(t => t with { Level = TilePath.Entries })], tiles.Where(t => t.Level < 0));
        Assert.Equal([new(-1, 0, 256), new(0, 0, 256), new(1, 0, 1)], TilePath.Grown(0, 256));
    }

    [Fact]
    public void Growth_names_the_tiles_that_the_larger_tree_has_and_the_smaller_has_not() => Check.QuickThrowOnFailure(Prop.ForAll(
        Gen.Choose(0, 140_000).SelectMany(a => Gen.Choose(a, a + 3000), (a, b) => (a, b)).ToArbitrary(),
        t =>
        {
            var grown = TilePath.Grown(t.a, t.b).ToList();
            var (before, after) = (TilePath.Grown(0, t.a).ToHashSet(), TilePath.Grown(0, t.b).ToList());
            Assert.Equal(after.Where(tile => !before.Contains(tile)), grown);
            Assert.All(grown, tile => Assert.True(tile.IsIn(t.b) && !tile.IsIn(t.a) && TilePath.Parse(tile.ToString()) == tile));
        }));

    [Fact]
    public void Growth_is_that_of_the_stored_tiles()
    {
        var leaves = Logs.Leaves(3000);
        foreach (var (from, to) in ((int, int)[])[(0, 1), (0, 255), (255, 256), (255, 257), (256, 600), (1, 3000), (511, 512)])
        {
            var stored = Tiles.Grow(0, leaves[..from], (_, _) => []).ToDictionary(t => (t.Level, t.Index), t => t.Hashes);
            var changed = Tiles.Grow(from, leaves[from..to], (level, index) => stored[(level, index)]);
            Assert.Equal(
                TilePath.Grown(from, to).Where(t => t.Level >= 0),
                changed.Select(c => new TilePath(c.Level, c.Index, c.Hashes.Length / MerkleTree.HashLength)));
        }
    }

    [Fact]
    public void A_tree_does_not_shrink_and_has_no_negative_size()
    {
        Assert.Empty(TilePath.Grown(5, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => TilePath.Grown(5, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => TilePath.Grown(-1, 4));
        Assert.Equal(2, TilePath.Grown(long.MaxValue - 1, long.MaxValue).Count());
    }

    [Fact]
    public void A_bundle_gives_back_the_entries_that_it_was_made_of()
    {
        foreach (var count in (int[])[1, 2, 256])
        {
            var entries = Enumerable.Range(0, count).Select(i => new byte[i * 7]).ToArray();
            entries[^1] = new byte[EntryBundle.MaxEntryLength];
            var read = EntryBundle.Read(EntryBundle.Write(entries), count)!;
            Assert.Equal(entries, read.Select(entry => entry.ToArray()));
        }

        Assert.Equal([0, 1, 7, 0, 0], EntryBundle.Write([[7], []]));
    }

    [Fact]
    public void An_entry_that_is_too_long_and_a_bundle_with_bytes_missing_or_left_are_refused()
    {
        Assert.Throws<ArgumentException>(() => EntryBundle.Write([new byte[EntryBundle.MaxEntryLength + 1]]));
        Assert.Throws<ArgumentException>(() => EntryBundle.Write([]));
        Assert.Throws<ArgumentException>(() => EntryBundle.Write([.. Enumerable.Repeat<byte[]>([], 257)]));
        var bundle = EntryBundle.Write([[1, 2], [3]]);
        Assert.NotNull(EntryBundle.Read(bundle, 2));
        Assert.Null(EntryBundle.Read(bundle, 1));
        Assert.Null(EntryBundle.Read(bundle, 3));
        Assert.Null(EntryBundle.Read(bundle.AsMemory(..^1), 2));
        Assert.Null(EntryBundle.Read(bundle.AsMemory(..5), 2));
        Assert.Null(EntryBundle.Read((byte[])[.. bundle, 0], 2));
        Assert.Null(EntryBundle.Read(new byte[2 * 257], 257));
        Assert.Null(EntryBundle.Read(bundle, -1));
    }
}
