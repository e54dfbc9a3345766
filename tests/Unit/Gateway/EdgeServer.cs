using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Bulkhead.Gateway;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.Unit.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Tests.Unit.Gateway;

/// <summary>The real server with the real edge in front of a few endpoints, reached over memory.</summary>
internal sealed class EdgeServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly MemoryTransport _transport = new();

    private EdgeServer(Action<IEndpointRouteBuilder>? map, Dictionary<string, string?> settings)
    {
        settings["Bulkhead:PublicUrl"] = "https://bulkhead.test";
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Logging.SetMinimumLevel(LogLevel.Debug).AddProvider(Log);
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:8080");
        builder.Services.AddRoutingCore();
        builder.Services.AddEdge(builder.Configuration);
        builder.Services.AddSingleton<IConnectionListenerFactory>(_transport);
        builder.Services.AddSingleton(provider => new TenantResolution(
            () => Catalogue, provider.GetRequiredService<EdgeOptions>(), EdgeExtensions.PublicHost(builder.Configuration)));
        _app = builder.Build();
        _app.UseEdge();
        (map ?? Map)(_app);
    }

    public CatalogueSnapshot Catalogue { get; set; } = Snapshot(
        TestIssuer.EntryOf("northside", [], "care.example"),
        TestIssuer.EntryOf("riverside", []),
        TestIssuer.EntryOf("closed", [], "closed.example") with { Status = TenantStatus.Suspended },
        TestIssuer.EntryOf("early", []) with { Status = TenantStatus.Preparing });

    public LogLines Log { get; } = new();

    public EndpointDataSource Endpoints => _app.Services.GetRequiredService<EndpointDataSource>();

    public static async Task<EdgeServer> StartAsync(
        Action<IEndpointRouteBuilder>? map = null, params (string Name, string Value)[] settings)
    {
        var server = new EdgeServer(map, settings.ToDictionary(s => s.Name, s => (string?)s.Value));
        await server._app.StartAsync();
        return server;
    }

    public static CatalogueSnapshot Snapshot(params TenantEntry[] tenants) => new()
    {
        Tenants = tenants.ToFrozenDictionary(t => t.Id),
        BySlug = tenants.ToFrozenDictionary(t => t.Slug),
        ByHost = tenants.SelectMany(t => t.Hosts.Select(h => (h, t))).ToFrozenDictionary(p => p.h, p => p.t),
    };

    /// <summary>Sends raw bytes; lines end with CR LF.</summary>
    public async Task<EdgeAnswer> SendAsync(string request, string? from = null) =>
        EdgeAnswer.Of(await _transport.SendAsync(request, from is null ? null : IPAddress.Parse(from)));

    public Task<EdgeAnswer> GetAsync(string target, string host = "bulkhead.test", string headers = "", string? from = null) =>
        SendAsync($"GET {target} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n", from);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationTokenSource(TimeSpan.FromSeconds(1)).Token);
        await _app.DisposeAsync();
    }

    /// <summary>Endpoints that tell how the request reached them.</summary>
    private static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/", Echo).WithMetadata(EndpointPolicy.Public);
        routes.MapGet("/health", Echo).WithMetadata(EndpointPolicy.Public);
        routes.MapGet("/api/v1/{plural}", Echo).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/{plural}", EchoBody).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/.well-known/oauth-authorization-server", Echo).WithMetadata(EndpointPolicy.TenantAnonymous);
        routes.MapGet("/operator/v1/status", Echo).WithMetadata(EndpointPolicy.Operator);
    }

    public static Task Echo(HttpContext context)
    {
        var tenant = context.Features.Get<ResolvedTenant>();
        var headers = new JsonObject();
        foreach (var (name, value) in context.Request.Headers)
        {
            headers[name] = value.ToString();
        }

        return context.Response.WriteAsJsonAsync(new JsonObject
        {
            ["tenant"] = tenant?.Tenant.Slug,
            ["host"] = tenant?.Host,
            ["base"] = context.Request.PathBase.Value,
            ["path"] = context.Request.Path.Value,
            ["request"] = context.TraceIdentifier,
            ["headers"] = headers,
        });
    }

    public static async Task EchoBody(HttpContext context)
    {
        using var body = new StreamReader(context.Request.Body);
        await context.Response.WriteAsJsonAsync(new JsonObject { ["body"] = await body.ReadToEndAsync() });
    }
}

/// <param name="Body">The JSON of the answer, chunks joined; null when there is none.</param>
internal sealed record EdgeAnswer(int Status, Dictionary<string, string> Headers, JsonObject? Body)
{
    public string? Code => (string?)Body?["code"];

    public string? this[string member] => (string?)Body?[member];

    public static EdgeAnswer Of(string raw)
    {
        var end = raw.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var lines = raw[..end].Split("\r\n");
        var headers = lines.Skip(1)
            .Select(line => line.Split(": ", 2))
            .ToDictionary(parts => parts[0], parts => parts.Length > 1 ? parts[1] : "", StringComparer.OrdinalIgnoreCase);
        var start = raw.IndexOf('{', end);
        var body = start < 0 ? null : JsonNode.Parse(raw[start..(raw.LastIndexOf('}') + 1)])!.AsObject();
        return new(int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture), headers, body);
    }
}

internal sealed class LogLines : ILoggerProvider, ILogger
{
    private readonly List<string> _lines = [];

    public string Text
    {
        get
        {
            lock (_lines)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
        {
            _lines.Add(formatter(state, exception));
        }
    }

    public void Dispose()
    {
    }
}
