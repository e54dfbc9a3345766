using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Http;
using Bulkhead.Tests.System.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Audit;

/// <summary>What the database's owner does to a sealed log is found by the running program, named, and told until it is undone.</summary>
public sealed class GapTests(GapServer program) : IClassFixture<GapServer>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task One_byte_that_was_edited_is_found_named_and_told_until_it_is_undone(IsolationKind kind)
    {
        var log = await LogAsync(kind);
        const string flip = "overlay(body placing case when substr(body, 20, 1) = 'x' then 'y' else 'x' end from 20 for 1)";
        var id = await log.EntryAsync(1);
        var body = await log.ScalarAsync<string>($"select body from {log.Core}.audit_entry where id = '{id}'");
        await log.RunAsync($"update {log.Core}.audit_entry set body = {flip} where id = '{id}'");
        await FoundAsync(log, "entry-changed", 1, 2);
        await TellsAsync(log, "audit.gap", "entry-changed", "1");

        await log.RunAsync($"update {log.Core}.audit_entry set body = '{body!.Replace("'", "''", StringComparison.Ordinal)}' where id = '{id}'");
        await UndoneAsync(log);
        await TellsAsync(log, "audit.gap.resolved", "entry-changed", "1");
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task An_entry_that_was_deleted_is_found(IsolationKind kind)
    {
        var log = await LogAsync(kind);
        var id = await log.EntryAsync(2);
        await log.RunAsync($"create table kept as select * from {log.Core}.audit_entry where id = '{id}'");
        await log.RunAsync($"delete from {log.Core}.audit_entry where id = '{id}'");
        await FoundAsync(log, "entry-missing", 2, 3);
        await log.RunAsync($"insert into {log.Core}.audit_entry select * from kept");
        await log.RunAsync("drop table kept");
        await UndoneAsync(log);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Two_entries_whose_positions_were_exchanged_are_found(IsolationKind kind)
    {
        var log = await LogAsync(kind);
        await SwapAsync();
        await FoundAsync(log, "entry-moved", 0, 1);
        await FoundAsync(log, "entry-moved", 3, 4);
        await SwapAsync();
        await UndoneAsync(log);

        async Task SwapAsync()
        {
            var (first, second) = (await log.EntryAsync(0), await log.EntryAsync(3));
            await log.RunAsync(
                $"update {log.Core}.audit_leaf set entry_id = '{Guid.Empty}' where entry_id = '{first}'",
                $"update {log.Core}.audit_leaf set entry_id = '{first}' where entry_id = '{second}'",
                $"update {log.Core}.audit_leaf set entry_id = '{second}' where entry_id = '{Guid.Empty}' and tenant_id = '{log.Tenant}'");
        }
    }

    [Fact]
    public async Task A_position_that_was_taken_out_an_entry_written_in_later_a_tile_a_checkpoint_and_a_log_that_was_cut_off_are_found()
    {
        var log = await LogAsync(IsolationKind.Shared);
        await log.RunAsync($"create table kept as select * from {log.Core}.audit_leaf where tenant_id = '{log.Tenant}' and position = 2");
        await log.RunAsync($"delete from {log.Core}.audit_leaf where tenant_id = '{log.Tenant}' and position = 2");
        await FoundAsync(log, "entry-missing", 2, 3);
        await log.RunAsync($"insert into {log.Core}.audit_leaf select * from kept", "drop table kept");
        await UndoneAsync(log);

        var forged = Guid.CreateVersion7();
        await log.RunAsync($"""
            insert into {log.Core}.audit_entry (tenant_id, id, xid, at, actor, action, result, body)
            values ('{log.Tenant}', '{forged}', '5', now(), 'nobody', 'data.read', 'ok', '{"{}"}')
            """);
        var gap = await FoundAsync(log, "entry-forged", null, null);
        Assert.Equal(forged, gap.GetProperty("entry").GetGuid());
        await log.RunAsync($"delete from {log.Core}.audit_entry where id = '{forged}'");

        await log.RunAsync($"update {log.Core}.audit_tile set hashes = set_byte(hashes, 33, get_byte(hashes, 33) # 1) where tenant_id = '{log.Tenant}' and level = 0 and index = 0");
        await FoundAsync(log, "tree-changed", 1, 2);
        await log.RunAsync($"update {log.Core}.audit_tile set hashes = set_byte(hashes, 33, get_byte(hashes, 33) # 1) where tenant_id = '{log.Tenant}' and level = 0 and index = 0");
        await UndoneAsync(log);

        // Nothing is sealed meanwhile: the sealer would sign the next checkpoint over it.
        await log.RunAsync(
            $"lock table {log.Core}.audit_tree in exclusive mode",
            $"create table kept as select * from {log.Core}.audit_tree where tenant_id = '{log.Tenant}'",
            $"""
            update {log.Core}.audit_tree set cursor_xid = '18446744073709551615',
            checkpoint = overlay(checkpoint placing 'x' from length(checkpoint) - 6 for 1) where tenant_id = '{log.Tenant}'
            """);
        await FoundAsync(log, "checkpoint-changed", 0, null);
        await log.RunAsync($"""
            update {log.Core}.audit_tree set size = 0, frontier = '', checkpoint = '' where tenant_id = '{log.Tenant}'
            """);
        await FoundAsync(log, "history-changed", 0, null);
        await log.RunAsync(
            $"delete from {log.Core}.audit_tree where tenant_id = '{log.Tenant}'",
            $"insert into {log.Core}.audit_tree select * from kept",
            "drop table kept");
        await UndoneAsync(log);
    }

    [Fact]
    public async Task What_stands_beside_an_entry_for_whoever_searches_is_compared_with_what_the_entry_says()
    {
        var log = await LogAsync(IsolationKind.Shared);
        var id = await log.EntryAsync(3);
        foreach (var edit in new[]
        {
            "at = at + interval '1 microsecond'", "actor = actor || 'x'", "action = 'data.hidden'", "entity = coalesce(entity, '') || 'x'",
            "result = 'denied'", "record = gen_random_uuid()",
        })
        {
            await log.RunAsync(
                $"create table kept as select * from {log.Core}.audit_entry where id = '{id}'",
                $"update {log.Core}.audit_entry set {edit} where id = '{id}'");
            await FoundAsync(log, "index-changed", 3, 4);
            await log.RunAsync(
                $"delete from {log.Core}.audit_entry where id = '{id}'",
                $"insert into {log.Core}.audit_entry select * from kept",
                "drop table kept");
            await UndoneAsync(log);
        }
    }

    [Fact]
    public async Task What_opens_and_discloses_entries_and_names_their_records_is_missed()
    {
        var log = await LogAsync(IsolationKind.Schema);
        foreach (var name in new[] { "Ada", "Eve" })
        {
            var patient = $$"""{"id":"{{Guid.NewGuid()}}","firstName":"{{name}}","lastName":"Gap","birthDate":"1980-02-29","gender":"F","ssn":"{{Random.Shared.NextInt64(1_000_000_000)}}"}""";
            (await program.Server.CallAsync("POST", log.Slug, "patients", "admin", patient)).Is(HttpStatusCode.Created);
        }

        (await program.Server.CallAsync("GET", log.Slug, "patients?limit=3", "clinician")).Is(HttpStatusCode.OK);
        (await program.Server.CallAsync("GET", log.Slug, "audit/export", "auditor")).Is(HttpStatusCode.OK);
        (string, string)[] tables =
            [("audit_opening", "opening-missing"), ("audit_disclosure", "disclosure-missing"), ("audit_record", "index-changed")];
        foreach (var (table, kind) in tables)
        {
            var (position, rows) = await SealedWithAsync(log, table);
            await log.RunAsync($"create table kept as select * from {rows}", $"delete from {rows}");
            await FoundAsync(log, kind, position, position + 1);
            await log.RunAsync($"insert into {log.Core}.{table} select * from kept", "drop table kept");
            await UndoneAsync(log);
        }
    }

    /// <summary>The last sealed position with rows in a table, and the rows.</summary>
    private static async Task<(long Position, string Rows)> SealedWithAsync(OwnersLog log, string table)
    {
        var entry = table == "audit_record" ? "entry_id" : "id";
        var since = Stopwatch.StartNew();
        while (true)
        {
            var position = await log.ScalarAsync<long?>($"""
                select max(l.position) from {log.Core}.audit_leaf l join {log.Core}.{table} t on t.tenant_id = l.tenant_id and t.{entry} = l.entry_id
                where l.tenant_id = '{log.Tenant}'
                """);
            if (position is { } found)
            {
                return (found, $"{log.Core}.{table} where tenant_id = '{log.Tenant}' and {entry} = '{await log.EntryAsync(found)}'");
            }

            Assert.True(since.Elapsed < Patience, $"nothing in {table}");
            await Task.Delay(50);
        }
    }

    [Fact]
    public async Task The_command_and_the_readiness_tell_it()
    {
        var log = await LogAsync(IsolationKind.Database);
        Assert.Equal(0, (await CommandAsync()).ExitCode);
        await log.RunAsync($"update {log.Core}.audit_entry set action = action, body = body || ' ' where id = '{await log.EntryAsync(4)}'");
        await FoundAsync(log, "entry-changed", 4, 5);
        var (code, text) = await CommandAsync();
        Assert.Equal(1, code);
        Assert.Contains("ALERT", text, StringComparison.Ordinal);
        Assert.Contains(log.Slug, text, StringComparison.Ordinal);
        Assert.Contains("entry-changed", text, StringComparison.Ordinal);
        var health = await program.Server.SendAsync(HttpMethod.Get, "/health", null);
        Assert.Equal("audit-gap", health.Is(HttpStatusCode.OK).Json.GetProperty("alerts")[0].GetString());
        await log.RunAsync($"update {log.Core}.audit_entry set body = rtrim(body) where id = '{await log.EntryAsync(4)}'");
        await UndoneAsync(log);
        Assert.False((await program.Server.SendAsync(HttpMethod.Get, "/health", null)).Json.TryGetProperty("alerts", out _));
        Assert.Equal(0, (await CommandAsync()).ExitCode);
    }

    [Fact]
    public async Task A_log_that_is_not_being_sealed_is_told_by_status_and_readiness()
    {
        var log = await LogAsync(IsolationKind.Schema);
        await using (await log.HoldAsync())
        {
            await program.Server.CallAsync("GET", log.Slug, "patients?limit=1", "clinician");
            await AlertsAsync(["audit-unsealed"]);
            var (code, text) = await CommandAsync();
            Assert.Equal(1, code);
            Assert.Contains("ALERT: audit logs are not being sealed", text, StringComparison.Ordinal);
            Assert.Contains(log.Slug, text, StringComparison.Ordinal);
        }

        await AlertsAsync([]);

        async Task AlertsAsync(string[] wanted)
        {
            var since = Stopwatch.StartNew();
            while (true)
            {
                var health = (await program.Server.SendAsync(HttpMethod.Get, "/health", null)).Is(HttpStatusCode.OK).Json;
                string[] alerts = health.TryGetProperty("alerts", out var given) ? [.. given.EnumerateArray().Select(a => a.GetString()!)] : [];
                if (alerts.SequenceEqual(wanted))
                {
                    return;
                }

                Assert.True(since.Elapsed < Patience, $"alerts: {string.Join(", ", alerts)}");
                await Task.Delay(100);
            }
        }
    }

    private static readonly Dictionary<string, string> Operator = new()
    {
        ["BULKHEAD_CLIENT_ID"] = "operator", ["BULKHEAD_CLIENT_SECRET"] = "operator-secret",
    };

    private async Task<(int ExitCode, string Text)> CommandAsync()
    {
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList =
            {
                typeof(Bulkhead.Host.Serve).Assembly.Location, "status",
            },
            RedirectStandardOutput = true,
            Environment = { ["BULKHEAD_URL"] = program.Server.Url },
        };
        foreach (var (name, value) in Operator)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, text);
    }

    /// <summary>A log of its own test with some entries, all of them sealed.</summary>
    private async Task<OwnersLog> LogAsync(IsolationKind kind)
    {
        var slug = Server.A(kind);
        for (var i = 0; i < 5; i++)
        {
            (await program.Server.CallAsync("GET", slug, "patients?limit=1", "clinician")).Is(HttpStatusCode.OK);
        }

        var tenant = program.Server.Services.GetRequiredService<Catalogue>().Current.BySlug[slug];
        var log = new OwnersLog(program.Server.Cluster, tenant);
        var since = Stopwatch.StartNew();
        while (await log.ScalarAsync<long>($"select size from {log.Core}.audit_tree where tenant_id = '{log.Tenant}'") < 6)
        {
            Assert.True(since.Elapsed < Patience, "not sealed");
            await Task.Delay(50);
        }

        return log;
    }

    private async Task<List<JsonElement>> GapsAsync(OwnersLog log)
    {
        var status = await program.Server.SendAsync(HttpMethod.Get, "/operator/v1/status", program.Server.OperatorToken);
        return [.. status.Is(HttpStatusCode.OK).Json.GetProperty("auditGaps").EnumerateArray()
            .Where(g => g.GetProperty("tenant").GetString() == log.Slug)];
    }

    private async Task<JsonElement> FoundAsync(OwnersLog log, string kind, long? from, long? to)
    {
        var since = Stopwatch.StartNew();
        while (true)
        {
            var gaps = await GapsAsync(log);
            var found = gaps.FirstOrDefault(g => g.GetProperty("kind").GetString() == kind
                && (from is null || g.GetProperty("from").GetInt64() == from) && (to is null || g.GetProperty("to").GetInt64() == to));
            if (found.ValueKind == JsonValueKind.Object)
            {
                return found;
            }

            Assert.True(since.Elapsed < Patience, $"{kind} is not told, but: {string.Join(", ", gaps)}");
            await Task.Delay(100);
        }
    }

    private async Task UndoneAsync(OwnersLog log)
    {
        var since = Stopwatch.StartNew();
        while ((await GapsAsync(log)) is { Count: > 0 } gaps)
        {
            Assert.True(since.Elapsed < Patience, $"still told: {string.Join(", ", gaps)}");
            await Task.Delay(100);
        }
    }

    private static async Task TellsAsync(OwnersLog log, string action, string kind, string from)
    {
        var since = Stopwatch.StartNew();
        while (await log.ScalarAsync<long>($"""
            select count(*) from {log.Core}.audit_entry where tenant_id = '{log.Tenant}' and action = '{action}'
            and body::json #>> '{"{details,kind}"}' = '{kind}' and body::json #>> '{"{details,from}"}' = '{from}'
            """) == 0)
        {
            Assert.True(since.Elapsed < Patience, $"no entry {action}");
            await Task.Delay(100);
        }
    }

    /// <summary>The log as the database's owner has it.</summary>
    private sealed class OwnersLog(PostgresCluster cluster, TenantEntry tenant)
    {
        public string Slug => tenant.Slug;

        public TenantId Tenant => tenant.Id;

        public string Core { get; } = tenant.Placement.Unit.CoreSchema.Quoted;

        public async Task<Guid> EntryAsync(long position) => await ScalarAsync<Guid>(
            $"select entry_id from {Core}.audit_leaf where tenant_id = '{Tenant}' and position = {position}");

        /// <summary>All of it or none.</summary>
        public async Task RunAsync(params string[] statements)
        {
            await using var connection = await OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            foreach (var statement in statements)
            {
                await using var command = new NpgsqlCommand(statement, connection);
                await command.ExecuteNonQueryAsync();
            }

            await transaction.CommitAsync();
        }

        /// <summary>A transaction that somebody forgot, until it is disposed of.</summary>
        public async Task<NpgsqlConnection> HoldAsync()
        {
            var connection = await OpenAsync();
            foreach (var statement in new[] { "begin", "select pg_current_xact_id()" })
            {
                await using var command = new NpgsqlCommand(statement, connection);
                await command.ExecuteNonQueryAsync();
            }

            return connection;
        }

        public async Task<T?> ScalarAsync<T>(string sql)
        {
            await using var connection = await OpenAsync();
            await using var command = new NpgsqlCommand(sql, connection);
            return await command.ExecuteScalarAsync() is T value ? value : default;
        }

        private async Task<NpgsqlConnection> OpenAsync()
        {
            var connection = new NpgsqlConnection(cluster.ConnectionString(tenant.Placement.Unit.Database) + ";Pooling=false");
            await connection.OpenAsync();
            return connection;
        }
    }
}

/// <summary>The program as it is, which walks its logs twice a second.</summary>
public sealed class GapServer : IAsyncLifetime
{
    internal Server Server { get; } = new(options => options with
    {
        AuditSweep = TimeSpan.FromMilliseconds(500), AuditSweepRate = 1_000_000, AuditSealing = TimeSpan.FromMilliseconds(50),
        AuditSealingAlert = TimeSpan.FromSeconds(3),
    });

    public Task InitializeAsync() => Server.InitializeAsync();

    public async Task DisposeAsync()
    {
        await Server.DisposeAsync();
        Server.Dispose();
    }
}
