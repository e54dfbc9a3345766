using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Integrity;
using Bulkhead.Kernel.Audit.Retention;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Data;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Audit;

/// <summary>Entries go when their time has passed: not before the floor, not what is held, and every proof goes on to hold.</summary>
public sealed class RetentionTests : IAsyncLifetime
{
    private static readonly Actor Other = new(ActorKind.Service, "second-officer", ["admin"]);

    private readonly RetentionServer _server = new();

    public Task InitializeAsync() => _server.InitializeAsync();

    public Task DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Bodies_go_after_their_time_and_the_log_holds_without_them()
    {
        foreach (var tenant in new[] { "a", "b", "c" })
        {
            // Nothing is removed where the tenant chose nothing, and nobody may choose less than the floor.
            await WriteAsync(tenant, 10);
            Assert.Equal(422, (await _server.SendAsync(tenant, "PUT", "audit/retention", """{"keepDays":1}""")).Status);
            (await _server.SendAsync(tenant, "PUT", "audit/retention", """{"keepDays":3}""", role: "viewer")).Is(404);
            (await _server.SendAsync(tenant, "PUT", "audit/retention", """{"keepDays":3}""")).Is(200);
        }

        await ExpireAsync();
        foreach (var tenant in new[] { "a", "b", "c" })
        {
            Assert.Equal(0, (await StateAsync(tenant)).GetProperty("expired").GetInt64());
        }

        _server.Clock.Advance(TimeSpan.FromDays(4));
        await _server.SignInAsync();
        var counts = new Dictionary<string, int>();
        foreach (var tenant in new[] { "a", "b", "c" })
        {
            await WriteAsync(tenant, 5);
            counts[tenant] = await EntriesAsync(tenant);
        }

        await ExpireAsync();
        foreach (var (tenant, before) in counts)
        {
            var state = await StateAsync(tenant);
            var after = await EntriesAsync(tenant);
            Assert.InRange(state.GetProperty("expired").GetInt64(), 12, before - 5);
            Assert.True(after < before);

            var export = (await _server.SendAsync(tenant, "GET", "audit/export")).Is(200).Text;
            Assert.Equal(state.GetProperty("expired").GetInt64(), export.Split('\n').Count(l => l.Contains("\"expired\":true", StringComparison.Ordinal)));
            await HoldsAsync(export);

            // What discloses their values went with the bodies.
            var home = _server.Tenants[tenant].Placement.Unit;
            Assert.Equal(0L, await CountAsync(home, $"""
                select count(*) from {home.CoreSchema.Quoted}.audit_disclosure d where d.tenant_id = '{_server.Tenants[tenant].Id}'
                and not exists (select 1 from {home.CoreSchema.Quoted}.audit_entry e where e.tenant_id = d.tenant_id and e.id = d.id)
                """));

            // What was removed stays removed, and the sweep finds nothing missing.
            await SweepAsync();
            Assert.Empty(await GapsAsync());
            Assert.Contains(await _server.EntriesAsync(tenant), e => e.Contains("\"action\":\"audit.expire\"", StringComparison.Ordinal));
        }

        // The digest that is left is guarded as the body was.
        var unit = _server.Tenants["a"].Placement.Unit;
        await RunAsync(unit, $"update {unit.CoreSchema.Quoted}.audit_expired set digest = set_byte(digest, 0, get_byte(digest, 0) # 1) where position = 2 and tenant_id = '{_server.Tenants["a"].Id}'");
        await SweepAsync();
        var gap = Assert.Single(await GapsAsync());
        Assert.Equal(("entry-changed", 2L), (gap.Kind, gap.From));
    }

