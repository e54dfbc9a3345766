using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Bulkhead.Host;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Http;
using Bulkhead.Tests.System.Infrastructure;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Keys;

/// <summary>The program as the Host puts it together, with the sample clinic; it can be stopped and started again.</summary>
public sealed class HoldingServer : IAsyncLifetime, IDisposable
{
    public static readonly TimeSpan CacheTime = TimeSpan.FromSeconds(1);

    /// <summary>What a machine that others use may add to a time that is looked at.</summary>
    public static readonly TimeSpan Slowness = TimeSpan.FromSeconds(15);
    private readonly HttpClient _http = new();
    private readonly DirectoryInfo _keys = Directory.CreateTempSubdirectory("bh-keys-");
    private PostgresCluster? _cluster;
    private WebApplication? _app;

    public string Url { get; private set; } = "";

    public string Operator { get; private set; } = "";

    internal HeldKeyStores Stores => _app!.Services.GetRequiredService<HeldKeyStores>();

    public async Task InitializeAsync()
    {
        _cluster = await PostgresCluster.StartAsync("fsync = off");
        Url = $"http://localhost:{FreePort.Take()}";
        await StartAsync();
        Operator = await TokenAsync("/operator", "operator", "operator-secret", "operator");
        using var manifest = new StringContent(await File.ReadAllTextAsync(Server.Clinic()), Encoding.UTF8, "application/yaml");
        manifest.Headers.ContentType = new MediaTypeHeaderValue("application/yaml");
        (await SendAsync("POST", "/operator/v1/apps", Operator, manifest)).Is(HttpStatusCode.Created, HttpStatusCode.OK);
    }

    public async Task DisposeAsync()
    {
        await StopAsync();
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }

        _keys.Delete(recursive: true);
    }

    public void Dispose() => _http.Dispose();

    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    /// <summary>A tenant with its clients, and a key service that is its own and answers, and that it has not registered.</summary>
    public async Task<KeyOwner> OnboardAsync(string slug, IsolationKind kind)
    {
        var made = (await SendAsync("POST", "/operator/v1/tenants", Operator, JsonContent.Create(new
        {
            slug,
            name = slug,
            isolation = kind.Word(),
            app = "clinic",
            hosts = Array.Empty<string>(),
            serviceAccounts = new[] { "admin", "securityOfficer" }.Select(role => new { role }),
        }))).Is(HttpStatusCode.Created);
        var clients = made.Json.GetProperty("serviceAccounts").EnumerateArray().ToDictionary(
            c => c.GetProperty("role").GetString()!,
            c => (Id: c.GetProperty("clientId").GetString()!, Secret: c.GetProperty("clientSecret").GetString()!));
        var id = _app!.Services.GetRequiredService<Catalogue>().Current.BySlug[slug].Id;
        var service = new KeyServiceProcess { Tenant = id };
        await service.InitializeAsync();
        var owner = new KeyOwner(this, slug, id, clients, service);
        await owner.SignInAsync();
        return owner;
    }

    public async Task<Answer> SendAsync(string method, string path, string token, HttpContent? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), Url + path) { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await _http.SendAsync(request);
        return new Answer(
            $"{method} {path}",
            response.StatusCode,
            await response.Content.ReadAsStringAsync(),
            response.Headers.ETag?.ToString(),
            Replayed: false,
            Challenge: "");
    }

    public async Task<string> TokenAsync(string issuer, string client, string secret, string? scope = null)
    {
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials", ["client_id"] = client, ["client_secret"] = secret,
        };
        if (scope is not null)
        {
            form["scope"] = scope;
        }

        using var response = await _http.PostAsync($"{Url}{issuer}/oauth/token", new FormUrlEncodedContent(form));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{issuer}: {response.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement.GetProperty("access_token").GetString()!;
    }

    public async Task<NpgsqlConnection> CatalogueAsync()
    {
        var settings = new NpgsqlConnectionStringBuilder(_cluster!.ConnectionString("bulkhead")) { Pooling = false };
        var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    private async Task StartAsync()
    {
        var settings = Installation.Settings(_cluster!, "bulkhead", _keys) with
        {
            OperatorClientId = "operator",
            OperatorSecretDigest = SHA256.HashData("operator-secret"u8),
            HeldKeyCacheTime = CacheTime,
            HeldKeyAllowPrivateAddresses = true,
            // The machine of the tests is busy.
            HeldKeyTimeout = TimeSpan.FromSeconds(10),
        };
        _app = Serve.Build(settings, new ServeOptions(new Uri(Url).Port, Url, null));
        await _app.Services.GetRequiredService<Deployment>().PrepareAsync(null, default);
        await _app.Services.GetRequiredService<KernelStart>().CheckAsync(default);
        await _app.StartAsync();
    }

    private async Task StopAsync()
    {
        if (_app is not null)
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }
    }
}

