using System.Net.Http.Headers;
using System.Text.Json;
using Bulkhead.Host.Cli;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Audit;
using Bulkhead.Tests.System.Data;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Audit;

/// <summary>Who follows a log gets every entry once and in order, whatever breaks off in between, and no longer than they may.</summary>
public sealed class TailTests(SealingServer server) : IClassFixture<SealingServer>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    public static TheoryData<string> Tenants => ["a", "b", "c"];

    [Theory, MemberData(nameof(Tenants))]
    public async Task Entries_come_as_they_are_sealed_and_over_reconnections_none_is_missed_or_doubled(string tenant)
    {
        using var stop = new CancellationTokenSource();
        var written = 0;
        var writer = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested && written < 150)
            {
                (await server.SendAsync(tenant, "POST", "cities", $$"""{"name":"tail {{Guid.NewGuid():N}}"}""")).Is(201);
                written++;
            }
        });
        var seen = new List<(long Position, string Body)>();
        long? last = null;
        var from = (await StateAsync(tenant)).Size;
        for (var round = 0; round < 6; round++)
        {
            // Cut off in the middle of what comes, again and again.
            var enough = round == 5 ? int.MaxValue : 20;
            await FollowAsync(tenant, last is null ? $"?from={from}" : "", last, e =>
            {
                if (e.Type == "entry")
                {
                    last = long.Parse(e.Id!, null);
                    seen.Add((last.Value, e.Data));
                }

                return --enough > 0 && seen.Count(x => x.Body.Contains("data.create", StringComparison.Ordinal)) < 150;
            });
        }

        await stop.CancelAsync();
        await writer;
        Assert.Equal(Enumerable.Range(0, seen.Count).Select(n => from + n), seen.Select(s => s.Position));
        var log = await server.Services.GetRequiredService<AuditLog>().EntriesAsync(Context(tenant), from, from + seen.Count, default);
        Assert.Equal(log.Select(e => e?.Body), seen.Select(s => s.Body));
    }

    [Fact]
    public async Task A_tail_without_a_beginning_begins_now_and_shows_the_act_of_following_first()
    {
        await SettleAsync("b");
        var events = new List<ServerEvent>();
        await FollowAsync("b", "", null, e =>
        {
            events.Add(e);
            return e.Type != "entry";
        });
        Assert.Equal(["begin", "entry"], events.Select(e => e.Type));
        Assert.Equal("audit.tail", JsonDocument.Parse(events[1].Data).RootElement.GetProperty("action").GetString());
    }

    [Fact]
    public async Task What_is_stored_and_was_not_sealed_is_told_as_changed_and_not_shown()
    {
        (await server.SendAsync("c", "POST", "cities", $$"""{"name":"{{Guid.NewGuid():N}}"}""")).Is(201);
        await SettleAsync("c");
        var position = (await StateAsync("c")).Size - 1;
        var place = server.Tenants["c"].Placement.Unit;
        var row = $"""
            where tenant_id = '{server.Tenants["c"].Id}' and id = (select entry_id from {place.CoreSchema.Quoted}.audit_leaf
            where tenant_id = '{server.Tenants["c"].Id}' and position = {position})
            """;
        await using var owner = new NpgsqlConnection(server.Cluster.ConnectionString(place.Database) + ";Pooling=false");
        await owner.OpenAsync();
        await EditAsync($"update {place.CoreSchema.Quoted}.audit_entry set body = replace(body, '\"action\":\"', '\"action\":\"x') {row}");
        var events = new List<ServerEvent>();
        await FollowAsync("c", $"?from={position}", null, e =>
        {
            events.Add(e);
            return events.Count < 3;
        });
        Assert.Equal(["begin", "changed", "entry"], events.Select(e => e.Type));
        Assert.Equal(($"{position}", "{}"), (events[1].Id, events[1].Data));
        await EditAsync($"update {place.CoreSchema.Quoted}.audit_entry set body = replace(body, '\"action\":\"x', '\"action\":\"') {row}");

        async Task EditAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, owner);
            Assert.Equal(1, await command.ExecuteNonQueryAsync());
        }
    }

    [Fact]
    public async Task Nobody_follows_who_may_not_read_and_nobody_begins_where_there_is_no_position()
    {
        Assert.Equal(404, (await server.SendAsync("a", "GET", "audit/tail", role: "viewer")).Status);
        foreach (var query in new[] { "?from=-1", "?from=x", "?from=1&from=2", "?to=1" })
        {
            Assert.Equal(400, (await server.SendAsync("a", "GET", $"audit/tail{query}")).Status);
        }

        Assert.Equal(400, (await server.SendAsync("a", "GET", "audit/tail", headers: ("Last-Event-ID", "x"))).Status);
        // Who saw more than there is does not wait until there is as much again.
        Assert.Equal("log-shorter", (await server.SendAsync("a", "GET", "audit/tail?from=1000000")).Is(409).Code);
        Assert.Equal("log-shorter", (await server.SendAsync("a", "GET", "audit/tail", headers: ("Last-Event-ID", "1000000"))).Is(409).Code);
    }

    [Fact]
    public async Task As_many_follow_as_may_and_a_place_is_free_again_when_one_leaves()
    {
        var tails = server.Services.GetRequiredService<AuditTails>();
        // Those of other tests are gone when the server has seen it.
        for (var i = 0; tails.Count > 0; i++)
        {
            Assert.True(i < 600, $"{tails.Count} tails stay");
            await Task.Delay(50);
        }

        var seats = new List<AuditTails.Seat>();
        while (tails.Take(server.Tenants["c"].Id) is { } seat)
        {
            seats.Add(seat);
        }

        Assert.Equal(tails.Options.MaxTailsPerTenant, seats.Count);
        var refused = (await server.SendAsync("c", "GET", "audit/tail")).Is(429);
        Assert.Equal("too-many-tails", refused.Code);
        // Another tenant does not feel it.
        using (var other = tails.Take(server.Tenants["a"].Id))
        {
            Assert.NotNull(other);
        }

        seats[0].Dispose();
        seats[0].Dispose();
        var begun = false;
        await FollowAsync("c", "", null, _ => !(begun = true));
        Assert.True(begun);
        for (var i = 0; tails.Count > seats.Count - 1; i++)
        {
            Assert.True(i < 400, "a reader that left keeps its place");
            await Task.Delay(50);
        }

        seats.ForEach(seat => seat.Dispose());
        Assert.Equal(0, tails.Count);
    }

    private RequestContext Context(string tenant) => new(server.Tenants[tenant].Id, new Actor(ActorKind.Service, "test", []), "r", "shop@1");

    private Task<LogState> StateAsync(string tenant) =>
        server.Services.GetRequiredService<AuditLog>().StateAsync(Context(tenant), default);

    private async Task SettleAsync(string tenant)
    {
        for (var size = -1L; size != (await StateAsync(tenant)).Size;)
        {
            size = (await StateAsync(tenant)).Size;
            await Task.Delay(600);
        }
    }

    private Task FollowAsync(string tenant, string query, long? last, Func<ServerEvent, bool> take) =>
        FollowAsync(server, tenant, query, last, take);

    /// <summary>Until the stream ends, or enough was seen.</summary>
    internal static async Task FollowAsync(DataServer server, string tenant, string query, long? last, Func<ServerEvent, bool> take)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/t/{tenant}/api/v1/audit/tail{query}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", server.Tokens[(tenant, "admin")]);
        if (last is { } seen)
        {
            request.Headers.Add("Last-Event-ID", $"{seen}");
        }

        using var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.True(response.IsSuccessStatusCode, $"{response.StatusCode}");
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        using var enough = new CancellationTokenSource();
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        try
        {
            await ServerEvent.ReadAsync(reader, Patience, e =>
            {
                if (!enough.IsCancellationRequested && !take(e))
                {
                    enough.Cancel();
                }
            }, enough.Token);
        }
        catch (OperationCanceledException) when (enough.IsCancellationRequested)
        {
        }
    }
}

