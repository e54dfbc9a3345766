using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Bulkhead.Host;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;
using Bulkhead.Tests.System.Http;
using Bulkhead.Tests.System.Infrastructure;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Bulkhead.Tests.System.Keys;

/// <summary>
/// The program as the Host puts it together, on a PostgreSQL that logs every statement, with an app of which almost everything is
/// sealed, and two tenants in each isolation.
/// </summary>
public class VaultServer : IAsyncLifetime, IDisposable
{
    public const string Manifest = """
        app: vault
        version: 1
        title: Vault
        audit:
          readsOf: [secret]
        masks:
          last: { keepLast: 2 }
          year: yearOnly
          none: hide
        entities:
          person:
            plural: people
            subject: self
            fields:
              name:    { type: text, maxLength: 200, class: public }
              note:    { type: text, maxLength: 10000, class: public }
              number:  { type: integer, class: public }
              nick:    { type: text, maxLength: 200, class: personal, sealed: true, search: equality }
              badge:   { type: integer, class: personal, sealed: true, search: equality }
              ssn:     { type: text, maxLength: 100, class: secret, unique: true }
              card:    { type: text, maxLength: 100, class: cardholder }
              born:    { type: date, class: health }
              seen:    { type: timestamp, class: health }
              weight:  { type: decimal, class: health }
              steps:   { type: integer, class: health }
              alive:   { type: boolean, class: health }
              blood:   { type: enum, values: [A, B, AB, O], class: health }
              device:  { type: uuid, class: health, search: equality }
              chart:   { type: json, class: health }
              history: { type: text, maxLength: 10000, class: health }
              boss:    { type: reference, to: person, onDelete: setNull, inverse: staff }
            indexes: [[name]]
          visit:
            plural: visits
            subject: person
            fields:
              person:  { type: reference, to: person, required: true, onDelete: cascade, inverse: visits }
              history: { type: text, maxLength: 10000, class: health, search: equality }
              nick:    { type: text, maxLength: 200, class: personal, sealed: true }
          place:
            plural: places
            subject: none
            fields:
              name: { type: text, maxLength: 100, class: public }
        roles:
          admin:
            audit: read
            entities:
              place: { actions: [list, read, create, update, delete], read: all, write: all }
              person: { actions: [list, read, create, update, delete], read: all, write: all }
              visit: { actions: [list, read, create, update, delete], read: all, write: all }
          viewer:
            entities:
              person: { actions: [list, read], read: all, mask: { ssn: last, born: year, weight: none, chart: none } }
        """;

    private readonly HttpClient _http = new();
    private readonly DirectoryInfo _keys = Directory.CreateTempSubdirectory("bh-keys-");
    private readonly Dictionary<(string Slug, string Role), string> _tokens = [];
    private readonly LinesOfTheProgram _log = new();
    private PostgresCluster? _cluster;
    private WebApplication? _app;

    public PostgresCluster Cluster => _cluster!;

    public IServiceProvider Services => _app!.Services;

    public AppModel Model { get; } = ManifestCompiler.Compile(Manifest).Model!;

    /// <summary>Everything that the key store keeps.</summary>
    public virtual IEnumerable<string> KeyFolders => [_keys.FullName];

    /// <summary>What the program logged so far.</summary>
    public string Log => string.Join('\n', _log.Lines);

    private string Url { get; set; } = "";

    public static string A(IsolationKind kind) => $"{kind.Word()}-a";

    public static string B(IsolationKind kind) => $"{kind.Word()}-b";

    public TenantEntry Tenant(string slug) => Services.GetRequiredService<Catalogue>().Current.BySlug[slug];

    public virtual async Task InitializeAsync()
    {
        _cluster = await PostgresCluster.StartAsync(
            "log_statement = 'all'", "log_min_duration_statement = 0", "fsync = off", "autovacuum = off");
        Url = $"http://localhost:{FreePort.Take()}";
        var settings = Installation.Settings(_cluster, "bulkhead", _keys) with
        {
            OperatorClientId = "operator",
            OperatorSecretDigest = SHA256.HashData("operator-secret"u8),
        };
        _app = Serve.Build(WithKeyStore(settings), new ServeOptions(new Uri(Url).Port, Url, null));
        Services.GetRequiredService<ILoggerFactory>().AddProvider(_log);
        await Services.GetRequiredService<Deployment>().PrepareAsync(null, default);
        await Services.GetRequiredService<KernelStart>().CheckAsync(default);
        await _app.StartAsync();

        var token = await TokenAsync("/operator", "operator", "operator-secret", "operator");
        using var manifest = new StringContent(Manifest, Encoding.UTF8, "application/yaml");
        (await SendAsync(HttpMethod.Post, "/operator/v1/apps", token, manifest)).Is(HttpStatusCode.Created, HttpStatusCode.OK);
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            await OnboardAsync(A(kind), kind, token);
            await OnboardAsync(B(kind), kind, token);
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

    /// <summary>Where the roots are; in files unless said otherwise.</summary>
    protected virtual KernelOptions WithKeyStore(KernelOptions settings) => settings;

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        _http.Dispose();
        _log.Dispose();
        _keys.Delete(recursive: true);
    }

