using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Http;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Audit;

/// <summary>What the database's owner does to the log of heads, and to the sweep itself, is found by the running program, and told.</summary>
public sealed class HeadGapTests(GapServer program) : IClassFixture<GapServer>
{
    private const long Edited = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Each with what undoes it, and whether the row says whose head it is.</summary>
    public static TheoryData<string, string, bool> Edits => new()
    {
        {
            "update control.head set leaf = overlay(leaf placing set_byte('\\x00', 0, get_byte(leaf, 79) # 1) from 80 for 1) where position = 3",
            "update control.head set leaf = overlay(leaf placing set_byte('\\x00', 0, get_byte(leaf, 79) # 1) from 80 for 1) where position = 3", true
        },
        {
            "update control.head set note = overlay(note placing 'x' from length(note) - 6 for 1) where position = 3",
            "update control.head h set note = k.note from kept k where h.position = 3 and k.position = 3", true
        },
        { "update control.head set size = 0 where position = 3", "update control.head h set size = k.size from kept k where h.position = 3 and k.position = 3", true },
        { "delete from control.head where position = 3", "insert into control.head select * from kept where position = 3", false },
        {
            "update control.head_tile set hashes = set_byte(hashes, 100, get_byte(hashes, 100) # 1) where level = 0 and index = 0",
            "update control.head_tile set hashes = set_byte(hashes, 100, get_byte(hashes, 100) # 1) where level = 0 and index = 0", false
        },
        {
            "update control.head_tree set note = replace(note, 'bulkhead-heads', 'bulkhead-tails')",
            "update control.head_tree set note = replace(note, 'bulkhead-tails', 'bulkhead-heads')", false
        },
        {
            "update control.head_tree set frontier = set_byte(frontier, 0, get_byte(frontier, 0) # 1)",
            "update control.head_tree set frontier = set_byte(frontier, 0, get_byte(frontier, 0) # 1)", false
        },
        {
            "insert into control.head select 1000000, tenant_id, 0, leaf, note from control.head where position = 3",
            "delete from control.head where position = 1000000", true
        },
        {
            "insert into control.cosigned select 4, note from control.head_tree",
            "delete from control.cosigned", false
        },
    };

    [Theory, MemberData(nameof(Edits))]
    public async Task What_is_edited_in_the_log_of_heads_is_found_named_and_told_until_it_is_undone(string edit, string undo, bool isNamed)
    {
        await HeadsAsync();
        var owner = await ScalarAsync<Guid>($"select tenant_id from control.head where position = {Edited}");
        var tenants = program.Server.Services.GetRequiredService<Catalogue>().Current.Tenants;
        await RunAsync("create table kept as select * from control.head", edit);
        var gap = await FoundAsync();
        Assert.Equal(isNamed ? tenants[new(owner)].Slug : null, gap.GetProperty("tenant").GetString());
        var (from, to) = (gap.GetProperty("from").GetInt64(), gap.GetProperty("to").GetInt64());
        Assert.True(edit.Contains("1000000", StringComparison.Ordinal) ? (from, to) == (1_000_000, 1_000_001) : from <= Edited && to > Edited, $"{gap}");
        if (edit.Contains("position = 3", StringComparison.Ordinal) && !edit.Contains("1000000", StringComparison.Ordinal))
        {
            Assert.Equal((Edited, Edited + 1), (from, to));
        }

        var health = await program.Server.SendAsync(HttpMethod.Get, "/health", null);
        Assert.Contains("audit-gap", health.Is(HttpStatusCode.OK).Text, StringComparison.Ordinal);
        await RunAsync(undo, "drop table kept");
        await UntilAsync(async () => (await GapsAsync()).Count == 0, "still told");
    }

    [Fact]
    public async Task The_log_of_the_tenant_whose_head_was_changed_tells_it()
    {
        await HeadsAsync();
        var owner = await ScalarAsync<Guid>($"select tenant_id from control.head where position = {Edited}");
        var tenant = program.Server.Services.GetRequiredService<Catalogue>().Current.Tenants[new(owner)];
        await RunAsync("create table kept as select * from control.head", "update control.head set size = size - 1 where position = 3");
        await FoundAsync();
        await RunAsync("update control.head h set size = k.size from kept k where h.position = 3 and k.position = 3", "drop table kept");
        await UntilAsync(async () => (await GapsAsync()).Count == 0, "still told");
        foreach (var action in new[] { "audit.gap", "audit.gap.resolved" })
        {
            await UntilAsync(
                async () => await ScalarAsync<long>(
                    $"""
                    select count(*) from {tenant.Placement.Unit.CoreSchema.Quoted}.audit_entry where tenant_id = '{owner}' and action = '{action}'
                    and body::json #>> '{"{details,kind}"}' = 'heads-changed'
                    """,
                    tenant.Placement.Unit.Database) > 0,
                $"no entry {action}");
        }
    }

