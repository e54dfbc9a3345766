using System.Text.Json.Serialization;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Platform.Tenants;

/// <summary>The URLs under which tenants are reached in this installation, without a slash at the end.</summary>
internal sealed record TenantLinks(string PublicUrl)
{
    internal string Of(string slug) => $"{PublicUrl}/t/{slug}";
}

/// <summary>
/// A tenant in the operator's answers. The URLs are the path form; at a host of its own the same paths hold.
/// </summary>
internal sealed record TenantView(
    Guid Id,
    string Slug,
    string Name,
    string Status,
    string Isolation,
    string App,
    int AppVersion,
    IReadOnlyList<string> Hosts,
    string BaseUrl,
    string TokenUrl,
    string ApiUrl)
{
    /// <summary>Only in the answer to an onboarding, once.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<NewClientView>? ServiceAccounts { get; init; }

    internal static TenantView Of(TenantEntry tenant, TenantLinks links)
    {
        var url = links.Of(tenant.Slug);
        return new(
            tenant.Id.Value,
            tenant.Slug,
            tenant.Name,
            tenant.Status.ToString().ToLowerInvariant(),
            tenant.Placement.Unit.Isolation.Word(),
            tenant.App,
            tenant.AppVersion,
            tenant.Hosts,
            url,
            $"{url}/oauth/token",
            $"{url}/api/v1");
    }

    internal static IReadOnlyList<TenantView> All(CatalogueSnapshot catalogue, TenantLinks links) =>
        [.. catalogue.Tenants.Values.OrderBy(t => t.Slug, StringComparer.Ordinal).Select(t => Of(t, links))];
}

internal sealed record NewClientView(string Role, string ClientId, string ClientSecret);