    public async Task<Answer> CallAsync(
        string method, string slug, string path, object? body = null, string role = "admin", string type = "application/json",
        params (string Name, string Value)[] headers)
    {
        var text = body as string ?? (body is null ? null : JsonSerializer.Serialize(body));
        using var content = text is null ? null : new StringContent(text, Encoding.UTF8, type);
        return await SendAsync(new HttpMethod(method), $"/t/{slug}/api/v1/{path}", _tokens[(slug, role)], content, headers);
    }

    /// <summary>A record that must be made; gives its id.</summary>
    public async Task<Guid> CreateAsync(string slug, object body, string plural = "people") =>
        (await CallAsync("POST", slug, plural, body)).Is(HttpStatusCode.Created).Json.GetProperty("id").GetGuid();

    /// <summary>Changes a record as it is now.</summary>
    public async Task<Answer> PatchAsync(string slug, Guid id, object body, string plural = "people")
    {
        var now = (await CallAsync("GET", slug, $"{plural}/{id}")).Is(HttpStatusCode.OK);
        return await CallAsync("PATCH", slug, $"{plural}/{id}", body, headers: ("If-Match", now.ETag!));
    }

    /// <summary>Around the platform, with all rights and without row-level security.</summary>
    public async Task<NpgsqlConnection> AsOwnerAsync(string database)
    {
        var connection = new NpgsqlConnection(Cluster.ConnectionString(database) + ";Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    public Task<NpgsqlConnection> AsOwnerOfAsync(string slug) => AsOwnerAsync(Tenant(slug).Placement.Unit.Database);

    public string Table(string slug, string entity) =>
        $"{Tenant(slug).Placement.Unit.AppSchema.Quoted}.{Model.ByName[entity].Table.Quoted}";

    public string BlindIndex(string entity, string field) => Model.ByName[entity].ByName[field].BlindIndex!.Quoted;

    public static string Envelope(string dataClass) => SealedFieldDefinition.EnvelopeOf(dataClass).Quoted;

    private async Task OnboardAsync(string slug, IsolationKind kind, string token)
    {
        var made = (await SendAsync(HttpMethod.Post, "/operator/v1/tenants", token, JsonContent.Create(new
        {
            slug,
            name = slug,
            isolation = kind.Word(),
            app = "vault",
            hosts = Array.Empty<string>(),
            serviceAccounts = new[] { new { role = "admin" }, new { role = "viewer" } },
        }))).Is(HttpStatusCode.Created);
        foreach (var client in made.Json.GetProperty("serviceAccounts").EnumerateArray())
        {
            _tokens[(slug, client.GetProperty("role").GetString()!)] = await TokenAsync(
                $"/t/{slug}", client.GetProperty("clientId").GetString()!, client.GetProperty("clientSecret").GetString()!);
        }
    }

    private async Task<Answer> SendAsync(
        HttpMethod method, string path, string? token, HttpContent? body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, Url + path) { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (body is StringContent)
        {
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
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials", ["client_id"] = client, ["client_secret"] = secret,
        };
        if (scope is not null)
        {
            form["scope"] = scope;
        }

        using var content = new FormUrlEncodedContent(form);
        using var response = await _http.PostAsync(new Uri($"{Url}{issuer}/oauth/token"), content);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{issuer}: {response.StatusCode} {text}");
        using var json = JsonDocument.Parse(text);
        return json.RootElement.GetProperty("access_token").GetString()!;
    }

    private sealed class LinesOfTheProgram : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}

/// <summary>The same with its roots in a token of its own. Started only where SoftHSM is.</summary>
public sealed class VaultServerWithHsm(SoftHsm hsm) : VaultServer
{
    public override IEnumerable<string> KeyFolders => [.. base.KeyFolders, hsm.Tokens];

    public override Task InitializeAsync() => File.Exists(SoftHsm.Library) ? base.InitializeAsync() : Task.CompletedTask;

    /// <summary>The roots are in the token, and nowhere else.</summary>
    public async Task RequireTokenAsync()
    {
        var roots = await Services.GetRequiredService<KeyCustody>().RootsAsync(default);
        Assert.NotEmpty(roots);
        Assert.All(roots, root => Assert.Equal("pkcs11", root.Store));
        Assert.Empty(base.KeyFolders.SelectMany(Directory.EnumerateFileSystemEntries));
    }

    protected override KernelOptions WithKeyStore(KernelOptions settings) => settings with { Hsm = hsm.Options(SoftHsm.Vault) };
}

[CollectionDefinition(Name)]
public sealed class OneVault : ICollectionFixture<VaultServer>
{
    public const string Name = "Vault";
}
