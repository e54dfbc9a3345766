using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using System.Text.Json;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.OwnKeyService;

namespace Bulkhead.Tests.System.Keys;

/// <summary>What a false, broken or hostile service can do to us: be refused, quickly and with the reason.</summary>
public sealed class KeyServiceAttacks(KeyServiceProcess service) : IClassFixture<KeyServiceProcess>, IDisposable
{
    private static readonly string Key = $$"""{"unwrapped":"{{new string('A', 43)}}"}""";

    private readonly TestAuthority _authority = TestAuthority.Create();
    private readonly ReadOnlyMemory<byte> _context = HeldKeyContext.Of(service.Tenant, "rows", 1).Memory;

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task The_raw_server_of_these_tests_gives_a_key_when_it_behaves()
    {
        await using var server = Genuine(RawTlsServer.Say("200 OK", Key));
        using var store = Store(server);
        using var first = await store.UnwrapAsync(1, new byte[1], _context, default);
        using var second = await store.UnwrapAsync(1, new byte[1], _context, default);
        Assert.Equal(new byte[32], second.Bytes.ToArray());
        Assert.Equal((1, 2), (server.Connections, server.Requests));
    }

    [Fact]
    public async Task A_service_of_another_authority_is_refused_and_sees_no_request()
    {
        using var stranger = TestAuthority.Create();
        await RefusedAsync(stranger.Issue("localhost", TestAuthority.ServerAuthentication), "the registered authority did not issue it");
        // The real sample, under the authority of a stranger.
        using var store = service.Store(service.Registration() with { ServerCa = stranger.Pem });
        var fault = await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[138], _context);
        Assert.Contains("We refuse the certificate", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public Task An_expired_certificate_is_refused() =>
        RefusedAsync(_authority.Issue("localhost", TestAuthority.ServerAuthentication, daysLeft: -1), "it is expired, or not valid yet");

    [Fact]
    public Task A_certificate_of_another_host_is_refused() =>
        RefusedAsync(_authority.Issue("elsewhere.example", TestAuthority.ServerAuthentication), "it is another host's");

    [Fact]
    public Task A_certificate_for_clients_is_refused() =>
        RefusedAsync(_authority.Issue("localhost", TestAuthority.ClientAuthentication), "it is not one for servers");

    [Fact]
    public async Task A_certificate_that_ends_while_we_run_is_refused_from_then_on()
    {
        await using var server = Genuine(RawTlsServer.Say("200 OK", Key, "Connection: close\r\n"));
        var clock = new MovableClock();
        using var store = service.Store(Registration(server), time: clock);
        (await store.UnwrapAsync(1, new byte[1], _context, default)).Dispose();
        clock.Ahead = TimeSpan.FromDays(2);
        var fault = await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
        Assert.Contains("expired", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_with_an_older_TLS_is_refused()
    {
        await using var server = Genuine(RawTlsServer.Say("200 OK", Key), SslProtocols.Tls12);
        using var store = Store(server);
        var fault = await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
        Assert.Contains("TLS 1.3", fault.Message, StringComparison.Ordinal);
        Assert.Equal(0, server.Requests);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using var target = Genuine(RawTlsServer.Say("200 OK", Key));
        await using var server = Genuine(RawTlsServer.Say("307 Temporary Redirect", "", $"Location: {target.Url}/v1/unwrap\r\n"));
        using var store = Store(server);
        var fault = await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
        Assert.Contains("redirects are not followed", fault.Message, StringComparison.Ordinal);
        Assert.Equal((1, 0), (server.Requests, target.Connections));
    }

    [Fact]
    public async Task An_answer_that_is_too_long_is_cut()
    {
        var sent = 0;
        await using var server = Genuine(async (tls, stop) =>
        {
            await tls.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"), stop);
            var chunk = new byte[65_536];
            for (; sent < 1_000_000_000; sent += chunk.Length)
            {
                await tls.WriteAsync(chunk, stop);
            }
        });
        using var store = Store(server);
        var fault = await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
        Assert.Contains("more than 4096 bytes", fault.Message, StringComparison.Ordinal);
        Assert.True(sent < 50_000_000, $"{sent} bytes were taken");

        await using var exact = Genuine(RawTlsServer.Say("200 OK", Key.PadRight(4_096)));
        using var fits = Store(exact);
        (await fits.UnwrapAsync(1, new byte[1], _context, default)).Dispose();
        await using var over = Genuine(RawTlsServer.Say("200 OK", Key.PadRight(4_097)));
        using var cut = Store(over);
        await TenantHeldKeysTests.FaultAsync(cut, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
    }

    [Theory]
    [InlineData("headers")]
    [InlineData("body")]
    public async Task Endless_and_slow_answers_end_at_the_timeout(string where)
    {
        await using var server = Genuine(async (tls, stop) =>
        {
            var start = where == "body" ? "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n" : "HTTP/1.1 200";
            await tls.WriteAsync(Encoding.ASCII.GetBytes(start), stop);
            while (!stop.IsCancellationRequested)
            {
                await Task.Delay(100, stop);
                await tls.WriteAsync(" "u8.ToArray(), stop);
            }
        });
        await UnavailableInTimeAsync(server.Port, Registration(server));
    }

    [Fact]
    public async Task A_service_that_never_begins_TLS_ends_at_the_timeout()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var port = ((IPEndPoint)silent.LocalEndpoint).Port;
        await UnavailableInTimeAsync(port, service.Registration());
    }

    [Fact]
    public async Task Who_speaks_no_TLS_is_refused()
    {
        using var plain = new TcpListener(IPAddress.Loopback, 0);
        plain.Start();
        var answering = Task.Run(async () =>
        {
            using var client = await plain.AcceptTcpClientAsync();
            await client.GetStream().WriteAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());
            await client.GetStream().ReadExactlyAsync(new byte[1]);
        });
        var port = ((IPEndPoint)plain.LocalEndpoint).Port;
        using var store = service.Store(service.Registration() with { Url = $"https://localhost:{port}" });
        await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
        await answering;
    }

    [Theory]
    [InlineData("500 Internal Server Error", "", nameof(KeyStoreFaultKind.Unavailable))]
    [InlineData("503 Service Unavailable", "<html>", nameof(KeyStoreFaultKind.Unavailable))]
    [InlineData("429 Too Many Requests", "", nameof(KeyStoreFaultKind.Unavailable))]
    [InlineData("403 Forbidden", """{"code":"withdrawn"}""", nameof(KeyStoreFaultKind.Withdrawn))]
    [InlineData("403 Forbidden", """{"code":"not-you"}""", nameof(KeyStoreFaultKind.Misconfigured))]
    [InlineData("403 Forbidden", "withdrawn", nameof(KeyStoreFaultKind.Misconfigured))]
    [InlineData("404 Not Found", """{"code":"no-such-key"}""", nameof(KeyStoreFaultKind.NoSuchRoot))]
    [InlineData("404 Not Found", "", nameof(KeyStoreFaultKind.Misconfigured))]
    [InlineData("422 Unprocessable Content", "", nameof(KeyStoreFaultKind.NotGenuine))]
    [InlineData("204 No Content", "", nameof(KeyStoreFaultKind.Misconfigured))]
    [InlineData("200 OK", "", nameof(KeyStoreFaultKind.Misconfigured))]
    [InlineData("200 OK", """{"unwrapped":"AAAA"}""", nameof(KeyStoreFaultKind.Misconfigured))]
    [InlineData("200 OK", """{"unwrapped":null}""", nameof(KeyStoreFaultKind.Misconfigured))]
    public async Task Each_answer_becomes_its_fault(string status, string body, string kind)
    {
        await using var server = Genuine(RawTlsServer.Say(status, body));
        using var store = Store(server);
        await TenantHeldKeysTests.FaultAsync(store, Enum.Parse<KeyStoreFaultKind>(kind), new byte[1], _context);
    }

    [Fact]
    public async Task What_a_service_writes_does_not_reach_our_messages_unless_it_is_a_word()
    {
        await using var server = Genuine(RawTlsServer.Say("400 \u001b[31mred", """{"code":"forged line: all is well"}"""));
        using var store = Store(server);
        var fault = await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
        Assert.DoesNotContain("forged", fault.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b", fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_private_address_is_not_even_connected_to_unless_the_operator_allows_it()
    {
        await using var server = Genuine(RawTlsServer.Say("200 OK", Key));
        foreach (var host in new[] { "localhost", "127.0.0.1", "[::ffff:127.0.0.1]" })
        {
            using var store = new TenantHeldKeys(
                Registration(server) with { Url = $"https://{host}:{server.Port}" }, new TenantHeldKeyOptions(), TimeProvider.System);
            var fault = await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
            Assert.Contains("the operator does not allow", fault.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, server.Connections);
        using var allowed = Store(server);
        (await allowed.UnwrapAsync(1, new byte[1], _context, default)).Dispose();
    }

    [Fact]
    public async Task No_more_calls_than_allowed_are_under_way_and_no_more_wait_than_allowed()
    {
        await using var server = Genuine(async (_, stop) => await Task.Delay(Timeout.Infinite, stop));
        using var store = new TenantHeldKeys(
            Registration(server),
            new TenantHeldKeyOptions { AllowPrivateAddresses = true, MaxCalls = 2, Timeout = TimeSpan.FromSeconds(8) },
            TimeProvider.System);
        var calls = Enumerable.Range(0, 2 + 16 + 5).Select(_ => store.UnwrapAsync(1, new byte[1], _context, default).AsTask()).ToList();
        var refused = calls[^5..];
        Assert.All(await Task.WhenAll(refused.Select(Record)), f => Assert.Contains("waiting", f.Message, StringComparison.Ordinal));
        while (server.Requests < 2)
        {
            await Task.Delay(50);
        }

        // Whoever might come besides had the time to; and nobody's time is over yet, which would make room for others.
        await Task.Delay(500);
        Assert.Equal(2, server.Requests);
        Assert.True(calls.SkipLast(5).All(call => !call.IsCompleted), "who cannot even wait is told so at once");
        Assert.All(await Task.WhenAll(calls.Select(Record)), f => Assert.Equal(KeyStoreFaultKind.Unavailable, f.Kind));

        static async Task<KeyStoreFault> Record(Task<SecretKey> call) => await Assert.ThrowsAsync<KeyStoreFault>(() => call);
    }

    [Theory]
    [InlineData("SSH-2.0-something\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nlong: {0}\r\n\r\n")]
    public async Task An_answer_that_is_no_short_HTTP_is_refused(string answer)
    {
        await using var server = Genuine(async (tls, stop) => await tls.WriteAsync(
            Encoding.ASCII.GetBytes(answer.Replace("{0}", new string('a', 5_000), StringComparison.Ordinal)), stop));
        using var store = Store(server);
        var fault = await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
        Assert.Contains("something else than HTTP", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_with_more_to_come_is_not_kept()
    {
        await using var server = Genuine(RawTlsServer.Say("200 OK", new string(' ', 100_000)));
        using var store = Store(server);
        await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
        await Task.Delay(300);
        await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
        Assert.Equal(2, server.Connections);
    }

    [Fact]
    public async Task A_request_carries_the_question_and_nothing_else()
    {
        await using var server = Genuine(RawTlsServer.Say("200 OK", Key, "Set-Cookie: track=me\r\n"));
        using var store = Store(server);
        using var activity = new Activity("of the caller").Start();
        (await store.UnwrapAsync(1, new byte[1], _context, default)).Dispose();
        (await store.UnwrapAsync(1, new byte[1], _context, default)).Dispose();
        var lines = server.Heard.Split("\r\n");
        Assert.Equal("POST /v1/unwrap HTTP/1.1", lines[0]);
        Assert.Equal(["Content-Length", "Content-Type", "Host"], lines[1..^2].Select(l => l.Split(':')[0]).Order(StringComparer.Ordinal));
        using var body = JsonDocument.Parse(lines[^1]);
        Assert.Equal(["key", "wrapped", "associated", "requestId"], body.RootElement.EnumerateObject().Select(p => p.Name));
    }

    [Fact]
    public async Task A_proxy_of_the_machine_does_not_see_it()
    {
        await using var server = Genuine(RawTlsServer.Say("200 OK", Key));
        var before = HttpClient.DefaultProxy;
        var proxy = new ProxyOfPort(server.Port, before);
        HttpClient.DefaultProxy = proxy;
        try
        {
            using var store = Store(server);
            (await store.UnwrapAsync(1, new byte[1], _context, default)).Dispose();
        }
        finally
        {
            HttpClient.DefaultProxy = before;
        }

        Assert.False(proxy.WasAsked);
    }

    [Fact]
    public async Task Registering_a_service_that_gives_another_key_is_refused_and_one_that_works_is_not()
    {
        await using var server = Genuine(RawTlsServer.Say("200 OK", Key));
        using var liar = Store(server);
        var fault = await Assert.ThrowsAsync<KeyStoreFault>(async () => await liar.CheckAsync(1, default));
        Assert.Equal(KeyStoreFaultKind.Misconfigured, fault.Kind);
        using var store = service.Store();
        await store.CheckAsync(1, default);
        Assert.Equal("registration-check", service.Log()[^1].GetProperty("purpose").GetString());
    }

    [Fact]
    public async Task Who_gives_up_is_not_told_that_the_service_is_slow()
    {
        await using var server = Genuine(async (_, stop) => await Task.Delay(Timeout.Infinite, stop));
        using var store = Store(server);
        using var giveUp = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await store.UnwrapAsync(1, new byte[1], _context, giveUp.Token));
    }

    private RawTlsServer Genuine(Func<SslStream, CancellationToken, Task> answer, SslProtocols protocols = SslProtocols.Tls13) =>
        new(_authority.Issue("localhost", TestAuthority.ServerAuthentication), answer, protocols);

    private TenantHeldKeyRegistration Registration(RawTlsServer server) =>
        service.Registration() with { Url = server.Url, ServerCa = _authority.Pem };

    private TenantHeldKeys Store(RawTlsServer server) => service.Store(Registration(server));

    private async Task RefusedAsync(string pem, string reason)
    {
        await using var server = new RawTlsServer(pem, RawTlsServer.Say("200 OK", Key));
        using var store = Store(server);
        var fault = await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Misconfigured, new byte[1], _context);
        Assert.Contains("We refuse the certificate of the tenant's key service: " + reason, fault.Message, StringComparison.Ordinal);
        Assert.Equal(0, server.Requests);
    }

    private async Task UnavailableInTimeAsync(int port, TenantHeldKeyRegistration registration)
    {
        using var store = service.Store(registration with { Url = $"https://localhost:{port}" }, TimeSpan.FromMilliseconds(700));
        var watch = Stopwatch.StartNew();
        var fault = await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Unavailable, new byte[1], _context);
        // The lower bound shows that it waited; that it did not wait for ever needs no narrow one.
        Assert.InRange(watch.Elapsed, TimeSpan.FromMilliseconds(600), TimeSpan.FromSeconds(30));
        Assert.Contains("700 ms", fault.Message, StringComparison.Ordinal);
    }

    // The default is the whole process's: for every other address it is what it was.
    private sealed class ProxyOfPort(int port, IWebProxy before) : IWebProxy
    {
        public ICredentials? Credentials { get; set; }

        public bool WasAsked { get; private set; }

        public Uri? GetProxy(Uri destination)
        {
            WasAsked |= destination.Port == port;
            return destination.Port == port ? new Uri("http://127.0.0.1:9") : before.GetProxy(destination);
        }

        public bool IsBypassed(Uri host)
        {
            WasAsked |= host.Port == port;
            return host.Port != port && before.IsBypassed(host);
        }
    }

    private sealed class MovableClock : TimeProvider
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;
    }
}
