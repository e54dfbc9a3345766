using System.Text.Json;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Keys;
using Bulkhead.Tests.System.Data;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Tests.System.Keys;

/// <summary>The background that brings rows under new keys, over HTTP and with a clock that is moved on by hand.</summary>
public sealed class KeyUpkeepTests(KeyUpkeepTests.IdleServer server) : IClassFixture<KeyUpkeepTests.IdleServer>
{
    // Only the tests look at the schedule.
    public sealed class IdleServer() : DataServer(Manifest, options => options with { KeyUpkeep = TimeSpan.FromHours(1) });

    /// <summary>After it no process can write under the keys before: they are announced, and then the three settings that Behind adds up.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(3 + 3 + 60 + 15 + 1);

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    [InlineData("c")]
    public async Task Rows_come_under_new_keys_unnoticed_and_the_old_ones_are_forgotten(string tenant)
    {
        await server.SignInAsync();
        var made = new List<(string Id, string ETag)>();
        for (var i = 0; i < 30; i++)
        {
            var answer = (await server.SendAsync(tenant, "POST", "people", $$"""{"name":"n{{i}}","ssn":"rotated-{{i}}"}""")).Is(201);
            made.Add((answer.Json.GetProperty("id").GetString()!, answer.ETag!));
        }

        // A kept answer hangs on the key of its time: so long that key stays.
        var body = """{"name":"again","ssn":"kept-answer"}""";
        (await server.SendAsync(tenant, "POST", "people", body, headers: ("Idempotency-Key", "one"))).Is(201);
        (await server.SendAsync(tenant, "POST", "keys/rotate?key=data")).Is(200);
        (await server.SendAsync(tenant, "POST", "keys/rotate?key=index")).Is(200);
        Assert.Equal("conflict", (await server.SendAsync(tenant, "POST", "keys/rotate?key=index")).Is(409).Code);

        // Nothing is rewritten while a process might still write under the old keys.
        await Upkeep.TendAsync(default);
        Assert.Equal(2, await CountAsync(tenant, "rows"));
        server.Clock.Advance(Settled);
        await TendUntilAsync(async () => await FinishedAsync(tenant));
        Assert.Equal(2, await CountAsync(tenant, "rows"));
        Assert.True((await server.SendAsync(tenant, "POST", "people", body, headers: ("Idempotency-Key", "one"))).Is(201).Replayed);

        // The answer's time is over.
        await server.Services.GetRequiredService<Bulkhead.Kernel.Isolation.TenantDatabase>().RunAsync(
            new(server.Tenants[tenant].Id, new(Bulkhead.Kernel.Tenancy.ActorKind.Platform, "test", []), "r", "shop@1"),
            new Bulkhead.Kernel.Isolation.TenantWork().Change(
                Bulkhead.Kernel.Isolation.Sql.Of($"delete from {Bulkhead.Kernel.Isolation.Place.Core}.idempotency returning 1::bigint"),
                new("test.purge") { Records = Bulkhead.Kernel.Audit.AuditRecords.None }),
            default);
        await TendUntilAsync(async () => await CountAsync(tenant, "rows") == 1 && await CountAsync(tenant, "index") == 1);
        foreach (var (id, etag) in made)
        {
            var answer = (await server.SendAsync(tenant, "GET", $"people/{id}")).Is(200);
            Assert.Equal(etag, answer.ETag);
            Assert.StartsWith("rotated-", answer.Json.GetProperty("ssn").GetString(), StringComparison.Ordinal);
        }

        var found = (await server.SendAsync(tenant, "GET", "people?ssn=rotated-7")).Is(200).Json.GetProperty("data");
        Assert.Equal(made[7].Id, Assert.Single(found.EnumerateArray()).GetProperty("id").GetString());
        (await server.SendAsync(tenant, "POST", "people", """{"name":"x","ssn":"rotated-7"}""")).Is(409);
        Assert.Contains(await server.EntriesAsync(tenant), entry => entry.Contains("\"keys.rewrite\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    [InlineData("c")]
    public async Task An_index_key_alone_is_rotated_and_kept_answers_are_replayed_until_their_time_is_over(string tenant)
    {
        await server.SignInAsync();
        var (indexes, rows) = (await CountAsync(tenant, "index"), await CountAsync(tenant, "rows"));
        var body = $$"""{"name":"again","ssn":"replayed-{{tenant}}"}""";
        var first = (await server.SendAsync(tenant, "POST", "people", body, headers: ("Idempotency-Key", "index-only"))).Is(201);
        (await server.SendAsync(tenant, "POST", "keys/rotate?key=index")).Is(200);
        server.Clock.Advance(Settled);
        await TendUntilAsync(() => FinishedAsync(tenant));
        Assert.Equal((indexes + 1, rows), (await CountAsync(tenant, "index"), await CountAsync(tenant, "rows")));

        // The digest of the request is under the index key of its time, which nothing else needs any more.
        server.Clock.Advance(TimeSpan.FromHours(23));
        await server.SignInAsync();
        await Upkeep.TendAsync(default);
        Assert.Equal(indexes + 1, await CountAsync(tenant, "index"));
        var again = (await server.SendAsync(tenant, "POST", "people", body, headers: ("Idempotency-Key", "index-only"))).Is(201);
        Assert.True(again.Replayed);
        Assert.Equal(first.Text, again.Text);
        var other = await server.SendAsync(tenant, "POST", "people", """{"name":"other"}""", headers: ("Idempotency-Key", "index-only"));
        Assert.Equal("idempotency-key-reused", other.Is(422).Code);

        server.Clock.Advance(TimeSpan.FromHours(2));
        await server.SignInAsync();
        await TendUntilAsync(async () => await CountAsync(tenant, "index") == indexes);
        Assert.Equal(rows, await CountAsync(tenant, "rows"));
        // Nobody remembers the request: it meets its own record.
        (await server.SendAsync(tenant, "POST", "people", body, headers: ("Idempotency-Key", "index-only"))).Is(409);
    }

    [Fact]
    public async Task Only_one_process_tends_to_the_keys_at_a_time()
    {
        var schedule = server.Services.GetRequiredService<KeySchedule>();
        await using (var lead = await schedule.TryLeadAsync(default))
        {
            Assert.NotNull(lead);
            Assert.Null(await schedule.TryLeadAsync(default));
        }

        await using var next = await schedule.TryLeadAsync(default);
        Assert.NotNull(next);
    }

    private KeyUpkeep Upkeep => server.Services.GetRequiredService<KeyUpkeep>();

    private async Task TendUntilAsync(Func<Task<bool>> holds)
    {
        for (var i = 0; i < 40 && !await holds(); i++)
        {
            await Upkeep.TendAsync(default);
        }

        Assert.True(await holds());
    }

    private async Task<bool> FinishedAsync(string tenant)
    {
        var rewriting = (await KeysAsync(tenant)).GetProperty("rewriting");
        return rewriting.GetArrayLength() == 4 && rewriting.EnumerateArray().All(r => r.GetProperty("finished").GetBoolean());
    }

    private async Task<int> CountAsync(string tenant, string purpose) => (await KeysAsync(tenant)).GetProperty("keys").EnumerateArray()
        .Count(key => key.GetProperty("purpose").GetString() == purpose);

    private async Task<JsonElement> KeysAsync(string tenant) => (await server.SendAsync(tenant, "GET", "keys")).Is(200).Json;
}
