using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Keys;

/// <summary>
/// <c>POST /api/v1/keys/revoke</c> and <c>…/restore</c>: the tenant's own switch. When the answer comes, the database shows nothing of
/// the tenant's data to any process; within two seconds no process holds a key. Repeating either is harmless.
/// </summary>
internal static class SwitchKeys
{
    internal static Task RevokeAsync(
        HttpContext context, Authentication authentication, Denials denials, Catalogue catalogue, KeyCustody custody) =>
        SwitchAsync(
            context, authentication, denials, catalogue, custody, "keys.revoke", call => custody.WithdrawAsync(call.Context, context.RequestAborted));

    internal static Task RestoreAsync(
        HttpContext context, Authentication authentication, Denials denials, Catalogue catalogue, KeyCustody custody) =>
        SwitchAsync(
            context, authentication, denials, catalogue, custody, "keys.restore", call => custody.RestoreAsync(call.Context, context.RequestAborted));

    private static async Task SwitchAsync(
        HttpContext context,
        Authentication authentication,
        Denials denials,
        Catalogue catalogue,
        KeyCustody custody,
        string action,
        Func<TenantCall, Task> change)
    {
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Manage, action) is { } call)
        {
            await change(call);
            await JsonAnswer.WriteAsync(
                context, 200, await KeysView.OfAsync(custody, catalogue, call.Context.Tenant, context.RequestAborted), context.RequestAborted);
        }
    }
}
