namespace Bulkhead.Tests.Unit.Gateway;

/// <summary>Raw bytes against the real server.</summary>
public sealed class RequestHygieneTests : IAsyncLifetime
{
    private EdgeServer _server = null!;

    public async Task InitializeAsync() => _server = await EdgeServer.StartAsync(
        null, ("Bulkhead:Edge:Proxies:0", "192.0.2.77"), ("Bulkhead:Edge:MaxTargetLength", "1024"));

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_plain_request_passes()
    {
        var answer = await _server.GetAsync("/t/northside/api/v1/patients?city=Boston&name.prefix=O%27N");
        Assert.Equal(200, answer.Status);
        Assert.Equal("northside", answer["tenant"]);
    }

    [Fact]
    public async Task A_body_passes_with_a_length_and_in_chunks()
    {
        const string Start = "POST /t/northside/api/v1/patients HTTP/1.1\r\nHost: bulkhead.test\r\nConnection: close\r\n";
        Assert.Equal("abc", (await _server.SendAsync(Start + "Content-Length: 3\r\n\r\nabc"))["body"]);
        Assert.Equal(
            "abc", (await _server.SendAsync(Start + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))["body"]);
    }

    [Theory]
    [InlineData("Content-Length: 3\r\nTransfer-Encoding: chunked")]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 3")]
    [InlineData("Transfer-Encoding: chunked\r\nX-Content-Length: 3")]
    public async Task Refuse_a_length_beside_a_transfer_encoding(string headers)
    {
        var answer = await PostAsync(headers, "0\r\n\r\n");
        Assert.Equal(400, answer.Status);
        Assert.Equal("ambiguous-length", answer.Code);
    }

    [Theory]
    [InlineData("Content-Length: +3")]
    [InlineData("Content-Length: -3")]
    [InlineData("Content-Length: 0x3")]
    [InlineData("Content-Length: 3, 3")]
    [InlineData("Content-Length: 3\r\nContent-Length: 3")]
    [InlineData("Content-Length: 3\r\nContent-Length: 4")]
    [InlineData("Content-Length: 99999999999999999999")]
    [InlineData("Content-Length: \u00b2")]
    [InlineData("Content-Length:")]
    public async Task Refuse_a_length_that_is_not_one_number(string headers) =>
        Assert.Equal(400, (await PostAsync(headers, "abc")).Status);

