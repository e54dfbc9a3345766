using Bulkhead.Gateway;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.Unit.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Bulkhead.Tests.Unit.Gateway;

public sealed class EdgeTests : IAsyncLifetime
{
    private EdgeServer _server = null!;

    public async Task InitializeAsync() => _server = await EdgeServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task The_path_form_names_the_tenant_and_disappears_from_the_path()
    {
        var answer = await _server.GetAsync("/t/riverside/api/v1/patients");
        Assert.Equal("riverside", answer["tenant"]);
        Assert.Equal("/t/riverside", answer["base"]);
        Assert.Equal("/api/v1/patients", answer["path"]);
        Assert.Null(answer["host"]);
    }

    [Theory]
    [InlineData("care.example")]
    [InlineData("care.example:8443")]
    [InlineData("CARE.Example")]
    [InlineData("care.example.")]
    public async Task A_claimed_host_names_the_tenant(string host)
    {
        var answer = await _server.GetAsync("/api/v1/patients", host);
        Assert.Equal("northside", answer["tenant"]);
        Assert.Equal("care.example", answer["host"]);
        Assert.Equal("", answer["base"]);
    }

    [Theory]
    [InlineData("care.example")]
    [InlineData("care.example.")]
    [InlineData("closed.example")]
    public async Task A_claimed_host_never_falls_back_to_the_path(string host)
    {
        Assert.Equal(404, (await _server.GetAsync("/t/riverside/api/v1/patients", host)).Status);
        Assert.Equal(404, (await _server.GetAsync("/t/northside/api/v1/patients", host)).Status);
        Assert.Equal(404, (await _server.GetAsync("/operator/v1/status", host)).Status);
    }

    [Theory]
    [InlineData("/t/unknown/api/v1/patients")]
    [InlineData("/t/closed/api/v1/patients")]
    [InlineData("/t/early/api/v1/patients")]
    [InlineData("/t/Northside/api/v1/patients")]
    [InlineData("/t/northside/api/v1/patients/x/y/z")]
    [InlineData("/t/northside")]
    [InlineData("/t/")]
    [InlineData("/t")]
    [InlineData("/T/northside/api/v1/patients")]
    public async Task What_is_not_there_cannot_be_told_from_what_does_not_serve(string target)
    {
        var answer = await _server.GetAsync(target);
        var reference = await _server.GetAsync("/no/such/route");
        Assert.Equal(404, answer.Status);
        answer.Body!.Remove("requestId");
        reference.Body!.Remove("requestId");
        Assert.Equal(reference.Body.ToJsonString(), answer.Body.ToJsonString());
        Assert.Equal(reference.Headers.Keys.Order(), answer.Headers.Keys.Order());
    }

    [Fact]
    public async Task A_suspended_tenants_host_is_not_found()
    {
        Assert.Equal(404, (await _server.GetAsync("/api/v1/patients", "closed.example")).Status);
    }

    [Fact]
    public async Task Planes_do_not_cross()
    {
        Assert.Equal(404, (await _server.GetAsync("/api/v1/patients")).Status);
        Assert.Equal(404, (await _server.GetAsync("/t/northside/operator/v1/status")).Status);
        Assert.Equal(404, (await _server.GetAsync("/t/northside/health")).Status);
        Assert.Equal(404, (await _server.GetAsync("/t/northside/")).Status);
        Assert.Equal(404, (await _server.GetAsync("/t/northside/t/riverside/api/v1/patients")).Status);
        Assert.Equal(200, (await _server.GetAsync("/operator/v1/status")).Status);
        Assert.Equal(200, (await _server.GetAsync("/")).Status);
    }

    [Fact]
    public async Task Metadata_is_found_in_both_forms_of_its_url()
    {
        var inside = await _server.GetAsync("/t/northside/.well-known/oauth-authorization-server");
        var inserted = await _server.GetAsync("/.well-known/oauth-authorization-server/t/northside");
        Assert.Equal("northside", inside["tenant"]);
        Assert.Equal("northside", inserted["tenant"]);
        Assert.Equal(inside["base"], inserted["base"]);
        Assert.Equal(404, (await _server.GetAsync("/.well-known/oauth-authorization-server/t/closed")).Status);
        Assert.Equal(404, (await _server.GetAsync("/.well-known/oauth-authorization-server/t/northside/api")).Status);
        Assert.Equal(404, (await _server.GetAsync("/.well-known/oauth-authorization-server")).Status);
    }

    [Fact]
    public async Task An_unknown_host_is_refused_except_for_the_health()
    {
        var answer = await _server.GetAsync("/t/northside/api/v1/patients", "attacker.example");
        Assert.Equal(421, answer.Status);
        Assert.Equal("unknown-host", answer.Code);
        Assert.Equal(421, (await _server.GetAsync("/", "attacker.example")).Status);
        Assert.Equal(200, (await _server.GetAsync("/health", "10.0.0.7:8080")).Status);
        Assert.Equal(200, (await _server.GetAsync("/", "localhost:8080")).Status);
        Assert.Equal(200, (await _server.GetAsync("/", "[::1]:8080")).Status);
    }

    [Fact]
    public async Task A_change_of_the_catalogue_holds_from_the_next_request_on()
    {
        Assert.Equal(200, (await _server.GetAsync("/t/northside/api/v1/patients")).Status);
        _server.Catalogue = EdgeServer.Snapshot(
            TestIssuer.EntryOf("northside", []) with { Status = TenantStatus.Suspended });
        Assert.Equal(404, (await _server.GetAsync("/t/northside/api/v1/patients")).Status);
        _server.Catalogue = CatalogueSnapshot.Empty;
        Assert.Equal(404, (await _server.GetAsync("/t/northside/api/v1/patients")).Status);
    }

