using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Bulkhead.Tests.System.Audit;

/// <summary>An entry says by which rules it was decided, and the tenant's officer gets to see them.</summary>
public sealed class PolicyTests(SealingServer server) : IClassFixture<SealingServer>
{
    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    [InlineData("c")]
    public async Task Entries_name_the_rules_that_decided_and_the_officer_reads_them(string tenant)
    {
        (await server.SendAsync(tenant, "POST", "cities", $$"""{"name":"{{Guid.NewGuid():N}}"}""")).Is(201);
        (await server.SendAsync(tenant, "GET", "audit", role: "viewer")).Is(404);
        var entries = (await server.EntriesAsync(tenant)).ConvertAll(entry => JsonDocument.Parse(entry).RootElement);
        foreach (var (action, result) in new[] { ("data.create", "ok"), ("audit.read", "denied") })
        {
            var entry = entries.Last(e => e.GetProperty("action").GetString() == action && e.GetProperty("result").GetString() == result);
            var digest = entry.GetProperty("policy").GetString()!;
            var policy = (await server.SendAsync(tenant, "GET", $"audit/policy?digest={digest}")).Is(200).Text;
            Assert.Equal(digest, Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(policy))));
            Assert.Equal("manage", JsonDocument.Parse(policy).RootElement.GetProperty("roles").GetProperty("admin").GetProperty("audit").GetString());
            Assert.Equal(policy, (await server.SendAsync(tenant, "GET", "audit/policy")).Is(200).Text);
            Assert.False(entry.TryGetProperty("onBehalfOf", out _));
        }
    }

    [Fact]
    public async Task Refuse_who_may_not_read_the_log_and_what_is_no_digest()
    {
        (await server.SendAsync("a", "GET", "audit/policy", role: "viewer")).Is(404);
        Assert.Contains(await server.EntriesAsync("a"), e => e.Contains("\"action\":\"audit.policy\"", StringComparison.Ordinal)
            && e.Contains("\"result\":\"denied\"", StringComparison.Ordinal));
        (await server.SendAsync("a", "GET", "audit/policy?digest=x")).Is(404);
        Assert.Equal("unknown-parameter", (await server.SendAsync("a", "GET", "audit/policy?digest=x&digest=y")).Is(400).Code);
        Assert.Equal("unknown-parameter", (await server.SendAsync("a", "GET", "audit/policy?diges=x")).Is(400).Code);
    }
}
