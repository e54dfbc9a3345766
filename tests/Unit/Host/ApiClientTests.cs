using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Bulkhead.Host.Cli;

namespace Bulkhead.Tests.Unit.Host;

public sealed class ApiClientTests
{
    private static readonly ClientCredentials Credentials =
        new(new Uri("http://localhost:1"), new Uri("http://localhost:1/token"), "a b", "s:%");

    [Fact]
    public void Show_every_fault_of_a_refusal()
    {
        var fault = ApiClient.Refusal(422, JsonNode.Parse("""
            {"code":"invalid-manifest","detail":"Two faults.","errors":[
              {"code":"unknown-key","line":3,"column":7,"detail":"No such key."},
              {"code":"required","pointer":"/slug","detail":"This is needed."}]}
            """));
        Assert.Equal(ExitCode.Refused, fault.ExitCode);
        Assert.Equal<IEnumerable<string>>(
            [
                "422 invalid-manifest: Two faults.",
                "  line 3, column 7: No such key. [unknown-key]",
                "  /slug: This is needed. [required]",
            ],
            fault.Lines);
    }

    [Fact]
    public void Name_the_role_that_found_nothing()
    {
        Assert.Contains("'securityOfficer'", ApiClient.Refusal(404, null, "securityOfficer").Lines[^1], StringComparison.Ordinal);
        Assert.Single(ApiClient.Refusal(404, null).Lines);
        Assert.Single(ApiClient.Refusal(409, null, "securityOfficer").Lines);
    }

    [Theory]
    [InlineData(503, ExitCode.Failed)]
    [InlineData(404, ExitCode.Refused)]
    public void Tell_a_refusal_from_a_failure_without_a_body(int status, int exitCode) =>
        Assert.Equal(exitCode, ApiClient.Refusal(status, null).ExitCode);

    [Fact]
    public async Task Fetch_one_token_for_many_calls_and_encode_the_client_before_joining()
    {
        var server = new Server();
        using var client = new ApiClient(Credentials, TimeProvider.System, server);
        await client.GetAsync(Credentials.Url("x"), default);
        await client.GetAsync(Credentials.Url("x"), default);
        Assert.Equal(["/token", "/x", "/x"], server.Paths);
        Assert.Equal("Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("a%20b:s%3A%25")), server.Authorizations[0]);
        Assert.Equal("Bearer T", server.Authorizations[2]);
    }

    [Fact]
    public async Task Say_that_nobody_answers()
    {
        using var client = new ApiClient(Credentials);
        var fault = await Assert.ThrowsAsync<ApiFault>(() => client.TokenAsync(default));
        Assert.Equal(ExitCode.NotReachable, fault.ExitCode);
    }

    private sealed class Server : HttpMessageHandler
    {
        public List<string> Paths { get; } = [];

        public List<string?> Authorizations { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Paths.Add(request.RequestUri!.AbsolutePath);
            Authorizations.Add(request.Headers.Authorization?.ToString());
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK)
            {
                Content = new StringContent("""{"access_token":"T","expires_in":600}"""),
            });
        }
    }
}
