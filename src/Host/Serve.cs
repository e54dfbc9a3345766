using System.Data.Common;
using Bulkhead.Gateway;
using Bulkhead.Host.Local;
using Bulkhead.Host.StartPage;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Audit.Integrity;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Audit;
using Bulkhead.Platform.Data;
using Bulkhead.Platform.Identity;
using Bulkhead.Platform.Keys;
using Bulkhead.Platform.Tenants;

namespace Bulkhead.Host;

/// <summary>Where the server listens, and what it is told on this machine.</summary>
/// <param name="Dev">Offers the tokens of the clients in its dev.json to the start page; null offers none.</param>
internal sealed record ServeOptions(int Port, string PublicUrl, DataFolder? Dev);

/// <summary>The web application: edge, capabilities, endpoints; and what a worker has of it.</summary>
internal static class Serve
{
    public static WebApplication Build(KernelOptions kernel, ServeOptions options)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration["Bulkhead:PublicUrl"] = options.PublicUrl;
        Listen(builder, options.Port);
        Log(builder.Logging);
        builder.Services.AddKernel(kernel);
        builder.Services.AddEdge(builder.Configuration);
        builder.Services.AddApps(builder.Configuration);
        builder.Services.AddTenants(builder.Configuration);
        builder.Services.AddIdentity(builder.Configuration);
        builder.Services.AddData(builder.Configuration);
        builder.Services.AddAudit(builder.Configuration);
        builder.Services.AddKeys();
        if (options.Dev is { } folder)
        {
            builder.Services.AddSingleton(provider =>
                new DevAccess(folder, new HttpClient { Timeout = TimeSpan.FromSeconds(10) }, provider.GetRequiredService<TimeProvider>()));
        }

        var app = builder.Build();
        app.UseEdge();
        app.UseReference();
        app.MapApps();
        app.MapTenants();
        app.MapIdentity();
        app.MapData();
        app.MapOpenApi();
        app.MapAudit();
        app.MapKeys();
        app.MapStartPage();
        if (options.Dev is not null)
        {
            app.MapDevAccess();
        }

        MapHealth(app);
        return app;
    }

    /// <summary>Background work, and a port that tells of its health and of nothing else.</summary>
    public static WebApplication BuildWorker(KernelOptions kernel, int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        Listen(builder, port);
        Log(builder.Logging);
        builder.Services.AddKernel(kernel);
        builder.Services.AddEdge(builder.Configuration);
        builder.Services.AddApps(builder.Configuration);
        builder.Services.AddAudit(builder.Configuration);
        builder.Services.AddKeys();
        var app = builder.Build();
        app.UseEdge();
        MapHealth(app);
        return app;
    }

    // localhost may be either address. Nothing else: a proxy with TLS stands in front where others shall reach it.
    private static void Listen(WebApplicationBuilder builder, int port)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.ListenLocalhost(port);
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(10));
    }

    // On stderr: stdout is for what was asked for.
    private static void Log(ILoggingBuilder logging)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(LogLevel.Warning);
        if (Console.IsErrorRedirected)
        {
            logging.AddJsonConsole(console => console.UseUtcTimestamp = true);
        }
        else
        {
            logging.AddSimpleConsole(console => console.SingleLine = true);
        }

        logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(
            console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static void MapHealth(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/health/live", () => TypedResults.Json(new { status = "live" })).WithMetadata(EndpointPolicy.Public);
        routes.MapGet("/health", ReadyAsync).WithMetadata(EndpointPolicy.Public);
    }

    /// <summary>
    /// Ready once a catalogue was read and the control database answers. A log that does not hold is told and takes nobody out of service: who
    /// edits one row could otherwise stop all tenants.
    /// </summary>
    private static async Task<IResult> ReadyAsync(
        Catalogue catalogue, AuditGaps gaps, UnsealedLogs unsealed, SweepProgress progress, HttpContext context, CancellationToken cancellationToken)
    {
        context.Response.Headers.CacheControl = "no-store";
        if (catalogue.Current.Generation > 0 && await GapsAsync(gaps, cancellationToken) is { } open)
        {
            string[] alerts =
            [
                .. open > 0 ? ["audit-gap"] : (string[])[],
                .. unsealed.Open.IsEmpty ? [] : (string[])["audit-unsealed"],
                .. progress.OverdueSince is null ? [] : (string[])["audit-sweep"],
            ];
            return alerts.Length == 0
                ? TypedResults.Json(new { status = "ready" })
                : TypedResults.Json(new { status = "ready", alerts });
        }

        context.Response.Headers.RetryAfter = "1";
        return TypedResults.Problem(
            type: "https://bulkhead.dev/errors/not-ready",
            title: "Not ready",
            statusCode: StatusCodes.Status503ServiceUnavailable,
            extensions: [new("code", "not-ready"), new("requestId", context.TraceIdentifier)]);
    }

    /// <summary>Null when the control database does not answer.</summary>
    private static async Task<int?> GapsAsync(AuditGaps gaps, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(2));
        try
        {
            return (await gaps.OpenAsync(limit.Token)).Length;
        }
        catch (Exception fault) when (fault is DbException or TimeoutException or TenantFault ||
            (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }
}