    [Fact]
    public async Task Another_method_gets_405_with_a_problem_and_Allow()
    {
        var answer = await _server.SendAsync(
            "DELETE /t/northside/api/v1/patients HTTP/1.1\r\nHost: bulkhead.test\r\nConnection: close\r\n\r\n");
        Assert.Equal(405, answer.Status);
        Assert.Equal("method-not-allowed", answer.Code);
        Assert.Contains("GET", answer.Headers["Allow"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_over_the_limit_gets_413()
    {
        var answer = await _server.SendAsync(
            "POST /t/northside/api/v1/patients HTTP/1.1\r\nHost: bulkhead.test\r\nContent-Length: 8388609\r\nConnection: close\r\n\r\n");
        Assert.Equal(413, answer.Status);
        Assert.Equal("body-too-large", answer.Code);
    }

    [Fact]
    public async Task Faults_become_answers_without_their_words()
    {
        await using var server = await EdgeServer.StartAsync(routes =>
        {
            Fails(routes, "/fenced", new TenantFault(TenantFaultKind.Fenced));
            Fails(routes, "/unknown", new TenantFault(TenantFaultKind.Unknown));
            Fails(routes, "/timeout", new TenantFault(TenantFaultKind.Timeout));
            Fails(routes, "/bug", new InvalidOperationException("secret words"));
        });

        var fenced = await server.GetAsync("/fenced");
        Assert.Equal((503, "unavailable", "1"), (fenced.Status, fenced.Code, fenced.Headers["Retry-After"]));
        Assert.Equal(404, (await server.GetAsync("/unknown")).Status);
        Assert.Equal("timeout", (await server.GetAsync("/timeout")).Code);
        var bug = await server.GetAsync("/bug");
        Assert.Equal((500, "internal-error"), (bug.Status, bug.Code));
        Assert.Equal(bug["requestId"], bug.Headers["Request-Id"]);
        Assert.False(bug.Headers.ContainsKey("X-Half-Done"));
        Assert.DoesNotContain("secret words", bug.Body!.ToJsonString() + server.Log.Text, StringComparison.Ordinal);
        Assert.Contains(bug["requestId"]!, server.Log.Text, StringComparison.Ordinal);

        static void Fails(IEndpointRouteBuilder routes, string path, Exception fault) =>
            routes.MapGet(path, (HttpContext context) =>
            {
                context.Response.Headers["X-Half-Done"] = "yes";
                throw fault;
            }).WithMetadata(EndpointPolicy.Public);
    }

    [Fact]
    public async Task A_busy_tenant_gets_429_and_its_neighbour_feels_nothing()
    {
        var release = new TaskCompletionSource();
        var entered = new SemaphoreSlim(0);
        await using var server = await EdgeServer.StartAsync(
            routes => routes.MapGet("/api/v1/{plural}", async (HttpContext context, string plural) =>
            {
                entered.Release();
                if (plural == "slow")
                {
                    await release.Task;
                }

                await EdgeServer.Echo(context);
            }).WithMetadata(EndpointPolicy.Tenant),
            ("Bulkhead:Edge:MaxRequestsPerTenant", "2"),
            ("Bulkhead:Edge:MaxRequests", "3"));

        var first = server.GetAsync("/t/northside/api/v1/slow");
        var second = server.GetAsync("/t/northside/api/v1/slow");
        await entered.WaitAsync();
        await entered.WaitAsync();

        var third = await server.GetAsync("/t/northside/api/v1/patients");
        Assert.Equal((429, "too-many-requests", "1"), (third.Status, third.Code, third.Headers["Retry-After"]));
        Assert.Equal(200, (await server.GetAsync("/t/riverside/api/v1/patients")).Status);

        // The limit belongs to the tenant, not to its entry of the moment.
        server.Catalogue = EdgeServer.Snapshot([.. server.Catalogue.Tenants.Values.Select(t => t with { Name = "renamed" })]);
        Assert.Equal(429, (await server.GetAsync("/t/northside/api/v1/patients")).Status);

        var neighbour = server.GetAsync("/t/riverside/api/v1/slow");
        await entered.WaitAsync();
        await entered.WaitAsync();
        var overall = await server.GetAsync("/t/riverside/api/v1/patients");
        Assert.Equal((503, "overloaded"), (overall.Status, overall.Code));

        release.SetResult();
        Assert.All(await Task.WhenAll(first, second, neighbour), answer => Assert.Equal(200, answer.Status));
        Assert.Equal(200, (await server.GetAsync("/t/northside/api/v1/patients")).Status);
    }

    [Fact]
    public async Task An_endpoint_without_a_policy_keeps_the_program_from_starting()
    {
        var fault = await Assert.ThrowsAsync<InvalidOperationException>(
            () => EdgeServer.StartAsync(routes => routes.MapGet("/forgotten", () => "")));
        Assert.Contains("/forgotten", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_endpoint_is_listed_with_who_may_call_it() =>
        Assert.Equal(
            [
                "GET / public anyone",
                "GET /.well-known/oauth-authorization-server tenant anyone",
                "GET /api/v1/{plural} tenant token",
                "GET /health public anyone",
                "GET /operator/v1/status operator token",
                "POST /api/v1/{plural} tenant token",
            ],
            EndpointList.Lines(_server.Endpoints));
}
