using System.Text;
using System.Text.Unicode;
using System.Threading.RateLimiting;
using Bulkhead.Kernel.Audit.Transparency;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;

namespace Bulkhead.Host.Witnessing;

/// <summary>The one endpoint of a witness, <c>POST /add-checkpoint</c> (C2SP tlog-witness): anybody may call it, so everything is bounded.</summary>
internal static class WitnessServer
{
    private const int MaxConnections = 256;
    private const int MaxAtOnce = 4;
    private const int MaxWaiting = 64;

    private static readonly TimeSpan BodyTime = TimeSpan.FromSeconds(10);

    public static WebApplication Build(WitnessState witness, int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => Limit(kestrel, port));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        builder.Logging.ClearProviders();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Logging.AddJsonConsole(console => console.UseUtcTimestamp = true);
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        var app = builder.Build();
        var limiter = new ConcurrencyLimiter(new() { PermitLimit = MaxAtOnce, QueueLimit = MaxWaiting });
        app.Lifetime.ApplicationStopped.Register(limiter.Dispose);
        app.MapPost("/add-checkpoint", context => AddAsync(context, witness, limiter));
        return app;
    }

    // localhost may be either address. Nothing else: a proxy with TLS stands in front where others shall reach it.
    private static void Limit(KestrelServerOptions kestrel, int port)
    {
        kestrel.AddServerHeader = false;
        kestrel.ListenLocalhost(port, listen => listen.Protocols = HttpProtocols.Http1);
        kestrel.Limits.MaxConcurrentConnections = MaxConnections;
        kestrel.Limits.MaxConcurrentUpgradedConnections = 0;
        kestrel.Limits.MaxRequestBodySize = AddCheckpoint.MaxLength;
        kestrel.Limits.MaxRequestHeadersTotalSize = 8 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 32;
        kestrel.Limits.MaxRequestLineSize = 1024;
        kestrel.Limits.RequestHeadersTimeout = BodyTime;
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(1);
    }

    private static async Task AddAsync(HttpContext context, WitnessState witness, ConcurrencyLimiter limiter)
    {
        if (await ReadAsync(context) is not { } body)
        {
            return;
        }

        // Only after the body is here: who sends slowly takes nobody's place.
        using var place = await limiter.AcquireAsync(cancellationToken: context.RequestAborted);
        if (!place.IsAcquired)
        {
            context.Response.Headers.RetryAfter = "1";
            await AnswerAsync(context, new(StatusCodes.Status503ServiceUnavailable, "Too many requests at once.\n"));
            return;
        }

        await AnswerAsync(
            context,
            Utf8.IsValid(body)
                ? await witness.AddAsync(Encoding.UTF8.GetString(body), context.RequestAborted)
                : new(StatusCodes.Status400BadRequest, "The body is not UTF-8.\n"));
    }

    /// <returns>Null when it was answered already.</returns>
    private static async Task<byte[]?> ReadAsync(HttpContext context)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        limit.CancelAfter(BodyTime);
        using var body = new MemoryStream();
        try
        {
            // Kestrel itself ends what is longer than it may be.
            await context.Request.Body.CopyToAsync(body, limit.Token);
            return body.ToArray();
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException fault)
        {
            await AnswerAsync(context, new(fault.StatusCode, "The body is too long, or not whole.\n"));
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            context.Response.Headers.Connection = "close";
            await AnswerAsync(context, new(StatusCodes.Status408RequestTimeout, "The body took too long.\n"));
        }

        return null;
    }

    private static Task AnswerAsync(HttpContext context, WitnessAnswer answer)
    {
        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = answer.ContentType;
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync(answer.Text, context.RequestAborted);
    }
}
