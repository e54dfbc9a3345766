using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Bulkhead.Gateway;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Audit;
using Bulkhead.Platform.Data;
using Bulkhead.Platform.Identity;
using Bulkhead.Platform.Keys;
using Bulkhead.Tests.System.Infrastructure;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Tests.System.Data;

/// <summary>The data API over HTTP on a real PostgreSQL.</summary>
public class DataServer : IAsyncLifetime
{
    public const string Manifest = """
        app: shop
        version: 1
        title: Shop
        audit:
          readsOf: [secret, health]
        masks:
          last: { keepLast: 2 }
        entities:
          city:
            plural: cities
            subject: none
            fields:
              name: { type: text, required: true, maxLength: 50, class: public, unique: true }
          person:
            plural: people
            subject: self
            fields:
              name: { type: text, required: true, maxLength: 50, class: personal }
              age: { type: integer, min: 0, max: 150, class: personal }
              born: { type: date, class: personal }
              seen: { type: timestamp, class: internal }
              income: { type: decimal, scale: 2, class: personal, default: 0 }
              code: { type: uuid, class: internal }
              kind: { type: enum, values: [a, b], class: internal }
              alive: { type: boolean, class: internal }
              extra: { type: json, class: internal }
              ssn: { type: text, maxLength: 20, class: secret, unique: true }
              city: { type: reference, to: city, onDelete: restrict, inverse: people }
              boss: { type: reference, to: person, onDelete: setNull, inverse: staff }
            indexes: [[age, name]]
          visit:
            plural: visits
            subject: person
            fields:
              person: { type: reference, to: person, required: true, onDelete: cascade, inverse: visits }
              reason: { type: text, maxLength: 100, class: health }
          note:
            plural: notes
            subject: visit.person
            fields:
              visit: { type: reference, to: visit, required: true, onDelete: cascade, inverse: notes }
        roles:
          admin:
            audit: manage
            keys: manage
            entities:
              city: { actions: [list, read, create, update, delete], read: all, write: all }
              person: { actions: [list, read, create, update, delete], read: all, write: all }
              visit: { actions: [list, read, create, update, delete], read: all, write: all }
              note: { actions: [list, read, create, update, delete], read: all, write: all }
          viewer:
            entities:
              person: { actions: [list, read], read: all, mask: { ssn: last } }
        """;

    private readonly string _manifest = Manifest;
    private readonly Func<KernelOptions, KernelOptions> _change = options => options;
    private PostgresCluster? _cluster;
    private WebApplication? _app;

    public DataServer()
    {
    }

    /// <summary>With another app, which must be named <c>shop</c> and have the same roles.</summary>
    internal DataServer(string manifest, Func<KernelOptions, KernelOptions> change)
    {
        _manifest = manifest;
        _change = change;
    }

    internal IServiceProvider Services => _app!.Services;

    internal PostgresCluster Cluster => _cluster!;

    public HttpClient Http { get; private set; } = null!;

    public TenantDatabase Database { get; private set; } = null!;

    public Dictionary<string, TenantEntry> Tenants { get; } = [];

    public Dictionary<(string, string), string> Tokens { get; } = [];

    public LateClock Clock { get; } = new();

