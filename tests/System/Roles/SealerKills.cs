using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Audit;
using Bulkhead.Tests.System.Http;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Roles;

/// <summary>kill -9 of the process that seals, again and again, while entries are written in all three isolations.</summary>
public sealed class SealerKills(ServedAlone served) : IClassFixture<ServedAlone>
{
    private static readonly string[] Slugs = [.. Enum.GetValues<IsolationKind>().SelectMany(k => (string[])[Server.A(k), Server.B(k)])];

    private static int Times => Environment.GetEnvironmentVariable("BULKHEAD_TIER") == "soak" ? 1000 : 30;

    [Fact]
    public async Task Every_entry_has_one_position_in_an_order_that_never_changed_and_every_checkpoint_that_was_ever_seen_holds()
    {
        using var stop = new CancellationTokenSource();
        var writers = Slugs.Select(slug => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                (await served.Server.CallAsync("GET", slug, "patients?limit=1", "clinician")).Is(HttpStatusCode.OK);
                await Task.Delay(50);
            }
        })).ToArray();
        var seen = new HashSet<(string Log, string Note)>();
        var watcher = Task.Run(() => WatchAsync(seen, stop.Token));
        var grew = await KillAsync();
        await stop.CancelAsync();
        await Task.WhenAll(writers);
        await watcher;
        // Nearly each of them had sealed something when it died.
        Assert.True(grew >= Times * 2 / 3, $"the logs grew under {grew} of {Times} workers");

        using var last = await served.StartWorkerAsync();
        foreach (var slug in Slugs)
        {
            await SettleAsync(slug);
            await CheckAsync(slug, seen);
        }

        await CheckHeadsAsync(seen);
        Assert.True(seen.Count > Times, $"{seen.Count} checkpoints seen");
        foreach (var slug in Slugs)
        {
            await VerifyAsync(slug);
        }
    }

    /// <summary>Others start while one works: several at once are as good as one.</summary>
    /// <returns>How many of them lived to see the logs grow.</returns>
    private async Task<int> KillAsync()
    {
        var grew = 0;
        var starting = new Queue<Task<WorkerProcess>>([served.StartWorkerAsync(), served.StartWorkerAsync()]);
        for (var i = 0; i < Times; i++)
        {
            using var worker = await starting.Dequeue();
            starting.Enqueue(served.StartWorkerAsync());
            var before = await SizeAsync();
            for (var waited = Stopwatch.StartNew(); await SizeAsync() == before && waited.ElapsedMilliseconds < 2_000;)
            {
                await Task.Delay(5);
            }

            grew += await SizeAsync() > before ? 1 : 0;
            await Task.Delay(RandomNumberGenerator.GetInt32(300));
            await worker.KillAsync();
        }

        foreach (var left in await Task.WhenAll(starting))
        {
            await left.KillAsync();
            left.Dispose();
        }

        return grew;
    }

    private async Task<long> SizeAsync()
    {
        var size = 0L;
        var tenant = served.Tenant(Server.A(IsolationKind.Shared));
        await EachAsync(
            tenant.Placement.Unit.Database,
            $"select coalesce(sum(size), 0)::bigint from {tenant.Placement.Unit.CoreSchema.Quoted}.audit_tree",
            row => size = row.GetInt64(0));
        return size;
    }

    private async Task WatchAsync(HashSet<(string, string)> seen, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            foreach (var slug in Slugs)
            {
                var tenant = served.Tenant(slug);
                await EachAsync(
                    tenant.Placement.Unit.Database,
                    $"select checkpoint from {tenant.Placement.Unit.CoreSchema.Quoted}.audit_tree where tenant_id = '{tenant.Id}' and size > 0",
                    row => seen.Add((slug, row.GetString(0))));
                await Task.Delay(5, CancellationToken.None);
            }

            await EachAsync("bulkhead", "select note from control.head_tree where size > 0", row => seen.Add(("", row.GetString(0))));
        }
    }

    private async Task SettleAsync(string slug)
    {
        for (var i = 0; await served.CountsAsync(slug) is var (entries, positions) && positions < entries; i++)
        {
            Assert.True(i < 200, $"{slug}: {entries - positions} entries are not sealed");
            await Task.Delay(50);
        }

        // And the head of all of it is in the log of heads.
        var (size, known) = (0L, -1L);
        for (var i = 0; known < size; i++)
        {
            Assert.True(i < 200, $"{slug}: the log of heads knows {known} of {size}");
            await Task.Delay(50);
            var tenant = served.Tenant(slug);
            await EachAsync(
                tenant.Placement.Unit.Database,
                $"select size from {tenant.Placement.Unit.CoreSchema.Quoted}.audit_tree where tenant_id = '{tenant.Id}'",
                row => size = row.GetInt64(0));
            await EachAsync(
                "bulkhead", $"select coalesce(max(size), 0) from control.head where tenant_id = '{tenant.Id}'", row => known = row.GetInt64(0));
        }
    }

    /// <summary>All entries have a position, dense, one each, in the order of commitment; and each checkpoint was of the beginning of them.</summary>
    private async Task CheckAsync(string slug, HashSet<(string Log, string Note)> seen)
    {
        var tenant = served.Tenant(slug);
        var core = tenant.Placement.Unit.CoreSchema.Quoted;
        var leaves = new List<byte[]>();
        var entries = new HashSet<Guid>();
        var before = (0UL, Guid.Empty);
        await EachAsync(
            tenant.Placement.Unit.Database,
            $"""
            select l.position, e.xid::text::numeric::bigint, e.id, e.body, e.commitments from {core}.audit_leaf l
            left join {core}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
            where l.tenant_id = '{tenant.Id}' order by l.position
            """,
            row =>
            {
                Assert.Equal(leaves.Count, row.GetInt64(0));
                var here = ((ulong)row.GetInt64(1), row.GetGuid(2));
                Assert.True(before.CompareTo(here) < 0, "order");
                Assert.True(entries.Add(row.GetGuid(2)), "double");
                before = here;
                leaves.Add(MerkleTree.LeafHash(
                    [.. SHA256.HashData(Encoding.UTF8.GetBytes(row.GetString(3))), .. Encoding.UTF8.GetBytes(row.GetString(4))]));
            });
        Assert.Equal((entries.Count, entries.Count), await served.CountsAsync(slug));
        var tiles = new Dictionary<(int, long), byte[]>();
        await EachAsync(
            tenant.Placement.Unit.Database,
            $"select level, index, hashes from {core}.audit_tile where tenant_id = '{tenant.Id}'",
            row => tiles.Add((row.GetInt32(0), row.GetInt64(1)), (byte[])row[2]));
        var root = Holds(leaves, [.. seen.Where(s => s.Log == slug).Select(s => s.Note)], Keys.Find(tenant.Id)!);
        Assert.Equal(root, MerkleTree.Root(leaves.Count, Tiles.Reader(tiles)));
    }

    private async Task CheckHeadsAsync(HashSet<(string Log, string Note)> seen)
    {
        var leaves = new List<byte[]>();
        await EachAsync("bulkhead", "select position, leaf from control.head order by position", row =>
        {
            Assert.Equal(leaves.Count, row.GetInt64(0));
            leaves.Add(MerkleTree.LeafHash((byte[])row[1]));
        });
        Holds(leaves, [.. seen.Where(s => s.Log.Length == 0).Select(s => s.Note)], Keys.Find(null)!);
    }

    /// <returns>The root over all leaves.</returns>
    private static byte[] Holds(List<byte[]> leaves, List<string> notes, NoteKey key)
    {
        var checkpoints = notes.ConvertAll(note =>
        {
            var signed = SignedNote.Parse(note)!;
            Assert.True(signed.IsSignedBy(key, out _));
            return Checkpoint.Parse(signed.Text)!;
        }).ToLookup(checkpoint => checkpoint.Size);
        var frontier = new MerkleFrontier();
        var compared = 0;
        foreach (var leaf in leaves)
        {
            frontier.Append(leaf);
            foreach (var checkpoint in checkpoints[frontier.Size])
            {
                Assert.Equal(frontier.Root(), checkpoint.Root);
                compared++;
            }
        }

        Assert.NotEqual(0, compared);
        Assert.Equal(notes.Count, compared);
        return frontier.Root();
    }

    private async Task VerifyAsync(string slug)
    {
        var export = await served.Server.CallAsync("GET", slug, "audit/export", "auditor");
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, export.Is(HttpStatusCode.OK).Text);
            var (code, output) = await LogChecks.RunVerifierAsync($"export {file} --log {Keys.Find(served.Tenant(slug).Id)}");
            Assert.True(code == 0, output);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private LogKeys Keys => served.Server.Services.GetRequiredService<LogKeys>();

    private async Task EachAsync(string database, string sql, Action<NpgsqlDataReader> row)
    {
        await using var owner = await served.OwnerAsync(database);
        await using var command = new NpgsqlCommand(sql, owner);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            row(reader);
        }
    }
}
