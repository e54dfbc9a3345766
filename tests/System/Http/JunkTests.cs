using System.Net;
using System.Net.Sockets;
using System.Text;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.System.Http;

/// <summary>What made the server fail once, and what left no trace.</summary>
[Collection(OneServer.Name)]
public class JunkTests(Server server)
{
    private static readonly string Slug = Server.A(IsolationKind.Shared);

    [Theory]
    [InlineData("a.b.c")]
    [InlineData("eyJcdWQ4MDAiOiJ4In0.e30.AAAA")]
    public async Task Refuse_a_token_that_is_none(string token)
    {
        var answer = await server.SendAsync(HttpMethod.Get, $"/t/{Slug}/api/v1/patients", token);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("2020-01-01T00:00:00Z")]
    public async Task Refuse_a_cursor_that_is_none(string cursor)
    {
        var answer = await server.SendAsync(
            HttpMethod.Get, $"/t/{Slug}/api/v1/audit?after={cursor}", server.Token(Slug, "auditor"));
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
    }

    [Fact]
    public async Task Refuse_half_a_surrogate_pair_as_an_id()
    {
        var answer = await server.CallAsync("POST", Slug, "patients", "admin", """{"id":"\ud800"}""");
        Assert.True((int)answer.Status is 400 or 422, answer.Text);
    }

    [Fact]
    public async Task Refuse_a_chunk_size_beyond_all_numbers()
    {
        using var client = new TcpClient();
        var url = new Uri(server.Url);
        await client.ConnectAsync(url.Host, url.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /t/{Slug}/oauth/token HTTP/1.1\r\nHost: {url.Authority}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            + "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n"));
        using var reader = new StreamReader(client.GetStream());
        Assert.Contains(" 400 ", await reader.ReadLineAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Record_what_a_role_asked_for_in_vain()
    {
        var token = server.Token(Slug, "clinician");
        foreach (var query in new[] { "ssn=1", "fields=healthcareExpenses", "sort=ssn", "expand=claims" })
        {
            var before = await DenialsAsync();
            var answer = await server.SendAsync(HttpMethod.Get, $"/t/{Slug}/api/v1/patients?{query}", token);
            Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
            Assert.True(await DenialsAsync() > before, query);
        }
    }

    private async Task<int> DenialsAsync()
    {
        var answer = await server.SendAsync(
            HttpMethod.Get, $"/t/{Slug}/api/v1/audit?limit=200&action=data.list", server.Token(Slug, "auditor"));
        return answer.Text.Split("\"result\":\"denied\"").Length;
    }
}
