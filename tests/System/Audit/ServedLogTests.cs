using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.System.Audit;

/// <summary>The log over HTTP: as tlog-tiles has it, and keys, checkpoints and proofs for who keeps an older one.</summary>
public sealed class ServedLogTests(SealingServer server) : LogChecks(server), IClassFixture<SealingServer>
{
    [Fact]
    public async Task The_tree_and_its_leaves_are_served_as_tiles_and_give_the_checkpoints_root()
    {
        await WriteAsync("a", 300);
        var note = SignedNote.Parse((await server.SendAsync("a", "GET", "audit/log/checkpoint")).Is(200).Text)!;
        var checkpoint = Checkpoint.Parse(note.Text)!;
        Assert.True(note.IsSignedBy(Keys.Find(server.Tenants["a"].Id)!, out _));
        var (hashes, leaves) = (new List<byte[]>(), new List<byte[]>());
        foreach (var path in TilePath.Grown(0, checkpoint.Size))
        {
            var bytes = await BytesAsync("a", $"audit/log/{path}");
            if (path.Level == 0)
            {
                hashes.AddRange(bytes.Chunk(32));
            }
            else if (path.Level == TilePath.Entries)
            {
                leaves.AddRange(EntryBundle.Read(bytes, path.Width)!.Select(leaf => MerkleTree.LeafHash(leaf.Span)));
            }
            else
            {
                Assert.Equal(path.Width * 32, bytes.Length);
            }
        }

        Assert.Equal(hashes, leaves);
        var frontier = new MerkleFrontier();
        leaves.ForEach(frontier.Append);
        Assert.Equal((checkpoint.Size, Convert.ToHexString(checkpoint.Root)), (frontier.Size, Convert.ToHexString(frontier.Root())));
        // Of a partial tile a narrower one still is there, as of a client that saw an older checkpoint.
        Assert.Equal(hashes[0], await BytesAsync("a", "audit/log/tile/0/000.p/1"));
        Assert.Single(EntryBundle.Read(await BytesAsync("a", "audit/log/tile/entries/000.p/1"), 1)!);
    }

    [Theory]
    [InlineData("0/1")]
    [InlineData("0/0000")]
    [InlineData("0/x000/001")]
    [InlineData("0/000.p/0")]
    [InlineData("0/000.p/256")]
    [InlineData("8/000")]
    [InlineData("0/-01")]
    [InlineData("0/999")]
    [InlineData("0/001.p/255/1")]
    [InlineData("0/000")]
    [InlineData("entries/000")]
    [InlineData("entries/999")]
    [InlineData("entries/000.p/0")]
    [InlineData("-1/000")]
    [InlineData("")]
    public async Task What_is_no_tile_is_not_found(string path)
    {
        // Of a log with fewer entries than a tile has.
        await WriteAsync("c", 1);
        Assert.Equal(404, (await server.SendAsync("c", "GET", $"audit/log/tile/{path}")).Status);
    }

    [Fact]
    public async Task Who_noted_a_checkpoint_gets_the_proof_that_the_log_only_grew_and_the_verifier_takes_it()
    {
        await WriteAsync("b", 5);
        var then = await LogAsync("");
        await WriteAsync("b", 9);
        var older = then.GetProperty("size").GetInt64();
        var now = await LogAsync($"?since={older}&position={older - 1}");
        Assert.Equal(Keys.All(server.Tenants["b"].Id).Select(key => $"{key}"), Texts(now.GetProperty("logKeys")));
        Assert.Equal(Keys.All(null).Select(key => $"{key}"), Texts(now.GetProperty("headsKeys")));
        Assert.Equal((LogKeys.OriginOf(server.Tenants["b"].Id), Keys.HeadsOrigin), (Text(now, "origin"), Text(now, "headsOrigin")));
        Assert.True(SignedNote.Parse(Text(now, "headsNote"))!.IsSignedBy(Keys.Find(null)!, out _));
        var consistency = Texts(now.GetProperty("consistency").GetProperty("hashes")).ToArray();

        Assert.Contains("One history", await SplitAsync(Text(then, "note"), Text(now, "note"), consistency, 0), StringComparison.Ordinal);
        // Nothing was lost of it, and no other proof does.
        Assert.Contains("split view", await SplitAsync(Text(then, "note"), Text(now, "note"), [.. consistency.Skip(1)], 1), StringComparison.Ordinal);

        var leaf = await BytesAsync("b", $"audit/log/tile/0/000.p/{older}");
        var checkpoint = Checkpoint.Parse(SignedNote.Parse(Text(now, "note"))!.Text)!;
        var path = Texts(now.GetProperty("inclusion").GetProperty("hashes")).Select(Convert.FromBase64String).ToList();
        Assert.True(MerkleTree.VerifyInclusion(older - 1, checkpoint.Size, leaf.AsSpan(leaf.Length - 32), path, checkpoint.Root));
        Assert.False(MerkleTree.VerifyInclusion(older - 1, checkpoint.Size, leaf.AsSpan(0, 32), path, checkpoint.Root));
    }