/// <summary>What ends a tail, each on an installation of its own: time and status are everybody's.</summary>
public sealed class TailEnds
{
    [Fact]
    public async Task A_tail_ends_with_its_token_and_with_its_tenant()
    {
        var server = new SealingServer();
        await server.InitializeAsync();
        try
        {
            Assert.Equal("expired", await EndAsync("a", () =>
            {
                server.Clock.Advance(TimeSpan.FromDays(2));
                return Task.CompletedTask;
            }));
            await server.SignInAsync();
            var deployment = server.Services.GetRequiredService<Deployment>();
            var op = new Actor(ActorKind.Operator, "op", []);
            var reason = await EndAsync("b", () => deployment.SuspendAsync(op, "r", server.Tenants["b"].Id, default));
            Assert.True(reason is "changed" or "unavailable", reason);
            Assert.Equal(0, server.Services.GetRequiredService<AuditTails>().Count);
        }
        finally
        {
            await server.DisposeAsync();
        }

        async Task<string?> EndAsync(string tenant, Func<Task> act)
        {
            string? reason = null;
            Task? acting = null;
            await TailTests.FollowAsync(server, tenant, "", null, e =>
            {
                acting ??= act();
                reason = e.Type == "end" ? JsonDocument.Parse(e.Data).RootElement.GetProperty("reason").GetString() : null;
                return reason is null;
            });
            await acting!;
            return reason;
        }
    }
}
