using System.Collections.Immutable;
using System.Text.Json;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Keys;

/// <summary>
/// <c>GET|PUT|DELETE /api/v1/keys/service</c>: the tenant's keys in its own hands. PUT registers the tenant's key service and takes the
/// keys there, or to its newest root; DELETE brings them home. Repeating either is harmless. See docs/key-service.md.
/// </summary>
internal static class HoldKeys
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 8 };

    internal static async Task ShowAsync(
        HttpContext context, Authentication authentication, Denials denials, KeyCustody custody, TenantHolding holding)
    {
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Read, "keys.service.show") is { } call)
        {
            await AnswerAsync(context, holding, call);
        }
    }

    internal static async Task RegisterAsync(
        HttpContext context, Authentication authentication, Denials denials, KeyCustody custody, TenantHolding holding)
    {
        var cancellationToken = context.RequestAborted;
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Manage, "keys.service.register")
                is not { } call
            || await ReadAsync(context, call.Context.Tenant, cancellationToken) is not { } body)
        {
            return;
        }

        try
        {
            await holding.RegisterAsync(call.Context, body, cancellationToken);
        }
        catch (RegistrationRefused refused)
        {
            await ProblemResults.WriteAsync(
                context, 422, "invalid-value", "The registration has faults.", HoldRequest.Faults(refused.Faults), cancellationToken);
            return;
        }
        catch (KeyStoreFault fault)
        {
            await denials.RecordAsync(call, "key-service-failed", "keys.service.register", null, cancellationToken);
            await ProblemResults.WriteAsync(context, 422, "key-service-failed", fault.Message, null, cancellationToken);
            return;
        }

        await AnswerAsync(context, holding, call);
    }

    internal static async Task RemoveAsync(
        HttpContext context, Authentication authentication, Denials denials, KeyCustody custody, TenantHolding holding)
    {
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Manage, "keys.service.remove") is { } call)
        {
            await holding.GiveBackAsync(call.Context, context.RequestAborted);
            await AnswerAsync(context, holding, call);
        }
    }

    private static async Task<TenantHeldKeyRegistration?> ReadAsync(
        HttpContext context, TenantId tenant, CancellationToken cancellationToken)
    {
        if (await LimitedBody.ReadAsync(context, HoldRequest.MaxBytes, ["application/json"], cancellationToken) is not { } body)
        {
            return null;
        }

        var faults = new List<Fault>();
        try
        {
            using var json = JsonDocument.Parse(body, Strict);
            if (HoldRequest.Read(json.RootElement, tenant, faults) is { } registration)
            {
                return registration;
            }
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // The second: a name that holds half of a surrogate pair.
            await ProblemResults.WriteAsync(
                context, 400, "malformed-json",
                "The body is not JSON, or a name stands twice in an object.",
                null, cancellationToken);
            return null;
        }

        await ProblemResults.WriteAsync(
            context, 422, "invalid-value", "The registration has faults.", faults, cancellationToken);
        return null;
    }

    private static async Task AnswerAsync(HttpContext context, TenantHolding holding, TenantCall call)
    {
        var state = await holding.ShowAsync(call.Context.Tenant, context.RequestAborted);
        var view = state is null
            ? null
            : new RegistrationView(
                state.Url,
                state.ServerCa,
                [.. state.Roots.Select(r => new RootView(r.Root, r.Id, r.PublicKey, r.IsUsed))],
                state.ClientCertificate,
                state.ClientCertificateEnds,
                state.RegisteredAt);
        await JsonAnswer.WriteAsync(context, 200, new Answer(view), context.RequestAborted);
    }

    /// <param name="Registration">Null where the platform holds the keys.</param>
    private sealed record Answer(RegistrationView? Registration);

    private sealed record RegistrationView(
        string Url,
        string ServerCa,
        ImmutableArray<RootView> Keys,
        string ClientCertificate,
        DateTimeOffset ClientCertificateEnds,
        DateTimeOffset RegisteredAt);

    /// <param name="Id">SHA-256 of the key, as the service's log names it.</param>
    /// <param name="Used">A key of the tenant hangs on it.</param>
    private sealed record RootView(int Root, string Id, string PublicKey, bool Used);
}
