using System.Text.Json;
using Bulkhead.Kernel.Audit.Streams;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit.Streams;

/// <summary>
/// <c>GET|POST /api/v1/audit/streams</c>, <c>GET|DELETE …/{name}</c>: where the tenant's log is streamed to, and how far each stream is.
/// For roles with <c>audit: manage</c>; the lists also for those with <c>audit: read</c>.
/// </summary>
internal static class StreamEndpoints
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 4 };

    public static async Task ListAsync(
        HttpContext context, Authentication authentication, Denials denials, AuditStreams streams, TimeProvider time)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.stream.list") is { } call)
        {
            var all = await streams.ListAsync(call.Context, context.RequestAborted);
            await JsonAnswer.WriteAsync(context, 200, new List([.. all.Select(s => View(s, null, time))]), context.RequestAborted);
        }
    }

    public static async Task ShowAsync(
        HttpContext context, string name, Authentication authentication, Denials denials, AuditStreams streams, TimeProvider time)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.stream.show") is { } call)
        {
            await AnswerAsync(context, call, streams, name, 200, null, time);
        }
    }

    public static async Task AddAsync(
        HttpContext context, Authentication authentication, Denials denials, AuditStreams streams, TimeProvider time)
    {
        var cancellationToken = context.RequestAborted;
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.stream.add", AuditGrant.Manage) is not { } call
            || await LimitedBody.ReadAsync(context, StreamRequest.MaxBytes, ["application/json"], cancellationToken) is not { } body)
        {
            return;
        }

        NewStream? stream;
        var faults = new List<Fault>();
        try
        {
            using var json = JsonDocument.Parse(body, Strict);
            stream = StreamRequest.Read(json.RootElement, streams.AllowsPrivateAddresses, faults);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            await ProblemResults.WriteAsync(
                context, 400, "malformed-json", "The body is not JSON, or a name stands twice in an object.", null, cancellationToken);
            return;
        }

        if (stream is null)
        {
            await ProblemResults.WriteAsync(context, 422, "invalid-value", "The stream has faults.", faults, cancellationToken);
            return;
        }

        var (added, secret) = await streams.AddAsync(call.Context, stream, cancellationToken);
        if (added)
        {
            await AnswerAsync(context, call, streams, stream.Name, 201, secret, time);
            return;
        }

        await denials.RecordAsync(call, "conflict", "audit.stream.add", null, cancellationToken);
        await ProblemResults.WriteAsync(
            context, 409, "conflict", $"There is a stream of this name, or there are {AuditStreams.Most}. Next step: remove one.", null, cancellationToken);
    }

    public static async Task RemoveAsync(
        HttpContext context, string name, Authentication authentication, Denials denials, AuditStreams streams)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.stream.remove", AuditGrant.Manage) is not { } call)
        {
            return;
        }

        if (await streams.RemoveAsync(call.Context, name, context.RequestAborted))
        {
            context.Response.StatusCode = 204;
        }
        else
        {
            await ProblemResults.NotFoundAsync(context, context.RequestAborted);
        }
    }

    private static async Task AnswerAsync(
        HttpContext context, TenantCall call, AuditStreams streams, string name, int status, string? secret, TimeProvider time)
    {
        var found = (await streams.ListAsync(call.Context, context.RequestAborted)).FirstOrDefault(s => s.Name == name);
        if (found is null)
        {
            await ProblemResults.NotFoundAsync(context, context.RequestAborted);
            return;
        }

        await JsonAnswer.WriteAsync(context, status, View(found, secret, time), context.RequestAborted);
    }

    private static StreamView View(StreamState stream, string? secret, TimeProvider time)
    {
        var lag = Math.Max(0, stream.Size - stream.Next);
        return new(
            stream.Name,
            stream.Kind == StreamKind.Syslog ? "syslog" : "https",
            stream.Url.AbsoluteUri,
            stream.Format,
            stream.HasAuthority ? "own" : "system",
            stream.CreatedAt,
            stream.CreatedBy,
            stream.Next,
            lag,
            lag > 0 && stream.WaitingSince is { } since ? (long)Math.Max(0, (time.GetUtcNow() - since).TotalSeconds) : 0,
            stream.AcknowledgedAt,
            stream.Failures,
            stream.Fault,
            stream.FailedAt,
            stream.Fault is null ? null : stream.NextAt,
            secret);
    }

    private sealed record List(IReadOnlyList<StreamView> Streams);

    /// <param name="Next">The first position that the collector has not acknowledged.</param>
    /// <param name="LagEntries">Sealed and not acknowledged.</param>
    /// <param name="LagSeconds">Since the act of the position <c>next</c> began.</param>
    /// <param name="Fault">What was wrong at the last attempt, with the next step; null when it succeeded.</param>
    /// <param name="Secret">In the answer that adds an HTTPS stream, and never again.</param>
    private sealed record StreamView(
        string Name,
        string Kind,
        string Url,
        string Format,
        string Authority,
        DateTimeOffset CreatedAt,
        string CreatedBy,
        long Next,
        long LagEntries,
        long LagSeconds,
        DateTimeOffset? AcknowledgedAt,
        long Failures,
        string? Fault,
        DateTimeOffset? FailedAt,
        DateTimeOffset? NextAttempt,
        string? Secret);
}
