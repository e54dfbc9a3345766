using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>What every endpoint of the log begins with.</summary>
internal static class AuditAccess
{
    /// <summary>Null when the caller may not: the refusal is recorded and written. Who may not read the log finds none.</summary>
    public static async Task<TenantCall?> EnterAsync(
        HttpContext context, Authentication authentication, Denials denials, string action, AuditGrant needed = AuditGrant.Read)
    {
        if (await authentication.TenantAsync(context) is not { } call)
        {
            return null;
        }

        if (Permissions.Audit(call.App, call.Context.Actor).HasFlag(needed))
        {
            return call;
        }

        await denials.RecordAsync(call, "not-found", action, null, context.RequestAborted);
        await ProblemResults.NotFoundAsync(context, context.RequestAborted);
        return null;
    }
}