    [Fact]
    public async Task A_part_of_the_log_shows_the_entry_that_announced_what_expired_of_it_and_without_one_nothing_expired()
    {
        await WriteAsync("a", 5);
        (await _server.SendAsync("a", "PUT", "audit/retention", """{"keepDays":2}""")).Is(200);
        _server.Clock.Advance(TimeSpan.FromDays(3));
        await _server.SignInAsync();
        await ExpireAsync();
        var part = (await _server.SendAsync("a", "GET", "audit/export?from=0&to=2")).Is(200).Text;
        var line = JsonDocument.Parse(Assert.Single(part.Split('\n'), l => l.StartsWith("""{"type":"expiry",""", StringComparison.Ordinal)));
        Assert.Contains("\"audit.expire\"", line.RootElement.GetProperty("body").GetString(), StringComparison.Ordinal);
        Assert.Contains(
            "\"onBehalfOf\":{\"id\":\"a-admin\",\"kind\":\"service\"}", line.RootElement.GetProperty("body").GetString(), StringComparison.Ordinal);
        await HoldsAsync(part);

        // One that announced it stays for ever, also when its own time has passed.
        _server.Clock.Advance(TimeSpan.FromDays(10));
        await _server.SignInAsync();
        await ExpireAsync();
        var entries = await _server.EntriesAsync("a");
        Assert.True(entries.Count(e => e.Contains("\"action\":\"audit.expire\"", StringComparison.Ordinal)) >= 2);
        await HoldsAsync((await _server.SendAsync("a", "GET", "audit/export")).Is(200).Text);

        // The database's owner takes a sealed entry out, and says that it expired: with its own digest, so that the tree holds.
        await WriteAsync("a", 3);
        await ExpireAsync();
        var unit = _server.Tenants["a"].Placement.Unit;
        var position = await CountAsync(unit, $"select size - 1 from {unit.CoreSchema.Quoted}.audit_tree where tenant_id = '{_server.Tenants["a"].Id}'");
        await IsFoundAsync(position);
    }

    [Fact]
    public async Task What_is_held_among_what_expires_cannot_be_taken_out_as_expired()
    {
        await WriteAsync("a", 3);
        var record = (await _server.SendAsync("a", "POST", "cities", """{"name":"held"}""")).Is(201).Json.GetProperty("id").GetString()!;
        await WriteAsync("a", 3);
        (await _server.SendAsync("a", "PUT", "audit/retention", """{"keepDays":2}""")).Is(200);
        (await _server.SendAsync("a", "POST", "audit/holds", $$"""{"reason":"a lawsuit","record":"{{record}}"}""")).Is(201);
        _server.Clock.Advance(TimeSpan.FromDays(3));
        await _server.SignInAsync();
        await ExpireAsync();
        Assert.True((await StateAsync("a")).GetProperty("expired").GetInt64() >= 6);
        await SweepAsync();
        Assert.Empty(await GapsAsync());
        await HoldsAsync((await _server.SendAsync("a", "GET", "audit/export")).Is(200).Text);

        var unit = _server.Tenants["a"].Placement.Unit;
        var position = await CountAsync(unit, $"""
            select l.position from {unit.CoreSchema.Quoted}.audit_leaf l
            join {unit.CoreSchema.Quoted}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
            where l.tenant_id = '{_server.Tenants["a"].Id}' and e.action = 'data.create'
            """);
        await IsFoundAsync(position);
    }

