using System.Collections.Immutable;
using System.Net.Http.Headers;
using System.Reflection;
using System.Text.Json.Nodes;
using Bulkhead.Bench.KernelLevel;
using Bulkhead.Bench.Servers;
using Npgsql;

namespace Bulkhead.Bench.Http;

/// <summary>A tenant of the running host, with a client of its own and the ids of its rows.</summary>
internal sealed record HostTenant(string Slug, string Isolation, Guid Id, string ClientId, string ClientSecret, Guid[] Ids);

/// <summary>
/// The real program, started as an operator starts it on a PostgreSQL of his own, with the bench's app and tenants.
/// </summary>
internal sealed class BulkheadHost : IAsyncDisposable
{
    private const string Database = "bulkhead_http";
    private readonly ServerProcess _process;
    private readonly HttpClient _operator = new();
    private readonly HttpClient _anonymous = new();

    private BulkheadHost(ServerProcess process, Uri url)
    {
        _process = process;
        Url = url;
    }

    public Uri Url { get; }

    public int ProcessId => _process.Id;

    public ImmutableArray<HostTenant> Tenants { get; private set; } = [];

    public static async Task<BulkheadHost> StartAsync(
        PrivatePostgres postgres, int sharedTenants, int rowsTogether, Action<string> progress, CancellationToken cancellationToken)
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
        var host = new BulkheadHost(process, new Uri(process.Ready["ready ".Length..].Trim()));
        try
        {
            await host.FurnishAsync(postgres, data, sharedTenants, rowsTogether, progress, cancellationToken);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>A token for the role <c>reader</c>; it holds for ten minutes.</summary>
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

    private async Task FurnishAsync(
        PrivatePostgres postgres,
        string data,
        int sharedTenants,
        int rowsTogether,
        Action<string> progress,
        CancellationToken cancellationToken)
    {
        progress("deploying the bench's app");
        var dev = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(data, "dev.json"), cancellationToken))!;
        var token = await TokenAsync(
            new Uri((string)dev["operator"]!["tokenUrl"]!),
            (string)dev["operator"]!["clientId"]!,
            (string)dev["operator"]!["clientSecret"]!,
            cancellationToken);
        _operator.DefaultRequestHeaders.Authorization = new("Bearer", token);
        await using var manifest = Assembly.GetExecutingAssembly().GetManifestResourceStream("bench.yaml")!;
        using var content = new StreamContent(manifest);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/yaml");
        await ExpectAsync(await _operator.PostAsync(new Uri(Url, "/operator/v1/apps"), content, cancellationToken), cancellationToken);

        var tenants = new List<HostTenant>(sharedTenants + 2);
        var wanted = Enumerable.Repeat("shared", sharedTenants).Append("schema").Append("database");
        foreach (var (n, isolation) in wanted.Index())
        {
            progress($"onboarding tenant {n + 1} of {sharedTenants + 2}");
            tenants.Add(await OnboardAsync($"bench-{n}", isolation, cancellationToken));
        }

        progress("filling the tables");
        await using var control = await postgres.OpenAsync(Database, cancellationToken);
        for (var i = 0; i < tenants.Count; i++)
        {
            tenants[i] = tenants[i] with { Id = await IdAsync(control, tenants[i].Slug, cancellationToken) };
        }

        foreach (var group in tenants.GroupBy(t => t.Isolation).ToList())
        {
            var (database, schema) = await HomeAsync(control, group.First().Slug, cancellationToken);
            var members = group.ToList();
            foreach (var table in new[] { "contact", "patient" })
            {
                var ids = await Rows.FillAsync(
                    postgres,
                    database,
                    $"\"{schema}\".{table}",
                    [.. members.Select(t => t.Id)],
                    rowsTogether / members.Count,
                    cancellationToken);
                foreach (var tenant in members)
                {
                    var at = tenants.FindIndex(t => t.Slug == tenant.Slug);
                    tenants[at] = tenants[at] with { Ids = ids[tenant.Id] };
                }
            }

            await using var home = await postgres.OpenAsync(database, cancellationToken);
            await home.RunAsync("vacuum analyze guard.capability", cancellationToken);
        }

        Tenants = [.. tenants];
    }

    private async Task<HostTenant> OnboardAsync(string slug, string isolation, CancellationToken cancellationToken)
    {
        var answer = await _operator.PostAsJsonAsync(
            new Uri(Url, "/operator/v1/tenants"),
            new { slug, name = slug, isolation, app = "bench", serviceAccounts = new[] { new { role = "reader" } } },
            cancellationToken);
        var made = JsonNode.Parse(await ExpectAsync(answer, cancellationToken))!;
        // Shown once, here.
        var client = FindClient(made) ?? throw new InvalidOperationException("The answer to the onboarding has no client.");
        return new(slug, isolation, Guid.Empty, (string)client["clientId"]!, (string)client["clientSecret"]!, []);
    }

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

    private static async Task<Guid> IdAsync(NpgsqlConnection control, string slug, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select id from control.tenant where slug = $1", control);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = slug });
        return (Guid)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task<(string Database, string Schema)> HomeAsync(
        NpgsqlConnection control, string slug, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select u.database, u.name from control.tenant t join control.unit u on u.name = t.unit where t.slug = $1", control);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = slug });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetString(0), reader.GetString(1));
    }
}
