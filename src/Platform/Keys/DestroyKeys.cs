using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.PostQuantum;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Keys;

/// <summary>
/// Erasure by destroying the tenant's keys. The first <c>POST …/keys/destroy</c> asks for it (202), the same call by another actor
/// within 24 hours does it (200, with the receipt); the two may be two of the tenant's officers, or one of them and the operator.
/// <c>GET</c> shows where it stands, <c>DELETE</c> takes a request back.
/// </summary>
internal static class DestroyKeys
{
    internal static async Task TenantAsync(
        HttpContext context, Authentication authentication, Denials denials, KeyCustody custody, KeyDestruction destruction)
    {
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Manage, "keys.destroy") is { } call)
        {
            await DestroyAsync(context, call.Context, destruction);
        }
    }

    internal static async Task OperatorAsync(
        HttpContext context, string slug, Authentication authentication, Catalogue catalogue, KeyCustody custody, KeyDestruction destruction)
    {
        if (await authentication.OperatorAsync(context) is not { } actor)
        {
            return;
        }

        if (!custody.IsAvailable)
        {
            await ProblemResults.WriteAsync(
                context, 503, "no-deployer",
                "This process has no deployer's credential: it cannot do this.",
                null, context.RequestAborted);
        }
        else if (!catalogue.Current.BySlug.TryGetValue(slug, out var tenant))
        {
            await ProblemResults.NotFoundAsync(context, context.RequestAborted);
        }
        else
        {
            var request = new RequestContext(tenant.Id, actor, context.TraceIdentifier, $"{tenant.App}@{tenant.AppVersion}");
            await DestroyAsync(context, request, destruction);
        }
    }

    internal static async Task ShowAsync(
        HttpContext context, Authentication authentication, Denials denials, KeyCustody custody, KeyDestruction destruction)
    {
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Read, "keys.destroy.show") is { } call)
        {
            await (await destruction.FindAsync(call.Context.Tenant, context.RequestAborted) is { } found
                ? JsonAnswer.WriteAsync(context, 200, View(found), context.RequestAborted)
                : ProblemResults.NotFoundAsync(context, context.RequestAborted));
        }
    }

    internal static async Task CancelAsync(
        HttpContext context, Authentication authentication, Denials denials, KeyCustody custody, KeyDestruction destruction)
    {
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Manage, "keys.destroy.cancel") is { } call)
        {
            await destruction.CancelAsync(call.Context, context.RequestAborted);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }
    }

    private static async Task DestroyAsync(HttpContext context, RequestContext request, KeyDestruction destruction)
    {
        try
        {
            var found = await destruction.DestroyAsync(request, context.RequestAborted);
            await JsonAnswer.WriteAsync(context, found.Receipt is null ? 202 : 200, View(found), context.RequestAborted);
        }
        catch (AlgorithmFault fault)
        {
            await ProblemResults.WriteAsync(context, 503, "algorithm-unavailable", fault.Message, null, context.RequestAborted);
        }
        catch (SecondActorNeeded refused)
        {
            await ProblemResults.WriteAsync(context, 409, "second-actor-needed", refused.Message, null, context.RequestAborted);
        }
    }

    private static Answer View(Destruction found) => new(
        found.Receipt is null ? "waits for a second actor" : "destroyed",
        found.RequestedBy,
        found.RequestedAt,
        found.Receipt is null ? found.ExpiresAt : null,
        found.ConfirmedBy,
        ReceiptView.Of(found.Receipt));

    private sealed record Answer(
        string State, string RequestedBy, DateTimeOffset RequestedAt, DateTimeOffset? ExpiresAt, string? ConfirmedBy, ReceiptView? Receipt);
}
