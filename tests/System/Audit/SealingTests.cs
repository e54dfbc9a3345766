using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Tests.System.Data;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Audit;

/// <summary>Every entry gets a position, in order and without gap, whoever writes, waits or dies meanwhile; and the tree is that of the entries.</summary>
public sealed class SealingTests(SealingServer server) : IClassFixture<SealingServer>
{
    public static TheoryData<string> Tenants => ["a", "b", "c"];

    [Theory, MemberData(nameof(Tenants))]
    public async Task Entries_are_sealed_in_order_and_the_checkpoint_is_signed_over_their_tree(string tenant)
    {
        for (var i = 0; i < 20; i++)
        {
            (await server.SendAsync(tenant, "POST", "cities", $$"""{"name":"{{tenant}}{{Guid.NewGuid():N}}"}""")).Is(201);
        }

        await SettleAsync(tenant);
        var checkpoint = await CheckAsync(tenant);
        Assert.True(checkpoint.Size >= 20);
        Assert.InRange(DateTimeOffset.UtcNow - checkpoint.At!.Value, TimeSpan.Zero, TimeSpan.FromMinutes(1));
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task Nothing_is_taken_before_an_older_transaction_that_is_still_open_and_all_of_it_within_a_second_after(string tenant)
    {
        await SettleAsync(tenant);
        var before = (await CheckAsync(tenant)).Size;
        await using var owner = await OwnerAsync(tenant);
        await using (var open = await owner.BeginTransactionAsync())
        {
            await RunAsync(owner, "select pg_current_xact_id()");
            (await server.SendAsync(tenant, "POST", "cities", $$"""{"name":"late {{Guid.NewGuid():N}}"}""")).Is(201);
            await Task.Delay(800);
            Assert.Equal(before, (await CheckAsync(tenant)).Size);
            await open.RollbackAsync();
        }

        var ended = DateTimeOffset.UtcNow;
        while ((await CheckAsync(tenant)).Size == before)
        {
            Assert.True(DateTimeOffset.UtcNow - ended < TimeSpan.FromSeconds(10), "not sealed");
            await Task.Delay(50);
        }
    }

    [Fact]
    public async Task Many_sealers_and_many_writers_leave_no_gap_no_double_and_no_reordering()
    {
        var sealing = server.Services.GetRequiredService<AuditSealing>();
        using var stop = new CancellationTokenSource();
        var sealers = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await sealing.SealAsync(default);
            }
        })).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async n =>
        {
            var tenant = "abc"[n % 3].ToString();
            for (var i = 0; i < 60; i++)
            {
                (await server.SendAsync(tenant, "POST", "cities", $$"""{"name":"many {{Guid.NewGuid():N}}"}""")).Is(201);
            }
        }));
        await stop.CancelAsync();
        await Task.WhenAll(sealers);
        foreach (var tenant in new[] { "a", "b", "c" })
        {
            await SettleAsync(tenant);
            await CheckAsync(tenant);
        }
    }

    [Fact]
    public async Task A_sealer_that_is_killed_again_and_again_leaves_no_gap()
    {
        using var stop = new CancellationTokenSource();
        var writer = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                (await server.SendAsync("a", "POST", "cities", $$"""{"name":"killed {{Guid.NewGuid():N}}"}""")).Is(201);
            }
        });
        await using (var killer = new NpgsqlConnection(server.Cluster.ConnectionString("postgres") + ";Pooling=false"))
        {
            await killer.OpenAsync();
            for (var i = 0; i < Times; i++)
            {
                await Task.Delay(Random.Shared.Next(5, 120));
                await RunAsync(
                    killer, "select pg_terminate_backend(pid) from pg_stat_activity where usename like '%\\_sealer' and state <> 'idle'");
            }
        }

        await stop.CancelAsync();
        await writer;
        await SettleAsync("a");
        await CheckAsync("a");
    }

    [Fact]
    public async Task The_heads_of_all_tenants_are_leaves_of_one_log_with_one_history_each()
    {
        foreach (var tenant in new[] { "a", "b", "c" })
        {
            (await server.SendAsync(tenant, "POST", "cities", $$"""{"name":"head {{Guid.NewGuid():N}}"}""")).Is(201);
            await SettleAsync(tenant);
        }

        await using var control = await ConnectAsync("bulkhead");
        var keys = server.Services.GetRequiredService<LogKeys>();
        for (var i = 0; ; i++)
        {
            var leaves = new List<byte[]>();
            await EachAsync(control, "select leaf, position from control.head order by position", row =>
            {
                Assert.Equal(leaves.Count, row.GetInt64(1));
                leaves.Add((byte[])row[0]);
            });
            var note = "";
            await EachAsync(control, "select note from control.head_tree", row => note = row.GetString(0));
            var signed = SignedNote.Parse(note)!;
            var checkpoint = Checkpoint.Parse(signed.Text)!;
            if (checkpoint.Size != leaves.Count)
            {
                // Grown between the two reads.
                Assert.True(i < 20);
                continue;
            }

            Assert.True(signed.IsSignedBy(keys.Find(null)!, out _));
            var frontier = new MerkleFrontier();
            leaves.ForEach(leaf => frontier.Append(MerkleTree.LeafHash(leaf)));
            Assert.Equal(frontier.Root(), checkpoint.Root);
            foreach (var tenant in new[] { "a", "b", "c" })
            {
                var own = await CheckAsync(tenant);
                var label = HeadLog.LabelOf(LogKeys.OriginOf(server.Tenants[tenant].Id));
                Assert.Contains(leaves, leaf => leaf.AsSpan(0, 32).SequenceEqual(label) && leaf.AsSpan(40, 32).SequenceEqual(own.Root));
            }

            break;
        }
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task The_apps_role_grows_no_log_and_the_sealers_role_writes_no_entry(string tenant)
    {
        var unit = server.Tenants[tenant].Placement.Unit;
        await using var owner = await OwnerAsync(tenant);
        foreach (var table in new[] { "audit_tree", "audit_leaf", "audit_tile" })
        {
            foreach (var right in new[] { "insert", "update", "delete", "truncate" })
            {
                await EachAsync(
                    owner,
                    $"select has_table_privilege('bulkhead_tenants', '{unit.CoreSchema.Quoted}.{table}', '{right}')",
                    row => Assert.False(row.GetBoolean(0), $"{table} {right}"));
            }
        }

        foreach (var right in new[] { "insert", "update", "delete", "truncate" })
        {
            await EachAsync(
                owner,
                $"select has_table_privilege('bulkhead_sealer', '{unit.CoreSchema.Quoted}.audit_entry', '{right}')",
                row => Assert.False(row.GetBoolean(0), right));
        }

        await EachAsync(
            owner,
            $"select has_any_column_privilege('bulkhead_sealer', c.oid, 'select') from pg_class c where c.relnamespace = '{unit.AppSchema.Quoted}'::regnamespace and c.relkind = 'r'",
            row => Assert.False(row.GetBoolean(0)));
    }

    private static int Times => Environment.GetEnvironmentVariable("BULKHEAD_TIER") == "soak" ? 1000 : 30;

    private static async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task EachAsync(NpgsqlConnection connection, string sql, Action<NpgsqlDataReader> row)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            row(reader);
        }
    }

    private async Task<NpgsqlConnection> ConnectAsync(string database)
    {
        var connection = new NpgsqlConnection(server.Cluster.ConnectionString(database) + ";Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    private Task<NpgsqlConnection> OwnerAsync(string tenant) => ConnectAsync(server.Tenants[tenant].Placement.Unit.Database);

    /// <summary>Until every entry of the tenant has its position.</summary>
    private async Task SettleAsync(string tenant)
    {
        await using var owner = await OwnerAsync(tenant);
        var core = server.Tenants[tenant].Placement.Unit.CoreSchema.Quoted;
        for (var i = 0; ; i++)
        {
            var left = 0L;
            await EachAsync(
                owner,
                $"""
                select count(*) from {core}.audit_entry e where tenant_id = '{server.Tenants[tenant].Id}' and not exists (
                    select 1 from {core}.audit_leaf l where l.tenant_id = e.tenant_id and l.entry_id = e.id)
                """,
                row => left = row.GetInt64(0));
            if (left == 0)
            {
                return;
            }

            Assert.True(i < 600, $"{left} entries are not sealed");
            await Task.Delay(50);
        }
    }

    /// <summary>Looks at the log as a stranger would: positions, order, hashes, tiles and signature.</summary>
    private async Task<Checkpoint> CheckAsync(string tenant)
    {
        await using var owner = await OwnerAsync(tenant);
        await using var transaction = await owner.BeginTransactionAsync(global::System.Data.IsolationLevel.RepeatableRead);
        var id = server.Tenants[tenant].Id;
        var core = server.Tenants[tenant].Placement.Unit.CoreSchema.Quoted;
        var note = "";
        await EachAsync(owner, $"select checkpoint from {core}.audit_tree where tenant_id = '{id}'", row => note = row.GetString(0));
        var signed = SignedNote.Parse(note)!;
        Assert.True(signed.IsSignedBy(server.Services.GetRequiredService<LogKeys>().Find(id)!, out _));
        var checkpoint = Checkpoint.Parse(signed.Text)!;
        var frontier = new MerkleFrontier();
        var last = (0UL, Guid.Empty);
        await EachAsync(
            owner,
            $"""
            select l.position, e.xid::text::numeric::bigint, e.id, e.body, e.commitments from {core}.audit_leaf l
            left join {core}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id where l.tenant_id = '{id}' order by l.position
            """,
            row =>
            {
                Assert.Equal(frontier.Size, row.GetInt64(0));
                var here = ((ulong)row.GetInt64(1), row.GetGuid(2));
                Assert.True(last.CompareTo(here) < 0, "order");
                last = here;
                frontier.Append(MerkleTree.LeafHash(
                    [.. SHA256.HashData(Encoding.UTF8.GetBytes(row.GetString(3))), .. Encoding.UTF8.GetBytes(row.GetString(4))]));
            });
        Assert.Equal(checkpoint.Size, frontier.Size);
        Assert.Equal(checkpoint.Root, frontier.Root());
        var tiles = new Dictionary<(int, long), byte[]>();
        await EachAsync(
            owner,
            $"select level, index, hashes from {core}.audit_tile where tenant_id = '{id}'",
            row => tiles.Add((row.GetInt32(0), row.GetInt64(1)), (byte[])row[2]));
        Assert.Equal(checkpoint.Root, MerkleTree.Root(checkpoint.Size, Tiles.Reader(tiles)));
        return checkpoint;
    }
}

/// <summary>Seals often, in small batches.</summary>
public sealed class SealingServer() : DataServer(
    Manifest, options => options with { AuditSealing = TimeSpan.FromMilliseconds(50), AuditSealingBatch = 100 });
