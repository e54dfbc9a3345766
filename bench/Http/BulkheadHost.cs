using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Bulkhead.Bench.Servers;

namespace Bulkhead.Bench.Http;

/// <summary>A tenant of the running host, with a client of its own and the ids of its rows.</summary>
internal sealed record HostTenant(string Slug, string Isolation, Guid Id, string ClientId, string ClientSecret, Guid[] Ids);

/// <summary>The real program, started as an operator starts it on a PostgreSQL of his own.</summary>
internal sealed class BulkheadHost : IAsyncDisposable
{
    /// <summary>The control database.</summary>
    public const string Database = "bulkhead_http";

    private readonly ServerProcess _process;
    private readonly string _data;
    private readonly HttpClient _operator = new();
    private readonly HttpClient _anonymous = new();

    private BulkheadHost(ServerProcess process, string data)
    {
        _process = process;
        _data = data;
        Url = new(process.Ready["ready ".Length..].Trim());
    }

    public Uri Url { get; }

    public int ProcessId => _process.Id;

    public static async Task<BulkheadHost> StartAsync(
        PrivatePostgres postgres, Action<string> progress, CancellationToken cancellationToken)
    {
        progress("starting the host");
        var data = Path.Combine(postgres.Folder, "host");
        var program = Program();
        string[] command = ["up", "--port", "0", "--data", data];
        var process = await ServerProcess.StartAsync(
            program.EndsWith(".dll", StringComparison.Ordinal) ? "dotnet" : program,
            program.EndsWith(".dll", StringComparison.Ordinal) ? [program, .. command] : command,
            new Dictionary<string, string>
            {
                // Where the host finds its sample app.
                ["BULKHEAD_HOME"] = Repository.Root,
                ["BULKHEAD_DATABASE"] = $"Host={postgres.Socket};Username={Database}_app;Password={postgres.Password};Database={Database}",
                ["BULKHEAD_DEPLOY_DATABASE"] = postgres.Superuser("postgres").ConnectionString,
            },
            line => line.StartsWith("ready ", StringComparison.Ordinal),
            TimeSpan.FromMinutes(3),
            cancellationToken);
        return new(process, data);
    }

    /// <summary>Before deploying and onboarding: the operator's token ends after ten minutes.</summary>
    public async Task SignInAsync(CancellationToken cancellationToken)
    {
        var dev = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_data, "dev.json"), cancellationToken))!;
        var token = await TokenAsync(
            new Uri((string)dev["operator"]!["tokenUrl"]!),
            (string)dev["operator"]!["clientId"]!,
            (string)dev["operator"]!["clientSecret"]!,
            cancellationToken);
        _operator.DefaultRequestHeaders.Authorization = new("Bearer", token);
    }

    public async Task DeployAsync(string manifest, CancellationToken cancellationToken)
    {
        using var content = new StringContent(manifest);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/yaml");
        await ExpectAsync(await _operator.PostAsync(new Uri(Url, "/operator/v1/apps"), content, cancellationToken), cancellationToken);
    }

    /// <summary>A tenant of the app with one service account, which has the role; it has no rows yet.</summary>
    public async Task<HostTenant> OnboardAsync(
        string slug, string isolation, string app, string role, CancellationToken cancellationToken)
    {
        var answer = await _operator.PostAsJsonAsync(
            new Uri(Url, "/operator/v1/tenants"),
            new { slug, name = slug, isolation, app, serviceAccounts = new[] { new { role } } },
            cancellationToken);
        var made = JsonNode.Parse(await ExpectAsync(answer, cancellationToken))!;
        // Shown once, here.
        var client = FindClient(made) ?? throw new InvalidOperationException("The answer to the onboarding has no client.");
        return new(slug, isolation, Guid.Empty, (string)client["clientId"]!, (string)client["clientSecret"]!, []);
    }

    /// <summary>Puts records into a collection, all of them or it throws.</summary>
    public async Task ImportAsync(
        HostTenant tenant, string token, string plural, IReadOnlyCollection<string> lines, CancellationToken cancellationToken)
    {
        using var content = new StringContent(string.Join('\n', lines));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Url, $"/t/{tenant.Slug}/api/v1/{plural}/import"))
        {
            Content = content,
            Headers = { Authorization = new("Bearer", token) },
        };
        var answer = await ExpectAsync(await _anonymous.SendAsync(request, cancellationToken), cancellationToken);
        if ((int)JsonNode.Parse(answer)!["created"]! != lines.Count)
        {
            throw new InvalidOperationException($"An import of {lines.Count} {plural} was not taken whole: {answer}");
        }
    }

    /// <summary>A token of its service account; it holds for ten minutes.</summary>
    public Task<string> TokenAsync(HostTenant tenant, CancellationToken cancellationToken) =>
        TokenAsync(new Uri(Url, $"/t/{tenant.Slug}/oauth/token"), tenant.ClientId, tenant.ClientSecret, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _operator.Dispose();
        _anonymous.Dispose();
        await _process.DisposeAsync();
    }

    // The launcher names what it has built; else what was built beside this program.
    private static string Program() =>
        Environment.GetEnvironmentVariable("BULKHEAD_PROGRAM") is { Length: > 0 } named
            ? named
            : Path.GetFullPath(Path.Combine(
                AppContext.BaseDirectory,
                "../../Bulkhead.Host",
                Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')),
                "bulkhead.dll"));

    private static JsonObject? FindClient(JsonNode? node) => node switch
    {
        JsonObject o when o.ContainsKey("clientSecret") => o,
        JsonObject o => o.Select(m => FindClient(m.Value)).FirstOrDefault(f => f is not null),
        JsonArray a => a.Select(FindClient).FirstOrDefault(f => f is not null),
        _ => null,
    };

    private async Task<string> TokenAsync(Uri url, string clientId, string clientSecret, CancellationToken cancellationToken)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = clientId,
            ["client_secret"] = clientSecret,
        });
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = form };
        var answer = await ExpectAsync(await _anonymous.SendAsync(request, cancellationToken), cancellationToken);
        return (string)JsonNode.Parse(answer)!["access_token"]!;
    }

    private static async Task<string> ExpectAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        using (answer)
        {
            var text = await answer.Content.ReadAsStringAsync(cancellationToken);
            return answer.IsSuccessStatusCode
                ? text
                : throw new InvalidOperationException($"{answer.RequestMessage?.RequestUri}: {(int)answer.StatusCode} {text}");
        }
    }
}
