using System.Globalization;
using Bulkhead.Kernel.Isolation;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace Bulkhead.Gateway;

/// <summary>
/// The first middleware: every request passes it, before routing. It names the request, refuses what is ambiguous, finds the tenant,
/// takes a slot, and turns faults into answers.
/// </summary>
internal sealed class Edge(
    RequestDelegate next, RequestHygiene hygiene, TenantResolution tenants, EdgeOptions options, ILogger<Edge> logger)
{
    private static readonly StringValues NoSniff = "nosniff";
    private static readonly StringValues NoReferrer = "no-referrer";
    private static readonly StringValues SameOrigin = "same-origin";
    private static readonly StringValues NothingEmbedded = "default-src 'none'; frame-ancestors 'none'";
    private static readonly StringValues OnlyHttps = "max-age=31536000";

    private readonly RequestSlots _slots = new(options.MaxRequests);

    public Task InvokeAsync(HttpContext context)
    {
        SetHeaders(context);
        if (hygiene.Clean(context) is { } unclean)
        {
            return RefuseAsync(context, unclean);
        }

        var request = context.Request;
        var destination = tenants.Resolve(request.Headers.Host, request.Path.Value ?? "");
        if (destination.Problem is { } nowhere)
        {
            return RefuseAsync(context, nowhere);
        }

        if (destination.Resolved is { } resolved)
        {
            context.Features.Set(resolved);
        }

        if (destination is { Tenant: { } tenant, Path: { } path })
        {
            request.PathBase = tenant.PathBase;
            request.Path = path;
        }

        return LimitedAsync(context, destination.Tenant?.Slots);
    }

    private async Task LimitedAsync(HttpContext context, RequestSlots? tenantSlots)
    {
        if (!_slots.TryTake())
        {
            await RefuseAsync(context, EdgeProblem.Overloaded);
            return;
        }

        try
        {
            if (tenantSlots is not null && !tenantSlots.TryTake())
            {
                await RefuseAsync(context, EdgeProblem.TooManyRequests);
                return;
            }

            try
            {
                await next(context);
            }
            finally
            {
                tenantSlots?.Return();
            }

            if (context.Response is { StatusCode: >= 400, HasStarted: false, ContentType: null, ContentLength: null } bare)
            {
                await EdgeProblem.For(bare.StatusCode).WriteAsync(context);
            }
        }
        catch (Exception fault)
        {
            await AnswerAsync(context, fault);
        }
        finally
        {
            _slots.Return();
        }
    }

    private async Task AnswerAsync(HttpContext context, Exception fault)
    {
        if (context.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        var problem = fault switch
        {
            BadHttpRequestException bad => EdgeProblem.For(bad.StatusCode),
            // A body that breaks off, or is framed wrongly, while an endpoint reads it. The kernel's own faults are TenantFaults.
            IOException => EdgeProblem.For(StatusCodes.Status400BadRequest),
            TenantFault { Kind: TenantFaultKind.Unknown } => EdgeProblem.NotFound,
            TenantFault { Kind: TenantFaultKind.Timeout } => EdgeProblem.Timeout,
            TenantFault { Kind: TenantFaultKind.Broken } => EdgeProblem.InternalError,
            TenantFault { Kind: TenantFaultKind.KeysWithdrawn } => EdgeProblem.KeysWithdrawn,
            TenantFault { Kind: TenantFaultKind.KeysUnavailable } => EdgeProblem.KeysUnavailable,
            TenantFault { Kind: TenantFaultKind.KeysDestroyed } => EdgeProblem.KeysDestroyed,
            TenantFault { Kind: TenantFaultKind.RecordDamaged } => EdgeProblem.RecordDamaged,
            TenantFault => EdgeProblem.Unavailable,
            _ => EdgeProblem.InternalError,
        };
        if (problem == EdgeProblem.InternalError)
        {
            // The type and the place, not the message: a message may quote a value.
            logger.Failed(
                context.TraceIdentifier, fault.GetType().Name, (fault as TenantFault)?.SqlState ?? "none", fault.StackTrace);
        }
        else if (fault is TenantFault { Place: { } place } closed)
        {
            logger.DoesNotOpen(context.TraceIdentifier, place.Tenant.Value, place.Entity, place.Record, closed.Kind);
        }
        else if (fault is TenantFault unreachable)
        {
            logger.Unreachable(context.TraceIdentifier, unreachable.Kind, unreachable.SqlState ?? "none");
        }

        if (context.Response.HasStarted)
        {
            // Half an answer must not look like a whole one.
            context.Abort();
            return;
        }

        context.Response.Clear();
        SetSecurityHeaders(context);
        await problem.WriteAsync(context);
    }

    private Task RefuseAsync(HttpContext context, EdgeProblem problem)
    {
        logger.Refused(context.TraceIdentifier, problem.Code);
        if (problem.Status == StatusCodes.Status400BadRequest && !HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            // What was not understood may go on in what follows on the connection.
            context.Response.Headers.Connection = "close";
        }

        return problem.WriteAsync(context);
    }

    private static void SetHeaders(HttpContext context)
    {
        // Ours, never the client's: it stands in the audit log.
        context.TraceIdentifier = Guid.CreateVersion7().ToString("N", CultureInfo.InvariantCulture);
        SetSecurityHeaders(context);
    }

    private static void SetSecurityHeaders(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers["Request-Id"] = context.TraceIdentifier;
        headers.XContentTypeOptions = NoSniff;
        headers["Referrer-Policy"] = NoReferrer;
        headers["Cross-Origin-Resource-Policy"] = SameOrigin;
        headers.ContentSecurityPolicy = NothingEmbedded;
        if (context.Request.IsHttps)
        {
            headers.StrictTransportSecurity = OnlyHttps;
        }
    }
}