    public async Task InitializeAsync()
    {
        _cluster = await PostgresCluster.StartAsync();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        var url = $"http://localhost:{FreePort.Take()}";
        builder.Configuration["urls"] = url;
        builder.Configuration["Bulkhead:PublicUrl"] = url;
        builder.Services.AddKernel(_change(new KernelOptions
        {
            AppConnection = $"Host={_cluster.Socket};Username=bulkhead_app;Password=app;Database=bulkhead",
            DeployConnection = _cluster.ConnectionString("postgres"),
            KeyDirectory = Directory.CreateTempSubdirectory("bh-keys").FullName,
        }));
        builder.Services.AddEdge(builder.Configuration).AddIdentity(builder.Configuration).AddData(
            builder.Configuration);
        builder.Services.AddSingleton<AppCatalogue>();
        builder.Services.AddKeys().AddAudit(builder.Configuration);
        builder.Services.AddSingleton<TimeProvider>(Clock);
        _app = builder.Build();
        var services = _app.Services;
        var deployment = services.GetRequiredService<Deployment>();
        await deployment.PrepareAsync(null, default);
        var compiled = ManifestCompiler.Compile(_manifest);
        Assert.Empty(compiled.Faults);
        var create = SchemaPlan.Create(compiled.Model!);
        var op = new Actor(ActorKind.Operator, "op", []);
        await deployment.DeployAppAsync(op, "r", new AppRelease("shop", 1, _manifest), _ => [], null, default);
        foreach (var (slug, kind) in new[] { ("a", IsolationKind.Shared), ("b", IsolationKind.Schema),
            ("c", IsolationKind.Database) })
        {
            await deployment.OnboardAsync(op, "r", new NewTenant(TenantId.New(), slug, slug, kind, "shop", [],
            [
                Account(slug, "admin"), Account(slug, "viewer"),
            ]), create, default);
        }

        await services.GetRequiredService<KernelStart>().CheckAsync(default);
        _app.UseEdge();
        _app.MapIdentity();
        _app.MapData();
        _app.MapKeys();
        _app.MapAudit();
        await _app.StartAsync();
        Database = services.GetRequiredService<TenantDatabase>();
        Http = new HttpClient { BaseAddress = new Uri(url) };
        await SignInAsync();
    }

    /// <summary>New tokens for everybody: after the clock was moved on, the old ones have expired.</summary>
    public async Task SignInAsync()
    {
        foreach (var tenant in Services.GetRequiredService<Catalogue>().Current.Tenants.Values)
        {
            Tenants[tenant.Slug] = tenant;
            foreach (var role in new[] { "admin", "viewer" })
            {
                using var answer = await Http.PostAsync($"/t/{tenant.Slug}/oauth/token", new FormUrlEncodedContent(
                    new Dictionary<string, string>
                    {
                        ["grant_type"] = "client_credentials", ["client_id"] = $"{tenant.Slug}-{role}",
                            ["client_secret"] = "secret",
                    }));
                var text = await answer.Content.ReadAsStringAsync();
                Assert.True(answer.IsSuccessStatusCode, text);
                Tokens[(tenant.Slug, role)] =
                    JsonDocument.Parse(text).RootElement.GetProperty("access_token").GetString()!;
            }
        }
    }

    public async Task DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }

        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    public async Task<Answer> SendAsync(
        string tenant, string method, string path, string? body = null, string role = "admin", string type =
            "application/json",
        params (string, string)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), $"/t/{tenant}/api/v1/{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Tokens[(tenant, role)]);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(type);
        }

        using var answer = await Http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return new((int)answer.StatusCode, text, answer.Headers.ETag?.ToString(), answer.Headers.Location?.ToString(),
            answer.Headers.Contains("Idempotency-Replayed"));
    }

    public async Task<List<string>> EntriesAsync(string tenant)
    {
        var entries = new List<string>();
        await Database.RunAsync(
            new RequestContext(Tenants[tenant].Id, new Actor(ActorKind.Platform, "test", []), "r", "shop@1"),
            new TenantWork().Read(Sql.Of($"select body from {Place.Core}.{SqlName.Of("audit_entry")} order by id"),
                r => entries.Add(r.Text(0))),
            default);
        return entries;
    }

    private static NewServiceAccount Account(string slug, string role) =>
        new($"{slug}-{role}", SHA256.HashData("secret"u8), role, [role]);
}

public sealed record Answer(int Status, string Text, string? ETag, string? Location, bool Replayed)
{
    public JsonElement Json => JsonDocument.Parse(Text).RootElement;

    public string Code => Json.GetProperty("code").GetString()!;

    public Answer Is(int status)
    {
        Assert.True(Status == status, $"{Status} {Text}");
        return this;
    }
}
