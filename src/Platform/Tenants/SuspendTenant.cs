using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Tenants;

/// <summary>
/// <c>POST /operator/v1/tenants/{slug}/suspend</c>: answers when nothing reads or writes the tenant's rows any more,
/// which may take 20 seconds. Repeating it is harmless, and finishes what was interrupted.
/// </summary>
internal static class SuspendTenant
{
    internal static Task HandleAsync(
        HttpContext context,
        string slug,
        Authentication authentication,
        Catalogue catalogue,
        Deployment deployment,
        TenantLinks links) =>
        Fence.ChangeAsync(
            context,
            slug,
            authentication,
            catalogue,
            deployment,
            links,
            // Also when it is suspended already: a fence that was interrupted is not complete.
            (actor, tenant, ct) => deployment.SuspendAsync(actor, context.TraceIdentifier, tenant.Id, ct));
}

/// <summary><c>POST /operator/v1/tenants/{slug}/resume</c>: back into service. Repeating it is harmless.</summary>
internal static class ResumeTenant
{
    internal static Task HandleAsync(
        HttpContext context,
        string slug,
        Authentication authentication,
        Catalogue catalogue,
        Deployment deployment,
        TenantLinks links) =>
        Fence.ChangeAsync(
            context,
            slug,
            authentication,
            catalogue,
            deployment,
            links,
            (actor, tenant, ct) => tenant.Status == TenantStatus.Active
                ? Task.CompletedTask
                : deployment.ResumeAsync(actor, context.TraceIdentifier, tenant.Id, ct));
}

/// <summary>What suspending and resuming have in common.</summary>
internal static class Fence
{
    internal static async Task ChangeAsync(
        HttpContext context,
        string slug,
        Authentication authentication,
        Catalogue catalogue,
        Deployment deployment,
        TenantLinks links,
        Func<Actor, TenantEntry, CancellationToken, Task> change)
    {
        var cancellationToken = context.RequestAborted;
        if (await authentication.OperatorAsync(context) is not { } actor)
        {
            return;
        }

        if (!deployment.IsAvailable)
        {
            await ProblemResults.WriteAsync(
                context, 503, "no-deployer",
                "This process has no deployer's credential: it cannot do this.",
                null, cancellationToken);
            return;
        }

        await catalogue.RefreshAsync(cancellationToken);
        if (!catalogue.Current.BySlug.TryGetValue(slug, out var tenant))
        {
            await ProblemResults.NotFoundAsync(context, cancellationToken);
            return;
        }

        if (tenant.Status == TenantStatus.Preparing)
        {
            await ProblemResults.WriteAsync(
                context, 409, "conflict",
                "The tenant is still being onboarded: repeat that first.",
                null, cancellationToken);
            return;
        }

        await change(actor, tenant, cancellationToken);
        await JsonAnswer.WriteAsync(
            context, 200, TenantView.Of(catalogue.Current.Tenants[tenant.Id], links), cancellationToken);
    }
}
