using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Platform.Audit.Streams;
using Bulkhead.Tests.System.Data;
using Bulkhead.Tests.System.Keys;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Audit;

/// <summary>The log goes to the tenant's collectors: all of it, in order, to them alone, over TLS that holds.</summary>
public sealed partial class StreamTests(StreamServer server) : IClassFixture<StreamServer>, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TestAuthority _authority = TestAuthority.Create();

    public static TheoryData<string> Tenants => ["a", "b", "c"];

    public void Dispose() => _authority.Dispose();

    [Theory, MemberData(nameof(Tenants))]
    public async Task A_syslog_collector_gets_every_entry_in_order_with_its_position_and_the_hash_of_its_leaf(string tenant)
    {
        await using var collector = new SyslogListener(_authority.Issue("localhost", TestAuthority.ServerAuthentication));
        await WriteAsync(tenant, 300);
        await AddAsync(tenant, "siem", collector.Url);
        await WriteAsync(tenant, 20);
        await CaughtUpAsync(tenant, "siem");
        var size = await SizeAsync(tenant);
        var next = 0L;
        foreach (var message in collector.Messages)
        {
            var parts = Frame().Match(message);
            Assert.True(parts.Success, message);
            Assert.Equal(next, long.Parse(parts.Groups["position"].Value, null));
            Assert.Equal(Convert.ToBase64String(AuditLeaf.HashOf(parts.Groups["body"].Value, "")), parts.Groups["leaf"].Value);
            using var body = JsonDocument.Parse(parts.Groups["body"].Value);
            Assert.Equal(body.RootElement.GetProperty("at").GetString(), parts.Groups["at"].Value);
            Assert.Equal(body.RootElement.GetProperty("action").GetString(), parts.Groups["action"].Value);
            next++;
        }

        Assert.True(next >= size, $"{next} of {size}");
        await RemoveAsync(tenant, "siem");
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task An_https_collector_gets_every_entry_signed_and_again_until_it_has_acknowledged(string tenant)
    {
        await using var collector = await HttpsListener.StartAsync(_authority.Issue("localhost", TestAuthority.ServerAuthentication));
        collector.Answer = _ => 503;
        var secret = (await AddAsync(tenant, "soc", collector.Url)).GetProperty("secret").GetString()!;
        await WriteAsync(tenant, 5);
        var failing = await UntilAsync(tenant, "soc", s => s.GetProperty("failures").GetInt64() > 0);
        Assert.Contains("answered 503. Next step:", failing.GetProperty("fault").GetString(), StringComparison.Ordinal);
        Assert.True(failing.GetProperty("lagEntries").GetInt64() > 0);
        Assert.Equal(0, failing.GetProperty("next").GetInt64());
        Assert.False(failing.TryGetProperty("secret", out var shown) && shown.ValueKind != JsonValueKind.Null, "the secret is shown again");

        // Now and then it fails: what it did not acknowledge comes again, and nothing is left out.
        var calls = 0;
        collector.Answer = _ => ++calls % 3 == 2 ? 500 : 202;
        await CaughtUpAsync(tenant, "soc");
        await WriteAsync(tenant, 300);
        await CaughtUpAsync(tenant, "soc");
        var size = await SizeAsync(tenant);
        var next = 0L;
        foreach (var (signature, body) in collector.Taken)
        {
            var parts = signature.Split(',');
            var (time, mac) = (parts[0]["t=".Length..], parts[1]["v1=".Length..]);
            Assert.Equal(
                Convert.ToHexStringLower(HMACSHA256.HashData(Convert.FromHexString(secret["bhs_".Length..]), Encoding.UTF8.GetBytes($"{time}.{body}"))),
                mac);
            foreach (var line in body.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                using var json = JsonDocument.Parse(line);
                var position = json.RootElement.GetProperty("position").GetInt64();
                Assert.True(position <= next, $"{position} after {next}");
                next = Math.Max(next, position + 1);
                var entry = line[(line.IndexOf("\"entry\":", StringComparison.Ordinal) + 8)..^1];
                Assert.Equal(
                    json.RootElement.GetProperty("leaf").GetString(), Convert.ToBase64String(AuditLeaf.HashOf(entry, "")));
            }
        }

        Assert.True(next >= size, $"{next} of {size}");
        Assert.NotEmpty(collector.Refused);

        // At rest the secret is sealed.
        var owner = server.Tenants[tenant].Placement.Unit;
        await using var connection = new NpgsqlConnection(server.Cluster.ConnectionString(owner.Database) + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"select secret_sealed from {owner.CoreSchema.Quoted}.audit_stream where name = 'soc'", connection);
        var stored = (byte[])(await command.ExecuteScalarAsync())!;
        Assert.Equal(-1, stored.AsSpan().IndexOf(Convert.FromHexString(secret["bhs_".Length..]).AsSpan(0, 8)));
        await RemoveAsync(tenant, "soc");
    }

    [Fact]
    public async Task What_is_stored_and_was_not_sealed_is_not_sent_and_stops_the_stream_until_it_is_put_back()
    {
        await using var collector = await HttpsListener.StartAsync(_authority.Issue("localhost", TestAuthority.ServerAuthentication));
        await WriteAsync("b", 5);
        await server.Services.GetRequiredService<AuditSealing>().SealAsync(default);
        var place = server.Tenants["b"].Placement.Unit;
        var row = $"""
            where tenant_id = '{server.Tenants["b"].Id}' and id = (select entry_id from {place.CoreSchema.Quoted}.audit_leaf
            where tenant_id = '{server.Tenants["b"].Id}' and position = 2)
            """;
        await using var owner = new NpgsqlConnection(server.Cluster.ConnectionString(place.Database) + ";Pooling=false");
        await owner.OpenAsync();
        await EditAsync("'\"action\":\"'", "'\"action\":\"x'");
        await AddAsync("b", "edited", collector.Url);
        var stopped = await UntilAsync("b", "edited", s => s.GetProperty("failures").GetInt64() > 0);
        Assert.Contains("at position 2 is not what was sealed", stopped.GetProperty("fault").GetString(), StringComparison.Ordinal);
        Assert.Equal(2, stopped.GetProperty("next").GetInt64());
        Assert.Equal([0, 1], Positions());

        await EditAsync("'\"action\":\"x'", "'\"action\":\"'");
        await CaughtUpAsync("b", "edited");
        Assert.Equal(Enumerable.Range(0, Positions().Count).Select(n => (long)n), Positions());
        Assert.True(Positions().Count >= 5);
        await RemoveAsync("b", "edited");

        async Task EditAsync(string from, string to)
        {
            await using var command = new NpgsqlCommand($"update {place.CoreSchema.Quoted}.audit_entry set body = replace(body, {from}, {to}) {row}", owner);
            Assert.Equal(1, await command.ExecuteNonQueryAsync());
        }

        List<long> Positions() =>
        [
            .. collector.Taken.SelectMany(taken => taken.Body.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("position").GetInt64()),
        ];
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        var pem = _authority.Issue("localhost", TestAuthority.ServerAuthentication);
        await using var inner = await HttpsListener.StartAsync(pem);
        await using var collector = await HttpsListener.StartAsync(pem);
        collector.Answer = context =>
        {
            context.Response.Headers.Location = inner.Url;
            return 307;
        };
        await AddAsync("a", "redirecting", collector.Url);
        var failing = await UntilAsync("a", "redirecting", s => s.GetProperty("failures").GetInt64() > 0);
        Assert.Contains("redirects are not followed", failing.GetProperty("fault").GetString(), StringComparison.Ordinal);
        Assert.Empty(inner.Taken);
        await RemoveAsync("a", "redirecting");
    }

    [Fact]
    public async Task A_certificate_of_another_authority_or_host_or_for_clients_and_an_old_tls_are_refused()
    {
        using var stranger = TestAuthority.Create();
        await RefusedAsync(stranger.Issue("localhost", TestAuthority.ServerAuthentication), "no authority that we know issued it");
        await RefusedAsync(_authority.Issue("elsewhere.example", TestAuthority.ServerAuthentication), "another host's");
        await RefusedAsync(_authority.Issue("localhost", TestAuthority.ClientAuthentication), "not one for servers");
        await RefusedAsync(_authority.Issue("localhost", TestAuthority.ServerAuthentication, daysLeft: -1), "expired");

        // Without an authority of its own a stream believes those of the system, and no other.
        await using var collector = new SyslogListener(_authority.Issue("localhost", TestAuthority.ServerAuthentication));
        var fault = await Assert.ThrowsAsync<StreamFault>(
            () => new CollectorConnection(null, true, TimeProvider.System).OpenAsync("localhost", collector.Port, default));
        Assert.Contains("no authority that we know issued it", fault.Message, StringComparison.Ordinal);

        async Task RefusedAsync(string pem, string why)
        {
            await using var listener = new SyslogListener(pem);
            await AddAsync("a", "refused", listener.Url);
            var failing = await UntilAsync("a", "refused", s => s.GetProperty("failures").GetInt64() > 0);
            Assert.Contains(why, failing.GetProperty("fault").GetString(), StringComparison.Ordinal);
            Assert.Empty(listener.Messages);
            await RemoveAsync("a", "refused");
        }
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("10.1.2.3")]
    [InlineData("0.0.0.0")]
    public async Task A_private_address_is_refused_unless_the_operator_allows_it(string host)
    {
        await using var collector = new SyslogListener(_authority.Issue("localhost", TestAuthority.ServerAuthentication));
        var fault = await Assert.ThrowsAsync<StreamFault>(
            () => new CollectorConnection(_authority.Pem, false, TimeProvider.System).OpenAsync(host, collector.Port, default));
        Assert.Contains("the operator does not allow that", fault.Message, StringComparison.Ordinal);
        Assert.Equal(0, collector.Connections);
    }

    [Theory]
    [InlineData("https://169.254.169.254/latest")]
    [InlineData("syslog://[fe80::1]:6514")]
    [InlineData("https://0.0.0.0/")]
    public async Task A_collector_at_an_address_that_is_never_allowed_is_refused_at_once(string url)
    {
        var answer = (await server.SendAsync("b", "POST", "audit/streams", $$"""{"name":"never","url":"{{url}}"}""")).Is(422);
        Assert.Contains("it is not a public one", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_does_not_manage_the_log_appoints_no_collector_and_every_act_is_an_entry()
    {
        const string body = """{"name":"mine","url":"https://collector.example/"}""";
        Assert.Equal(404, (await server.SendAsync("b", "POST", "audit/streams", body, role: "viewer")).Status);
        Assert.Equal(404, (await server.SendAsync("b", "GET", "audit/streams", role: "viewer")).Status);
        (await server.SendAsync("b", "POST", "audit/streams", body)).Is(201);
        Assert.Equal("conflict", (await server.SendAsync("b", "POST", "audit/streams", body)).Is(409).Code);
        Assert.DoesNotContain("mine", (await server.SendAsync("a", "GET", "audit/streams")).Is(200).Text, StringComparison.Ordinal);
        (await server.SendAsync("b", "DELETE", "audit/streams/mine")).Is(204);
        (await server.SendAsync("b", "DELETE", "audit/streams/mine")).Is(404);
        var entries = await server.EntriesAsync("b");
        Assert.Contains(entries, e => e.Contains("\"action\":\"audit.stream.add\"", StringComparison.Ordinal)
            && e.Contains("\"stream\":\"mine\"", StringComparison.Ordinal) && e.Contains("\"result\":\"ok\"", StringComparison.Ordinal));
        Assert.Contains(entries, e => e.Contains("\"action\":\"audit.stream.add\"", StringComparison.Ordinal)
            && e.Contains("\"result\":\"denied\"", StringComparison.Ordinal));
        Assert.Single(entries, e => e.Contains("\"action\":\"audit.stream.remove\"", StringComparison.Ordinal)
            && e.Contains("\"stream\":\"mine\"", StringComparison.Ordinal));
        for (var i = 0; i < 10; i++)
        {
            (await server.SendAsync("b", "POST", "audit/streams", $$"""{"name":"s{{i}}","url":"https://collector.example/"}""")).Is(201);
        }

        (await server.SendAsync("b", "POST", "audit/streams", """{"name":"s10","url":"https://collector.example/"}""")).Is(409);
        for (var i = 0; i < 10; i++)
        {
            await RemoveAsync("b", $"s{i}");
        }
    }

    [Theory]
    [InlineData("""{"name":"X","url":"https://a.example/"}""", "/name")]
    [InlineData("""{"name":"x","url":"http://a.example/"}""", "/url")]
    [InlineData("""{"name":"x","url":"https://user:pw@a.example/"}""", "/url")]
    [InlineData("""{"name":"x","url":"syslog://a.example/path"}""", "/url")]
    [InlineData("""{"name":"x","url":"https://a.example/","format":"xml"}""", "/format")]
    [InlineData("""{"name":"x","url":"https://a.example/","authority":"none"}""", "/authority")]
    [InlineData("""{"name":"x","url":"https://a.example/","from":-1}""", "/from")]
    [InlineData("""{"name":"x","url":"https://a.example/","secret":"mine"}""", "/secret")]
    [InlineData("""{"name":"x"}""", "/url")]
    public async Task A_stream_with_a_fault_is_refused_and_the_fault_named(string body, string pointer)
    {
        var answer = (await server.SendAsync("a", "POST", "audit/streams", body)).Is(422);
        Assert.Equal(pointer, answer.Json.GetProperty("errors")[0].GetProperty("pointer").GetString());
    }

    [Fact]
    public void The_wait_after_failures_has_bounds()
    {
        Assert.Equal(TimeSpan.FromSeconds(1), StreamSending.WaitAfter(0));
        Assert.Equal(TimeSpan.FromSeconds(8), StreamSending.WaitAfter(3));
        Assert.Equal(TimeSpan.FromMinutes(5), StreamSending.WaitAfter(long.MaxValue));
    }

    [GeneratedRegex(
        """^<109>1 (?<at>\S+) - bulkhead - (?<action>\S+) \[bulkhead@32473 tenant="\w" position="(?<position>\d+)" leaf="(?<leaf>[^"]+)"\] (?<body>\{.*\})$""")]
    private static partial Regex Frame();

    private async Task WriteAsync(string tenant, int times)
    {
        for (var i = 0; i < times; i++)
        {
            (await server.SendAsync(tenant, "POST", "cities", $$"""{"name":"{{Guid.NewGuid():N}}"}""")).Is(201);
        }
    }

    private async Task<JsonElement> AddAsync(string tenant, string name, string url) => (await server.SendAsync(
        tenant,
        "POST",
        "audit/streams",
        JsonSerializer.Serialize(new { name, url, authority = _authority.Pem, from = 0 }))).Is(201).Json;

    private async Task RemoveAsync(string tenant, string name) => (await server.SendAsync(tenant, "DELETE", $"audit/streams/{name}")).Is(204);

    private async Task<long> SizeAsync(string tenant)
    {
        var note = (await server.SendAsync(tenant, "GET", "audit/log/checkpoint")).Is(200).Text;
        return Checkpoint.Parse(SignedNote.Parse(note)!.Text)!.Size;
    }

    /// <summary>To the end of the log as it is now.</summary>
    private async Task CaughtUpAsync(string tenant, string name)
    {
        await server.Services.GetRequiredService<AuditSealing>().SealAsync(default);
        var size = await SizeAsync(tenant);
        await UntilAsync(tenant, name, s => s.GetProperty("next").GetInt64() >= size);
    }

    private async Task<JsonElement> UntilAsync(string tenant, string name, Func<JsonElement, bool> holds)
    {
        var since = Stopwatch.StartNew();
        while (true)
        {
            var state = (await server.SendAsync(tenant, "GET", $"audit/streams/{name}")).Is(200).Json;
            if (holds(state))
            {
                return state;
            }

            Assert.True(since.Elapsed < Patience, $"{state}");
            await Task.Delay(100);
        }
    }
}

/// <summary>Looks for what is to be streamed ten times a second; collectors stand on this machine.</summary>
public sealed class StreamServer() : DataServer(Manifest, options => options with
{
    AuditStreaming = TimeSpan.FromMilliseconds(100), AuditSealing = TimeSpan.FromMilliseconds(50), StreamsAllowPrivateAddresses = true,
});
