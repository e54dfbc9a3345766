using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Tenants;

/// <summary><c>GET /operator/v1/tenants/{slug}</c>.</summary>
internal static class ShowTenant
{
    internal static async Task HandleAsync(
        HttpContext context, string slug, Authentication authentication, Catalogue catalogue, TenantLinks links)
    {
        if (await authentication.OperatorAsync(context) is null)
        {
            return;
        }

        await (catalogue.Current.BySlug.TryGetValue(slug, out var tenant)
            ? JsonAnswer.WriteAsync(context, 200, TenantView.Of(tenant, links), context.RequestAborted)
            : ProblemResults.NotFoundAsync(context, context.RequestAborted));
    }
}
