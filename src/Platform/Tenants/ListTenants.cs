using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Tenants;

/// <summary><c>GET /operator/v1/tenants</c>: all of them, by slug.</summary>
internal static class ListTenants
{
    internal static async Task HandleAsync(
        HttpContext context, Authentication authentication, Catalogue catalogue, TenantLinks links)
    {
        if (await authentication.OperatorAsync(context) is not null)
        {
            await JsonAnswer.WriteAsync(
                context, 200, new Answer(TenantView.All(catalogue.Current, links)), context.RequestAborted);
        }
    }

    private sealed record Answer(IReadOnlyList<TenantView> Data);
}