    [Fact]
    public async Task Refuse_a_transfer_encoding_on_http_1_0()
    {
        var answer = await _server.SendAsync(
            "POST /t/northside/api/v1/patients HTTP/1.0\r\nHost: bulkhead.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        Assert.Equal(400, answer.Status);
        Assert.Equal("ambiguous-length", answer.Code);
    }

    [Fact]
    public async Task A_refused_request_closes_its_connection_so_that_nothing_smuggled_follows()
    {
        var answer = await _server.SendAsync(
            "POST /t/northside/api/v1/patients HTTP/1.1\r\nHost: bulkhead.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"
            + "\r\n\r\n0\r\n\r\nGET /operator/v1/status HTTP/1.1\r\nHost: bulkhead.test\r\n\r\n");
        Assert.Equal(400, answer.Status);
        Assert.Equal("close", answer.Headers["Connection"]);
    }

    [Theory]
    [InlineData("X_Tenant: riverside")]
    [InlineData("content_length: 3")]
    public async Task Refuse_a_header_name_with_an_underscore(string header)
    {
        var answer = await _server.GetAsync("/t/northside/api/v1/patients", headers: header + "\r\n");
        Assert.Equal(400, answer.Status);
        Assert.Equal("invalid-header-name", answer.Code);
    }

    [Theory]
    [InlineData("/t/northside/api/v1/patients%2f..%2fclaims")]
    [InlineData("/t/northside/..%2friverside/api/v1/patients")]
    [InlineData("/t/northside/../riverside/api/v1/patients")]
    [InlineData("/t/northside/./api/v1/patients")]
    [InlineData("/t/northside/api/v1/..")]
    [InlineData("/t/northside/%2e%2e/riverside/api/v1/patients")]
    [InlineData("/t/northside/..%5criverside/api/v1/patients")]
    [InlineData("/t/northside\\..\\riverside/api/v1/patients")]
    [InlineData("/t/northside/api/v1/patients%252f")]
    [InlineData("/t//api/v1/patients")]
    [InlineData("//bulkhead.test/t/northside/api/v1/patients")]
    [InlineData("/t/northside/api/v1/patients;tenant=riverside")]
    [InlineData("http://bulkhead.test/t/northside/api/v1/patients")]
    public async Task Refuse_a_path_that_can_be_read_in_two_ways(string target)
    {
        var answer = await _server.GetAsync(target);
        Assert.Equal(400, answer.Status);
        Assert.Equal("invalid-target", answer.Code);
    }

    [Theory]
    [InlineData("/t/north\u0001side/api/v1/patients")]
    [InlineData("/t/north\u007fside/api/v1/patients")]
    [InlineData("/t/n\u00f6rdside/api/v1/patients")]
    [InlineData("/t/northside/api/v1/patients?city=\u0001")]
    [InlineData("/t/northside/api/v1/patients?city=\u00f6")]
    [InlineData("/t/northside/api/v1/patients#fragment")]
    [InlineData("/t/northside/api/v1/patients%00")]
    public async Task Refuse_control_characters_and_raw_bytes(string target) =>
        Assert.Equal(400, (await _server.GetAsync(target)).Status);

    [Fact]
    public async Task Refuse_a_target_longer_than_the_limit_with_a_clear_answer()
    {
        const string Start = "/t/northside/api/v1/patients?a=";
        Assert.Equal(200, (await _server.GetAsync(Start + new string('a', 1024 - Start.Length))).Status);
        var answer = await _server.GetAsync(Start + new string('a', 1025 - Start.Length));
        Assert.Equal(400, answer.Status);
        Assert.Equal("target-too-long", answer.Code);
    }

    [Theory]
    [InlineData("X-Tenant")]
    [InlineData("x-tenant-id")]
    [InlineData("X-User")]
    [InlineData("X-User-Roles")]
    [InlineData("X-Forwarded-For")]
    [InlineData("X-Forwarded-Host")]
    [InlineData("Forwarded")]
    [InlineData("X-Real-IP")]
    [InlineData("X-Original-URL")]
    [InlineData("X-Rewrite-URL")]
    [InlineData("X-HTTP-Method-Override")]
    [InlineData("Remote-User")]
    [InlineData("X-Request-Id")]
    [InlineData("Request-Id")]
    public async Task A_clients_word_about_who_it_is_does_not_reach_an_endpoint_67(string name)
    {
        var answer = await _server.GetAsync("/t/northside/api/v1/patients", headers: $"{name}: riverside\r\nPurpose: x\r\n");
        Assert.Equal(200, answer.Status);
        var headers = answer.Body!["headers"]!.AsObject();
        Assert.Equal("x", (string?)headers["Purpose"]);
        Assert.DoesNotContain(headers, header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("192.0.2.77", true)]
    [InlineData("::ffff:192.0.2.77", true)]
    [InlineData("192.0.2.78", false)]
    public async Task Only_a_configured_proxy_may_say_for_whom_it_forwards(string from, bool kept)
    {
        var answer = await _server.GetAsync(
            "/t/northside/api/v1/patients", headers: "X-Forwarded-For: 198.51.100.1\r\nX-Tenant: riverside\r\n", from: from);
        Assert.Equal(kept, answer.Body!["headers"]!["X-Forwarded-For"] is not null);
        Assert.Null(answer.Body!["headers"]!["X-Tenant"]);
    }

    [Fact]
    public async Task Every_answer_has_an_id_that_is_ours_and_the_headers_that_protect_a_browser()
    {
        var ok = await _server.GetAsync("/t/northside/api/v1/patients", headers: "Request-Id: mine\r\n");
        var refused = await _server.GetAsync("/a//b", headers: "Request-Id: mine\r\n");
        foreach (var answer in new[] { ok, refused })
        {
            Assert.Equal(32, answer.Headers["Request-Id"].Length);
            Assert.Equal("nosniff", answer.Headers["X-Content-Type-Options"]);
            Assert.Equal("no-referrer", answer.Headers["Referrer-Policy"]);
            Assert.StartsWith("default-src 'none'", answer.Headers["Content-Security-Policy"], StringComparison.Ordinal);
            Assert.False(answer.Headers.ContainsKey("Server"));
        }

        Assert.Equal(ok.Headers["Request-Id"], ok["request"]);
        Assert.Equal(refused.Headers["Request-Id"], refused["requestId"]);
        Assert.NotEqual(ok.Headers["Request-Id"], refused.Headers["Request-Id"]);
    }

    [Fact]
    public async Task Nothing_that_was_sent_gets_into_the_log()
    {
        const string Marker = "zq9marker";
        await _server.GetAsync($"/t/{Marker}/api", headers: $"X-Tenant: {Marker}\r\nPurpose: {Marker}\r\n");
        await _server.GetAsync($"/t/northside/../{Marker}");
        Assert.Contains("invalid-target", _server.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(
            Marker,
            string.Join('\n', _server.Log.Text.Split('\n').Where(l => l.Contains("at the edge", StringComparison.Ordinal))),
            StringComparison.Ordinal);
    }

    private Task<EdgeAnswer> PostAsync(string headers, string body) => _server.SendAsync(
        $"POST /t/northside/api/v1/patients HTTP/1.1\r\nHost: bulkhead.test\r\n{headers}\r\nConnection: close\r\n\r\n{body}");
}
