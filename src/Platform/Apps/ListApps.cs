using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Apps;

/// <summary><c>GET /operator/v1/apps</c>: every version in force, by name and then newest first.</summary>
internal static class ListApps
{
    internal static async Task HandleAsync(
        HttpContext context, Authentication authentication, Catalogue catalogue, AppCatalogue apps)
    {
        if (await authentication.OperatorAsync(context) is null)
        {
            return;
        }

        await JsonAnswer.WriteAsync(context, 200, new Answer(All(catalogue.Current, apps)), context.RequestAborted);
    }

    internal static IReadOnlyList<App> All(CatalogueSnapshot catalogue, AppCatalogue apps) =>
    [
        .. catalogue.Apps
            .OrderBy(r => r.Name, StringComparer.Ordinal)
            .ThenByDescending(r => r.Version)
            .Select(r =>
            {
                var model = apps.Find(r.Name, r.Version);
                var tenants = catalogue.Tenants.Values.Count(t => t.App == r.Name && t.AppVersion == r.Version);
                return new App(
                    r.Name,
                    r.Version,
                    model?.Title,
                    model?.Description,
                    model?.Entities.Length,
                    model?.Roles.Keys.Order(StringComparer.Ordinal).ToArray(),
                    tenants);
            }),
    ];

    private sealed record Answer(IReadOnlyList<App> Data);

    /// <param name="Title">Null, like what follows it, when this program cannot compile the version.</param>
    /// <param name="Tenants">How many are at this version.</param>
    internal sealed record App(
        string Name,
        int Version,
        string? Title,
        string? Description,
        int? Entities,
        IReadOnlyList<string>? Roles,
        int Tenants);
}