    /// <summary>Found by the sweep and by the verifier, when the database's owner says that it expired.</summary>
    private async Task IsFoundAsync(long position)
    {
        var unit = _server.Tenants["a"].Placement.Unit;
        var tenant = _server.Tenants["a"].Id;
        await RunAsync(unit, $"""
            with gone as (
                delete from {unit.CoreSchema.Quoted}.audit_entry e using {unit.CoreSchema.Quoted}.audit_leaf l
                where e.tenant_id = '{tenant}' and l.tenant_id = e.tenant_id and l.entry_id = e.id and l.position = {position}
                returning l.position, sha256(convert_to(e.body, 'UTF8')) as digest, e.commitments)
            insert into {unit.CoreSchema.Quoted}.audit_expired (tenant_id, position, digest, commitments, expired_at)
            select '{tenant}', position, digest, commitments, now() from gone
            """);
        await SweepAsync();
        var gap = Assert.Single(await GapsAsync());
        Assert.Equal(("entry-missing", position), (gap.Kind, gap.From));
        var (code, text) = await VerifyAsync((await _server.SendAsync("a", "GET", "audit/export")).Is(200).Text);
        Assert.Equal(1, code);
        Assert.Contains($"entry {position} is said to have expired, and no sealed entry audit.expire announced it", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_expires_while_its_announcement_cannot_be_sealed_and_an_entry_with_edited_columns_stays()
    {
        await WriteAsync("b", 3);
        (await _server.SendAsync("b", "PUT", "audit/retention", """{"keepDays":30}""")).Is(200);
        await ExpireAsync();
        var unit = _server.Tenants["b"].Placement.Unit;
        await RunAsync(unit, $"""
            update {unit.CoreSchema.Quoted}.audit_entry set at = '2001-01-01' where id = (
                select entry_id from {unit.CoreSchema.Quoted}.audit_leaf where tenant_id = '{_server.Tenants["b"].Id}' and position = 2)
            """);
        await ExpireAsync();
        Assert.Equal(0, (await StateAsync("b")).GetProperty("expired").GetInt64());

        await WriteAsync("c", 3);
        (await _server.SendAsync("c", "PUT", "audit/retention", """{"keepDays":2}""")).Is(200);
        await ExpireAsync();
        _server.Clock.Advance(TimeSpan.FromDays(3));
        await _server.SignInAsync();
        var home = _server.Tenants["c"].Placement.Unit;
        await using (var owner = new NpgsqlConnection(_server.Cluster.ConnectionString(home.Database) + ";Pooling=false"))
        {
            await owner.OpenAsync();
            await using var transaction = await owner.BeginTransactionAsync();
            await using var hold = new NpgsqlCommand($"select 1 from {home.CoreSchema.Quoted}.audit_tree for update", owner);
            await hold.ExecuteNonQueryAsync();

            // The catalogue may be a moment behind the clock.
            for (var i = 0; !await IsAnnouncedAsync(); i++)
            {
                Assert.True(i < 50, "never announced");
                using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(1));
                await Task.WhenAny(_server.Services.GetRequiredService<AuditExpiring>().ExpireAsync(enough.Token));
            }

            Assert.Equal(0, (await StateAsync("c")).GetProperty("expired").GetInt64());
        }

        await ExpireAsync();
        Assert.True((await StateAsync("c")).GetProperty("expired").GetInt64() > 0);
        Assert.Single(await _server.EntriesAsync("c"), e => e.Contains("\"action\":\"audit.expire\"", StringComparison.Ordinal));

        async Task<bool> IsAnnouncedAsync() =>
            (await _server.EntriesAsync("c")).Exists(e => e.Contains("\"action\":\"audit.expire\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_held_stays_until_another_lifts_the_hold()
    {
        var record = (await _server.SendAsync("a", "POST", "cities", """{"name":"held"}""")).Is(201).Json.GetProperty("id").GetString()!;
        await WriteAsync("a", 5);
        (await _server.SendAsync("a", "PUT", "audit/retention", """{"keepDays":2}""")).Is(200);
        var hold = (await _server.SendAsync("a", "POST", "audit/holds", $$"""{"reason":"a lawsuit","record":"{{record}}"}""")).Is(201).Json;
        (await _server.SendAsync("a", "POST", "audit/holds", """{"reason":"x"}""", role: "viewer")).Is(404);
        (await _server.SendAsync("a", "POST", "audit/holds", """{"record":"x"}""")).Is(422);
        _server.Clock.Advance(TimeSpan.FromDays(3));
        await _server.SignInAsync();
        await ExpireAsync();
        Assert.Single(await _server.EntriesAsync("a"), e => e.Contains("\"ids\":[\"" + record, StringComparison.Ordinal));
        Assert.True((await StateAsync("a")).GetProperty("expired").GetInt64() >= 5);

        var id = hold.GetProperty("id").GetGuid();
        Assert.Equal("own-hold", (await _server.SendAsync("a", "POST", $"audit/holds/{id}/lift", """{"reason":"over"}""")).Is(409).Code);
        var retention = _server.Services.GetRequiredService<AuditRetention>();
        Assert.Equal(LiftAnswer.Lifted, await retention.LiftAsync(As(Other), id, "settled", default));
        Assert.Equal(LiftAnswer.Unknown, await retention.LiftAsync(As(Other), id, "settled", default));
        await ExpireAsync();
        Assert.DoesNotContain(await _server.EntriesAsync("a"), e => e.Contains($"\"{record}\"", StringComparison.Ordinal) && e.Contains("data.create", StringComparison.Ordinal));
        var entries = await _server.EntriesAsync("a");
        Assert.Single(entries, e => e.Contains("\"action\":\"audit.hold.lift\"", StringComparison.Ordinal)
            && e.Contains("settled", StringComparison.Ordinal) && e.Contains("second-officer", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("delete from {0}.audit_hold")]
    [InlineData("update {0}.audit_hold set lifted_at = now(), lifted_by = 'x', lift_reason = 'x'")]
    [InlineData("update {0}.audit_hold set actor = 'nobody'")]
    [InlineData("update {0}.audit_hold set ends_at = '2001-01-01'")]
    [InlineData("update {0}.audit_retention set keep_days = 1")]
    [InlineData("update {0}.audit_retention set changed_by = 'another.officer'")]
    public async Task While_somebody_edited_the_rows_of_holds_or_retention_nothing_expires(string edit)
    {
        await WriteAsync("a", 5);
        (await _server.SendAsync("a", "PUT", "audit/retention", """{"keepDays":2}""")).Is(200);
        (await _server.SendAsync("a", "POST", "audit/holds", """{"reason":"held","actor":"a-admin","at.gte":"2000-01-01"}""")).Is(201);
        var unit = _server.Tenants["a"].Placement.Unit;
        await using (var owner = new NpgsqlConnection(_server.Cluster.ConnectionString(unit.Database) + ";Pooling=false"))
        {
            await owner.OpenAsync();
            await using var command = new NpgsqlCommand(string.Format(null, edit, unit.CoreSchema.Quoted), owner);
            Assert.True(await command.ExecuteNonQueryAsync() > 0);
        }

        _server.Clock.Advance(TimeSpan.FromDays(3));
        await _server.SignInAsync();
        await ExpireAsync();
        Assert.Equal(0, (await StateAsync("a")).GetProperty("expired").GetInt64());
        Assert.DoesNotContain(await _server.EntriesAsync("a"), e => e.Contains("\"audit.expire\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_says_for_how_long_and_what_is_held_never_expires_and_the_announcement_names_it()
    {
        (await _server.SendAsync("a", "PUT", "audit/retention", """{"keepDays":2}""")).Is(200);
        await WriteAsync("a", 2);
        (await _server.SendAsync("a", "POST", "audit/holds", """{"reason":"held","record":"0192f0c4-7a3e-7b60-9d1e-2f5a6b7c8d9e"}""")).Is(201);
        _server.Clock.Advance(TimeSpan.FromDays(30));
        await _server.SignInAsync();
        await ExpireAsync();
        await ExpireAsync();
        var entries = await _server.EntriesAsync("a");
        Assert.Single(entries, e => e.Contains("\"action\":\"audit.retention\"", StringComparison.Ordinal));
        Assert.Single(entries, e => e.Contains("\"action\":\"audit.hold.place\"", StringComparison.Ordinal));
        var unit = _server.Tenants["a"].Placement.Unit;
        var chosen = await CountAsync(unit, $"""
            select l.position from {unit.CoreSchema.Quoted}.audit_leaf l join {unit.CoreSchema.Quoted}.audit_entry e
            on e.tenant_id = l.tenant_id and e.id = l.entry_id where e.action = 'audit.retention' and e.tenant_id = '{_server.Tenants["a"].Id}'
            """);
        Assert.Contains(entries, e => e.Contains($"\"details\":{{\"chosen\":\"{chosen}\",\"entries\":", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{\"reason\":\"all\"}", 0)]
    [InlineData("{\"reason\":\"actor\",\"actor\":\"b-admin\"}", 0)]
    [InlineData("{\"reason\":\"time\",\"at.gte\":\"2000-01-01\"}", 0)]
    [InlineData("{\"reason\":\"another actor\",\"actor\":\"nobody\"}", 5)]
    [InlineData("{\"reason\":\"another time\",\"at.lt\":\"2000-01-01\"}", 5)]
    public async Task A_hold_is_by_actor_by_time_or_over_everything(string hold, int expired)
    {
        await WriteAsync("b", 5);
        (await _server.SendAsync("b", "PUT", "audit/retention", """{"keepDays":2}""")).Is(200);
        (await _server.SendAsync("b", "POST", "audit/holds", hold)).Is(201);
        _server.Clock.Advance(TimeSpan.FromDays(3));
        await _server.SignInAsync();
        await ExpireAsync();
        var gone = 5 - (await _server.EntriesAsync("b")).Count(e => e.Contains("\"action\":\"data.create\"", StringComparison.Ordinal));
        Assert.Equal(expired, gone);
    }

    private RequestContext As(Actor actor) => new(_server.Tenants["a"].Id, actor, "r", "shop@1");

    private async Task WriteAsync(string tenant, int times)
    {
        for (var i = 0; i < times; i++)
        {
            (await _server.SendAsync(tenant, "POST", "cities", $$"""{"name":"{{Guid.NewGuid():N}}"}""")).Is(201);
        }
    }

    private async Task ExpireAsync()
    {
        // The transaction horizon may lie behind for a moment: then the last entries are sealed a little later.
        for (var i = 0; i < 5; i++)
        {
            await _server.Services.GetRequiredService<AuditSealing>().SealAsync(default);
            await Task.Delay(50);
        }

        // Nothing goes before what announces it is sealed.
        var expiring = _server.Services.GetRequiredService<AuditExpiring>().ExpireAsync(default);
        while (!expiring.IsCompleted)
        {
            await _server.Services.GetRequiredService<AuditSealing>().SealAsync(default);
            await Task.WhenAny(expiring, Task.Delay(20));
        }

        await expiring;
    }

    private Task SweepAsync() => _server.Services.GetRequiredService<AuditSweeping>().SweepAsync(default);

    private async Task<IReadOnlyList<OpenGap>> GapsAsync() => await new AuditGaps(_server.Services.GetRequiredService<ControlDatabase>()).OpenAsync(default);

    private async Task<JsonElement> StateAsync(string tenant) => (await _server.SendAsync(tenant, "GET", "audit/retention")).Is(200).Json;

    private async Task<int> EntriesAsync(string tenant) => (await _server.EntriesAsync(tenant)).Count;

    private static async Task HoldsAsync(string export)
    {
        var (code, text) = await VerifyAsync(export);
        Assert.True(code == 0, text);
        Assert.Contains(" have expired: the bodies are no longer kept", text, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Text)> VerifyAsync(string export)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, export);
        var start = new global::System.Diagnostics.ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        var configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/'));
        start.ArgumentList.Add(
            Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Bulkhead.Verify", configuration, "bulkhead-verify.dll")));
        start.ArgumentList.Add("export");
        start.ArgumentList.Add(file);
        using var process = global::System.Diagnostics.Process.Start(start)!;
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        File.Delete(file);
        return (process.ExitCode, text);
    }

    private async Task<long> CountAsync(Unit unit, string sql)
    {
        await using var connection = new NpgsqlConnection(_server.Cluster.ConnectionString(unit.Database) + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private async Task RunAsync(Unit unit, string sql)
    {
        await using var connection = new NpgsqlConnection(_server.Cluster.ConnectionString(unit.Database) + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }
}

/// <summary>The floor is two days; the tests move the clock, and look themselves.</summary>
public sealed class RetentionServer() : DataServer(Manifest, options => options with
{
    AuditRetentionFloor = TimeSpan.FromDays(2),
    AuditSealing = TimeSpan.FromMilliseconds(50),
    AuditExpiry = TimeSpan.FromHours(1),
    AuditSealingAlert = TimeSpan.FromSeconds(2),
    AuditSweepRate = 1_000_000,
});