/// <summary>A tenant that may take its keys into its own hands, as its clients see it.</summary>
public sealed class KeyOwner(
    HoldingServer server,
    string slug,
    TenantId id,
    IReadOnlyDictionary<string, (string Id, string Secret)> clients,
    KeyServiceProcess service) : IAsyncDisposable
{
    private readonly Dictionary<string, string> _tokens = [];

    public string Slug => slug;

    public TenantId Id => id;

    public KeyServiceProcess Service => service;

    public IReadOnlyDictionary<string, (string Id, string Secret)> Clients => clients;

    public async Task SignInAsync()
    {
        foreach (var (role, client) in clients)
        {
            _tokens[role] = await server.TokenAsync($"/t/{slug}", client.Id, client.Secret);
        }
    }

    public Task<Answer> CallAsync(string method, string path, object? body = null, string role = "securityOfficer") =>
        server.SendAsync(
            method,
            $"/t/{slug}/api/v1/{path}",
            _tokens[role],
            body switch
            {
                null => null,
                HttpContent content => content,
                string json => new StringContent(json, new MediaTypeHeaderValue("application/json")),
                _ => JsonContent.Create(body),
            });

    public Dictionary<string, object> Registration(params string[] keyIds) => new()
    {
        ["url"] = service.Url,
        ["serverCa"] = service.Read("ca.pem"),
        ["keys"] = keyIds.DefaultIfEmpty(service.KeyId)
            .Select((key, i) => new { root = i + 1, publicKey = service.Read($"keys/{key}.pub.pem") }).ToArray(),
        ["clientCertificate"] = service.Registration().ClientCertificate,
        ["clientKey"] = service.Read("platform.pem"),
    };

    public async Task<Answer> RegisterAsync(params string[] keyIds) =>
        (await CallAsync("PUT", "keys/service", Registration(keyIds))).Is(HttpStatusCode.OK);

    public async Task<string> AddPatientAsync(string passport)
    {
        var made = (await CreateAsync(passport)).Is(HttpStatusCode.Created);
        return made.Json.GetProperty("id").GetString()!;
    }

    public Task<Answer> CreateAsync(string passport) => CallAsync(
        "POST", "patients", new { firstName = "A", lastName = "B", birthDate = "1970-01-01", gender = "F", passport }, "admin");

    public Task<Answer> FindAsync(string passport) => CallAsync("GET", $"patients?passport={passport}", role: "admin");

    /// <summary>Read by its id and found by its blind index.</summary>
    public async Task SeesAsync(string patient, string passport)
    {
        var read = (await CallAsync("GET", $"patients/{patient}", role: "admin")).Is(HttpStatusCode.OK);
        Assert.Equal(passport, read.Json.GetProperty("passport").GetString());
        var found = (await FindAsync(passport)).Is(HttpStatusCode.OK);
        Assert.Equal(patient, Assert.Single(found.Json.GetProperty("data").EnumerateArray()).GetProperty("id").GetString());
    }

    /// <summary>Purpose, version, holder and root of the tenant keys.</summary>
    public async Task<List<string>> KeysAsync() =>
    [
        .. (await CallAsync("GET", "keys")).Is(HttpStatusCode.OK).Json.GetProperty("keys").EnumerateArray()
            .Where(k => k.GetProperty("purpose").GetString() != "rows")
            .Select(k => $"{k.GetProperty("purpose")} {k.GetProperty("number")} {k.GetProperty("heldBy")} {k.GetProperty("root")}"),
    ];

    /// <summary>Until it answers so; fails when it takes longer than the cache may hold the keys, on a slow machine.</summary>
    public async Task UntilAsync(HttpStatusCode status, string? code, Func<Task<Answer>> call)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var answer = await call();
            if (answer.Status == status && (code is null || answer.Code == code))
            {
                return;
            }

            Assert.True(
                TimeProvider.System.GetElapsedTime(start) < HoldingServer.CacheTime + HoldingServer.Slowness,
                $"{status} {code} was expected: {(int)answer.Status} {answer.Text}");
            await Task.Delay(50);
        }
    }

    public ValueTask DisposeAsync() => new(service.DisposeAsync());
}
