using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Keys;

/// <summary>
/// <c>POST /api/v1/keys/rotate?key=tenant|data|index|subject</c>: a new version at once, without a pause. What rows still need of the
/// old one is rewritten in the background.
/// </summary>
internal static class RotateKeys
{
    private const string Action = "keys.rotate";

    internal static async Task HandleAsync(
        HttpContext context, Authentication authentication, Denials denials, Catalogue catalogue, KeyCustody custody)
    {
        var cancellationToken = context.RequestAborted;
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Manage, Action) is not { } call)
        {
            return;
        }

        if (What(context.Request.Query) is not { } what)
        {
            await ProblemResults.WriteAsync(
                context,
                400,
                "invalid-parameter",
                "The query says which key: key=tenant, key=data, key=index or key=subject.",
                [new Fault("invalid-parameter", "One of tenant, data, index, subject, and nothing else.", Parameter: "key")],
                cancellationToken);
            return;
        }

        try
        {
            await custody.RotateAsync(call.Context, what, cancellationToken);
        }
        catch (DeploymentRefused refused)
        {
            await ProblemResults.WriteAsync(context, 409, "conflict", refused.Message, null, cancellationToken);
            return;
        }

        await JsonAnswer.WriteAsync(
            context, 200, await KeysView.OfAsync(custody, catalogue, call.Context.Tenant, cancellationToken), cancellationToken);
    }

    private static TenantKeyRotation? What(IQueryCollection query) => query.Count == 1 && query["key"] is [var word]
        ? word switch
        {
            "tenant" => TenantKeyRotation.Tenant,
            "data" => TenantKeyRotation.Data,
            "index" => TenantKeyRotation.Index,
            "subject" => TenantKeyRotation.Subject,
            _ => null,
        }
        : null;
}
