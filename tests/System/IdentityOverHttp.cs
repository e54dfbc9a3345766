using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bulkhead.Gateway;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Audit;
using Bulkhead.Platform.Identity;
using Bulkhead.Tests.System.Infrastructure;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Tests.System;

/// <summary>Tokens and the audit log's read side on a real database, in each isolation.</summary>
public sealed class IdentityOverHttp : IAsyncLifetime, IDisposable
{
    private const string Manifest = """
        app: notes
        version: 1
        title: Notes
        entities:
          note:
            fields:
              text: { type: text, class: internal }
        roles:
          writer:
            entities:
              note: { actions: [list], read: all }
          auditor:
            audit: read
            entities:
              note: { actions: [list], read: all }
        """;

    private readonly DirectoryInfo _keys = Directory.CreateTempSubdirectory("bh-keys");
    private PostgresCluster _cluster = null!;
    private WebApplication _app = null!;
    private readonly HttpClient _http = new();

    public async Task InitializeAsync()
    {
        _cluster = await PostgresCluster.StartAsync();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddKernel(new KernelOptions
        {
            AppConnection = $"Host={_cluster.Socket};Username=bulkhead_app;Password=app;Database=bulkhead",
            DeployConnection = _cluster.ConnectionString("postgres"),
            KeyDirectory = _keys.FullName,
            OperatorClientId = "operator",
            OperatorSecretDigest = SHA256.HashData("operator-secret"u8),
        });
        builder.Services.AddEdge(builder.Configuration).AddApps(builder.Configuration)
            .AddIdentity(builder.Configuration).AddAudit(builder.Configuration);
        _app = builder.Build();
        _app.UseEdge();
        _app.MapIdentity().MapAudit();
        await OnboardAsync(_app.Services.GetRequiredService<Deployment>());
        await _app.StartAsync();
        _http.BaseAddress = new(_app.Urls.First());
    }

    public void Dispose() => _http.Dispose();

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        await _cluster.DisposeAsync();
        _keys.Delete(recursive: true);
    }

    [Fact]
    public async Task A_client_gets_a_token_and_reads_its_own_log_in_every_isolation()
    {
        foreach (var slug in new[] { "shared", "schema", "database" })
        {
            var refused = await TokenAsync(slug, $"auditor-{slug}", "wrong");
            var unknown = await TokenAsync(slug, "nobody", "wrong");
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.Equal(await refused.Content.ReadAsStringAsync(), await unknown.Content.ReadAsStringAsync());

            var issued = await TokenAsync(slug, $"auditor-{slug}", "secret");
            Assert.Equal(HttpStatusCode.OK, issued.StatusCode);
            Assert.True(issued.Headers.CacheControl!.NoStore);
            var token = (string)(await issued.Content.ReadFromJsonAsync<JsonObject>())!["access_token"]!;

            var log = await LogAsync(slug, token, "?action=token.issue");
            Assert.Equal(["ok", "denied"], log["data"]!.AsArray().Select(e => (string?)e!["result"]));
            Assert.DoesNotContain("nobody", log.ToJsonString(), StringComparison.Ordinal);

            // Reading was an act of its own; the pages hang together.
            var first = await LogAsync(slug, token, "?limit=1");
            Assert.Equal("audit.read", (string?)first["data"]![0]!["action"]);
            var second = await LogAsync(slug, token, "?limit=3&after=" + (string?)first["next"]);
            // Its oldest entry is the tenant's own beginning.
            Assert.Equal(3, second["data"]!.AsArray().Count);
            Assert.Null(second["next"]);

            foreach (var other in new[] { "shared", "schema", "database" }.Where(o => o != slug))
            {
                Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync($"/t/{other}/api/v1/audit", token)).StatusCode);
            }

            Assert.Equal(HttpStatusCode.BadRequest, (await GetAsync(
                $"/t/{slug}/api/v1/audit?action=data.read&after=" + (string?)first["next"], token)).StatusCode);
        }
    }

    [Fact]
    public async Task Who_may_not_read_the_log_finds_none_and_leaves_an_entry()
    {
        var writer = await (await TokenAsync("schema", "writer-schema", "secret")).Content.ReadFromJsonAsync<JsonObject>();
        Assert.Equal(
            HttpStatusCode.NotFound, (await GetAsync("/t/schema/api/v1/audit", (string)writer!["access_token"]!)).StatusCode);

        var auditor = await (await TokenAsync("schema", "auditor-schema", "secret")).Content.ReadFromJsonAsync<JsonObject>();
        var log = await LogAsync("schema", (string)auditor!["access_token"]!, "?actor=writer-schema&action=audit.read");
        Assert.Equal("denied", (string?)Assert.Single(log["data"]!.AsArray())!["result"]);
    }

    [Fact]
    public async Task The_operator_gets_a_token_of_its_own_issuer()
    {
        var answer = await FormAsync("/operator/oauth/token", "operator", "operator-secret");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var token = (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal("operator", (string?)token["scope"]);
        Assert.Equal(
            HttpStatusCode.Unauthorized, (await GetAsync("/t/shared/api/v1/audit", (string)token["access_token"]!)).StatusCode);
        Assert.Equal(
            HttpStatusCode.Unauthorized, (await FormAsync("/operator/oauth/token", "operator", "secret")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await TokenAsync("shared", "operator", "operator-secret")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await _http.GetAsync("/operator/oauth/jwks")).StatusCode);
        Assert.Equal(
            HttpStatusCode.OK, (await _http.GetAsync("/.well-known/oauth-authorization-server/t/shared")).StatusCode);
    }

    private async Task OnboardAsync(Deployment deployment)
    {
        await deployment.PrepareAsync(null, default);
        var model = ManifestCompiler.Compile(Manifest).Model!;
        var create = SchemaPlan.Create(model);
        var actor = new Actor(ActorKind.Platform, "tests", []);
        await deployment.DeployAppAsync(actor, "r", new("notes", 1, Manifest), _ => [], null, default);
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            var slug = kind.Word();
            await deployment.OnboardAsync(
                actor, "r", new(TenantId.New(), slug, slug, kind, "notes", [], [
                    new($"auditor-{slug}", SHA256.HashData("secret"u8), "", ["auditor"]),
                    new($"writer-{slug}", SHA256.HashData("secret"u8), "", ["writer"]),
                ]), create, default);
        }
    }

    private Task<HttpResponseMessage> TokenAsync(string slug, string client, string secret) =>
        FormAsync($"/t/{slug}/oauth/token", client, secret);

    private async Task<HttpResponseMessage> FormAsync(string path, string client, string secret)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new FormUrlEncodedContent([new("grant_type", "client_credentials")]),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{client}:{secret}")));
        return await _http.SendAsync(request);
    }

    private async Task<JsonObject> LogAsync(string slug, string token, string query)
    {
        var answer = await GetAsync($"/t/{slug}/api/v1/audit{query}", token);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
    }

    private async Task<HttpResponseMessage> GetAsync(string path, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await _http.SendAsync(request);
    }
}
