using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Keys;

/// <summary>What every endpoint of a tenant's keys begins with.</summary>
internal static class KeysAccess
{
    /// <summary>Null when the caller may not: the refusal is recorded and written. Who may not see the keys finds nothing there.</summary>
    internal static async Task<TenantCall?> EnterAsync(
        HttpContext context,
        Authentication authentication,
        Denials denials,
        KeyCustody custody,
        KeysGrant needed,
        string action)
    {
        var cancellationToken = context.RequestAborted;
        if (await authentication.TenantAsync(context) is not { } call)
        {
            return null;
        }

        if (Permissions.Keys(call.App, call.Context.Actor) < needed)
        {
            await denials.RecordAsync(call, "not-found", action, null, cancellationToken);
            await ProblemResults.NotFoundAsync(context, cancellationToken);
            return null;
        }

        if (custody.IsAvailable)
        {
            return call;
        }

        await ProblemResults.WriteAsync(
            context, 503, "no-deployer",
            "This process has no deployer's credential: it cannot do this.",
            null, cancellationToken);
        return null;
    }
}