    [Fact]
    public async Task A_log_that_is_shorter_than_what_somebody_noted_says_that_this_proves_something()
    {
        await WriteAsync("c", 2);
        var answer = (await server.SendAsync("c", "GET", "audit/log?since=1000000")).Is(409);
        Assert.Contains("log-shorter", answer.Text, StringComparison.Ordinal);
        Assert.Contains("it proves that the log was cut off", answer.Text, StringComparison.Ordinal);
        (await server.SendAsync("c", "GET", "audit/log?position=1000000")).Is(409);
        foreach (var query in new[] { "since=0", "since=-1", "since=x", "position=-1", "since=1&since=2", "other=1" })
        {
            Assert.Equal(400, (await server.SendAsync("c", "GET", $"audit/log?{query}")).Status);
        }
    }

    [Fact]
    public async Task The_log_of_heads_is_served_as_tiles_to_whoever_may_read_a_log()
    {
        await WriteAsync("a", 2);
        await WriteAsync("b", 2);
        var note = SignedNote.Parse((await server.SendAsync("a", "GET", "audit/heads/checkpoint")).Is(200).Text)!;
        Assert.True(note.IsSignedBy(Keys.Find(null)!, out _));
        var checkpoint = Checkpoint.Parse(note.Text)!;
        var (hashes, leaves) = (new List<byte[]>(), new List<byte[]>());
        foreach (var path in TilePath.Grown(0, checkpoint.Size).Where(path => path.Level <= 0))
        {
            var bytes = await BytesAsync("b", $"audit/heads/{path}");
            leaves.AddRange(path.Level == 0 ? [] : EntryBundle.Read(bytes, path.Width)!.Select(leaf => leaf.ToArray()));
            hashes.AddRange(path.Level == 0 ? bytes.Chunk(32) : []);
        }

        Assert.All(leaves, leaf => Assert.Equal(80, leaf.Length));
        Assert.Equal(hashes, leaves.Select(leaf => MerkleTree.LeafHash(leaf)));
        var frontier = new MerkleFrontier();
        hashes.ForEach(frontier.Append);
        Assert.Equal(Convert.ToHexString(checkpoint.Root), Convert.ToHexString(frontier.Root()));
        Assert.Equal(404, (await server.SendAsync("a", "GET", "audit/heads/tile/entries/x999/999")).Status);
    }

    [Theory]
    [InlineData("audit/heads/checkpoint")]
    [InlineData("audit/heads/tile/0/000.p/1")]
    [InlineData("audit/heads/tile/entries/000.p/1")]
    [InlineData("audit/export")]
    [InlineData("audit/log")]
    [InlineData("audit/log/checkpoint")]
    [InlineData("audit/log/tile/0/000.p/1")]
    [InlineData("audit/log/tile/entries/000.p/1")]
    public async Task Who_may_not_read_the_log_finds_none(string path)
    {
        await WriteAsync("a", 1);
        Assert.Equal(404, (await server.SendAsync("a", "GET", path, role: "viewer")).Status);
        Assert.Equal(200, (await server.SendAsync("a", "GET", path)).Status);
    }

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;

    private static IEnumerable<string> Texts(JsonElement array) => array.EnumerateArray().Select(item => item.GetString()!);

    private async Task<JsonElement> LogAsync(string query) =>
        JsonDocument.Parse((await server.SendAsync("b", "GET", $"audit/log{query}")).Is(200).Text).RootElement;

    private async Task<string> SplitAsync(string one, string other, string[] proof, int expected)
    {
        var folder = Directory.CreateTempSubdirectory("bh-log-");
        try
        {
            var files = new[] { "one", "other", "proof" }.Select(name => Path.Combine(folder.FullName, name)).ToArray();
            await File.WriteAllTextAsync(files[0], one);
            await File.WriteAllTextAsync(files[1], other);
            await File.WriteAllLinesAsync(files[2], proof);
            var (code, output) = await RunVerifierAsync($"split {files[0]} {files[1]} --log {Keys.Find(server.Tenants["b"].Id)} --proof {files[2]}");
            Assert.True(code == expected, output);
            return output;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
