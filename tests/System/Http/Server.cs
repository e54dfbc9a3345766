using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Bulkhead.Gateway;
using Bulkhead.Host;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Tests.System.Http;

/// <summary>
/// The program as it is put together by the Host, on Kestrel and a real PostgreSQL, with the sample clinic and two of its tenants in
/// each isolation: everything made over HTTP.
/// </summary>
public sealed class Server : IAsyncLifetime, IDisposable
{
    private static readonly string[] Roles = ["admin", "clinician", "billing", "auditor"];

    private readonly HttpClient _http = new();
    private readonly Dictionary<(string Slug, string Role), string> _tokens = [];
    private readonly Func<KernelOptions, KernelOptions> _change;
    private PostgresCluster? _cluster;
    private WebApplication? _app;

    public Server()
        : this(options => options)
    {
    }

    internal Server(Func<KernelOptions, KernelOptions> change) => _change = change;

    internal PostgresCluster Cluster => _cluster!;

    internal IServiceProvider Services => _app!.Services;

    public string OperatorToken { get; private set; } = "";

    public string Url { get; private set; } = "";

    public IReadOnlyList<string> Endpoints => EndpointList.Lines(_app!.Services.GetRequiredService<EndpointDataSource>());

    public static string A(IsolationKind kind) => $"{kind.Word()}-a";

    public static string B(IsolationKind kind) => $"{kind.Word()}-b";

    public string Token(string slug, string role) => _tokens[(slug, role)];

    public async Task InitializeAsync()
    {
        _cluster = await PostgresCluster.StartAsync("fsync = off");
        var keys = Directory.CreateTempSubdirectory("bh-keys-");
        Url = $"http://localhost:{FreePort.Take()}";
        var settings = Installation.Settings(_cluster, "bulkhead", keys) with
        {
            OperatorClientId = "operator",
            OperatorSecretDigest = SHA256.HashData("operator-secret"u8),
        };
        _app = Serve.Build(_change(settings), new ServeOptions(new Uri(Url).Port, Url, null));
        await _app.Services.GetRequiredService<Deployment>().PrepareAsync(null, default);
        await _app.Services.GetRequiredService<KernelStart>().CheckAsync(default);
        await _app.StartAsync();

        var token = OperatorToken = await TokenAsync("/operator", "operator", "operator-secret", "operator");
        using var manifest = new StringContent(await File.ReadAllTextAsync(Clinic()), Encoding.UTF8, "application/yaml");
        (await SendAsync(HttpMethod.Post, "/operator/v1/apps", token, manifest)).Is(HttpStatusCode.Created, HttpStatusCode.OK);
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            foreach (var slug in new[] { A(kind), B(kind) })
            {
                var made = (await SendAsync(HttpMethod.Post, "/operator/v1/tenants", token, JsonContent.Create(new
                {
                    slug,
                    name = slug,
                    isolation = kind.Word(),
                    app = "clinic",
                    hosts = Array.Empty<string>(),
                    serviceAccounts = Roles.Select(role => new { role }),
                }))).Is(HttpStatusCode.Created);
                foreach (var client in made.Json.GetProperty("serviceAccounts").EnumerateArray())
                {
                    _tokens[(slug, client.GetProperty("role").GetString()!)] = await TokenAsync(
                        $"/t/{slug}", client.GetProperty("clientId").GetString()!, client.GetProperty("clientSecret").GetString()!);
                }
            }
        }
    }

    public async Task DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }

        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    public void Dispose() => _http.Dispose();

    /// <param name="body">JSON text, or null for none.</param>
    public Task<Answer> CallAsync(
        string method, string slug, string path, string role, string? body = null, string type = "application/json",
        params (string Name, string Value)[] headers) =>
        SendAsync(
            new HttpMethod(method), $"/t/{slug}/api/v1/{path}", Token(slug, role),
            body is null ? null : new StringContent(body, Encoding.UTF8, type), headers);

    public async Task<Answer> SendAsync(
        HttpMethod method, string path, string? token, HttpContent? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, Url + path) { Content = body };
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (body is StringContent)
        {
            // Without a charset, as most clients send it.
            body.Headers.ContentType = new MediaTypeHeaderValue(body.Headers.ContentType!.MediaType!);
        }

        foreach (var (name, value) in headers)
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        using var response = await _http.SendAsync(request);
        return new Answer(
            $"{method} {path}",
            response.StatusCode,
            await response.Content.ReadAsStringAsync(),
            response.Headers.ETag?.ToString(),
            response.Headers.TryGetValues("Idempotency-Replayed", out _),
            response.Headers.WwwAuthenticate.ToString());
    }

    private async Task<string> TokenAsync(string issuer, string client, string secret, string? scope = null)
    {
        var form = new Dictionary<string, string> { ["grant_type"] = "client_credentials" };
        if (scope is not null)
        {
            form["scope"] = scope;
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Url}{issuer}/oauth/token") { Content = new FormUrlEncodedContent(form) };
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{client}:{secret}")));
        using var response = await _http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{issuer}: {response.StatusCode} {text}");
        using var json = JsonDocument.Parse(text);
        return json.RootElement.GetProperty("access_token").GetString()!;
    }

    internal static string Clinic() => Path.Combine(Root(), "samples", "clinic", "app.yaml");

    internal static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Bulkhead.slnx")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }
}

public sealed record Answer(string Request, HttpStatusCode Status, string Text, string? ETag, bool Replayed, string Challenge)
{
    public JsonElement Json => JsonDocument.Parse(Text).RootElement;

    public string? Code => Json.TryGetProperty("code", out var code) ? code.GetString() : null;

    public Answer Is(params HttpStatusCode[] expected)
    {
        Assert.True(expected.Contains(Status), $"{Request}: {(int)Status} {Text}");
        return this;
    }
}

[CollectionDefinition(Name)]
public sealed class OneServer : ICollectionFixture<Server>
{
    public const string Name = "Server";
}