    [Fact]
    public async Task Whoever_holds_the_lease_of_the_sweep_for_ever_does_not_silence_it()
    {
        await HeadsAsync();
        using var stop = new CancellationTokenSource();
        var holding = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await RunAsync("""
                    insert into control.duty values ('audit sweep', gen_random_uuid(), now() + interval '15 seconds')
                    on conflict (name) do update set holder = excluded.holder, until = excluded.until
                    """);
                await Task.Delay(100);
            }
        });
        try
        {
            await Task.Delay(1_000);
            await RunAsync("create table kept as select * from control.head", "update control.head set size = 0 where position = 3");
            await FoundAsync();
        }
        finally
        {
            await stop.CancelAsync();
            await holding;
        }

        await RunAsync(
            "update control.head h set size = k.size from kept k where h.position = 3 and k.position = 3", "drop table kept",
            "delete from control.duty where name = 'audit sweep'");
        await UntilAsync(async () => (await GapsAsync()).Count == 0, "still told");
    }

    [Fact]
    public async Task A_sweep_whose_walks_do_not_end_is_an_alert()
    {
        await using (var connection = await OpenAsync())
        {
            await using var held = await connection.BeginTransactionAsync();
            await using var command = new NpgsqlCommand("lock table control.audit_sweep in exclusive mode", connection);
            await command.ExecuteNonQueryAsync();
            await UntilAsync(() => AlertsAsync(true), "no alert");
            var status = await program.Server.SendAsync(HttpMethod.Get, "/operator/v1/status", program.Server.OperatorToken);
            Assert.Equal(JsonValueKind.String, status.Is(HttpStatusCode.OK).Json.GetProperty("auditSweepOverdue").ValueKind);
        }

        await UntilAsync(() => AlertsAsync(false), "still an alert");
    }

    [Fact]
    public async Task A_sweep_that_cannot_read_a_log_is_an_alert()
    {
        var tenant = program.Server.Services.GetRequiredService<Catalogue>().Current.BySlug[Server.B(IsolationKind.Database)];
        var (database, core) = (tenant.Placement.Unit.Database, tenant.Placement.Unit.CoreSchema.Quoted);
        await RunInAsync(database, $"alter table {core}.audit_expired rename to hidden");
        await UntilAsync(() => AlertsAsync(true), "no alert");
        await RunInAsync(database, $"alter table {core}.hidden rename to audit_expired");
        await UntilAsync(() => AlertsAsync(false), "still an alert");
    }

    private async Task<bool> AlertsAsync(bool wanted) =>
        (await program.Server.SendAsync(HttpMethod.Get, "/health", null)).Is(HttpStatusCode.OK).Text
        .Contains("audit-sweep", StringComparison.Ordinal) == wanted;

    /// <summary>Enough of them, and no alert of what another test did.</summary>
    private async Task HeadsAsync()
    {
        var slug = Server.A(IsolationKind.Shared);
        await UntilAsync(
            async () =>
            {
                (await program.Server.CallAsync("GET", slug, "patients?limit=1", "clinician")).Is(HttpStatusCode.OK);
                return await ScalarAsync<long>("select coalesce(max(size), 0) from control.head_tree") > Edited + 3;
            },
            "no heads");
        await UntilAsync(async () => (await GapsAsync()).Count == 0, "still told");
    }

    private async Task<List<JsonElement>> GapsAsync()
    {
        var status = await program.Server.SendAsync(HttpMethod.Get, "/operator/v1/status", program.Server.OperatorToken);
        return [.. status.Is(HttpStatusCode.OK).Json.GetProperty("auditGaps").EnumerateArray()
            .Where(gap => gap.GetProperty("kind").GetString() == "heads-changed")];
    }

    private async Task<JsonElement> FoundAsync()
    {
        var gaps = new List<JsonElement>();
        await UntilAsync(async () => (gaps = await GapsAsync()).Count > 0, "heads-changed is not told");
        return Assert.Single(gaps);
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo, string otherwise)
    {
        for (var since = Stopwatch.StartNew(); !await isSo(); await Task.Delay(100))
        {
            Assert.True(since.Elapsed < Patience, otherwise);
        }
    }

    /// <summary>All of it or none.</summary>
    private Task RunAsync(params string[] statements) => RunInAsync("bulkhead", statements);

    private async Task RunInAsync(string database, params string[] statements)
    {
        await using var connection = await OpenAsync(database);
        await using var transaction = await connection.BeginTransactionAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }

        await transaction.CommitAsync();
    }

    private async Task<T> ScalarAsync<T>(string sql, string? database = null)
    {
        await using var connection = await OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private async Task<NpgsqlConnection> OpenAsync(string? database = null)
    {
        var connection = new NpgsqlConnection(program.Server.Cluster.ConnectionString(database ?? "bulkhead") + ";Pooling=false");
        await connection.OpenAsync();
        return connection;
    }
}
