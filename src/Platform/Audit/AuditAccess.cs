using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>What every endpoint of the log begins with.</summary>
internal static class AuditAccess
{
    /// <summary>Null when the caller may not: the refusal is recorded and written. Who may not read the log finds none.</summary>
    /// <param name="manages">Needed is <c>audit: manage</c>; else <c>audit: read</c>.</param>
    public static async Task<TenantCall?> EnterAsync(
        HttpContext context, Authentication authentication, Denials denials, string action, bool manages = false)
    {
        if (await authentication.TenantAsync(context) is not { } call)
        {
            return null;
        }

        if (manages ? Permissions.ManagesAudit(call.App, call.Context.Actor) : Permissions.ReadsAudit(call.App, call.Context.Actor))
        {
            return call;
        }

        await denials.RecordAsync(call, "not-found", action, null, context.RequestAborted);
        await ProblemResults.NotFoundAsync(context, context.RequestAborted);
        return null;
    }
}
