using System.Globalization;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// <c>GET /api/v1/audit/tail</c>: entries as server-sent events, as they are sealed. The id of an event is the entry's position, which is
/// dense: who comes back with <c>Last-Event-ID</c> misses none and gets none twice. The stream ends with the event <c>end</c>, and a
/// reason, when the token does, when the tenant's entry in the catalogue is another one, and after a time.
/// </summary>
internal static class TailAudit
{
    private const string Action = "audit.tail";
    private const int Batch = 256;

    public static async Task HandleAsync(
        HttpContext context,
        Authentication authentication,
        Denials denials,
        AuditLog log,
        AuditTails tails,
        Catalogue catalogue,
        TenantDatabase database,
        IHostApplicationLifetime lifetime,
        TimeProvider time)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, Action) is not { } call)
        {
            return;
        }

        var faults = new List<Fault>();
        var from = Begin(context.Request, faults);
        if (faults.Count > 0)
        {
            await ProblemResults.WriteAsync(
                context, 400, "invalid-parameter", "Some parameters are unknown or invalid.", faults, context.RequestAborted);
            return;
        }

        using var seat = tails.Take(call.Context.Tenant);
        if (seat is null)
        {
            context.Response.Headers.RetryAfter = "10";
            await ProblemResults.WriteAsync(
                context, 429, "too-many-tails", "As many as may be follow this log: end one of them.", null, context.RequestAborted);
            return;
        }

        // Sealed before the entry of this very act, which is therefore the first that a new tail sees.
        var position = from ?? await seat.SizeAsync(call.Context, context.RequestAborted);
        if (from > 0 && (await log.StateAsync(call.Context, context.RequestAborted)).Size is var size && from > size)
        {
            await ProblemResults.WriteAsync(
                context, 409, "log-shorter", ShowLog.TooShort(size), null, context.RequestAborted);
            return;
        }

        await database.RunAsync(
            call.Context,
            new TenantWork().Record(new AuditEvent(Action)
            {
                Records = AuditRecords.None,
                Details = Data.Entries.Detail("from", position.ToString(CultureInfo.InvariantCulture)),
            }),
            context.RequestAborted);
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        // For proxies that would collect a stream before they pass it on.
        context.Response.Headers["X-Accel-Buffering"] = "no";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        var stream = new EventStream(context, tails.Options.Slow, time);
        try
        {
            var reason = await FollowAsync(stream, seat, call, log, catalogue, tails.Options, time, position, stop.Token);
            await stream.EndAsync(reason);
        }
        catch (OperationCanceledException)
        {
            if (lifetime.ApplicationStopping.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
            {
                await stream.EndAsync("stopping");
            }
        }
        catch (TenantFault)
        {
            // Reached again by who comes back; what the database said is nobody's business here.
            await stream.EndAsync("unavailable");
        }
    }

    /// <returns>Why it ended.</returns>
    private static async Task<string> FollowAsync(
        EventStream stream,
        AuditTails.Seat seat,
        TenantCall call,
        AuditLog log,
        Catalogue catalogue,
        TailOptions options,
        TimeProvider time,
        long position,
        CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        await stream.BeginAsync(position, cancellationToken);
        while (true)
        {
            if (time.GetUtcNow() >= call.ExpiresAt)
            {
                return "expired";
            }

            if (!IsSame(catalogue.Current, call.Tenant))
            {
                return "changed";
            }

            if (time.GetElapsedTime(begun) >= options.Longest)
            {
                return "time";
            }

            var size = await seat.SizeAsync(call.Context, cancellationToken);
            if (position < size)
            {
                var to = Math.Min(size, position + Batch);
                var entries = await log.EntriesAsync(call.Context, position, to, cancellationToken);
                var changed = await log.ChangedAsync(call.Context, position, entries, cancellationToken);
                for (var i = 0; position < to; position++, i++)
                {
                    if (changed.Contains(position))
                    {
                        stream.AddChanged(position);
                    }
                    else
                    {
                        stream.Add(position, i < entries.Count ? entries[i]?.Body : null);
                    }
                }

                await stream.FlushAsync(cancellationToken);
                continue;
            }

            await stream.HeartbeatAsync(options.Heartbeat, cancellationToken);
            await Task.Delay(options.Poll, time, cancellationToken);
        }
    }

    /// <summary>Still served, by the same rules and with the same keys: what the token was verified under.</summary>
    private static bool IsSame(CatalogueSnapshot current, TenantEntry then) =>
        current.Tenants.TryGetValue(then.Id, out var now) && now.Status == TenantStatus.Active
        && (now.App, now.AppVersion) == (then.App, then.AppVersion) && now.SigningKeys.SequenceEqual(then.SigningKeys);

    /// <summary>Where to begin: after the last event that the client saw, at a position, or now.</summary>
    private static long? Begin(HttpRequest request, List<Fault> faults)
    {
        long? from = null;
        foreach (var (name, values) in request.Query)
        {
            if (name != "from")
            {
                faults.Add(new("unknown-parameter", "There is no such parameter.", Parameter: name.Length <= 100 ? name : name[..100]));
            }
            else if (values.Count > 1)
            {
                faults.Add(new("duplicate-parameter", "The parameter is given more than once.", Parameter: name));
            }
            else if (!TryPosition(values.ToString(), out var position))
            {
                faults.Add(new("invalid-parameter", "A position is a whole number from 0.", Parameter: name));
            }
            else
            {
                from = position;
            }
        }

        // A browser's EventSource repeats the URL with its `from`, so the header is the later word.
        if (request.Headers["Last-Event-ID"] is { Count: > 0 } seen)
        {
            if (seen.Count == 1 && TryPosition(seen.ToString(), out var last))
            {
                return last + 1;
            }

            faults.Add(new("invalid-header", "Last-Event-ID is the id of an event of this stream.", Parameter: "Last-Event-ID"));
        }

        return from;
    }

    private static bool TryPosition(string text, out long position) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out position) && position < long.MaxValue - Batch;
}
