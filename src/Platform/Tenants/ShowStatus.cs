using System.Reflection;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys.PostQuantum;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Tenants;

/// <summary><c>GET /operator/v1/status</c>: what runs, where tenants live, and what the database leaves open.</summary>
internal static class ShowStatus
{
    internal static async Task HandleAsync(
        HttpContext context,
        Authentication authentication,
        Catalogue catalogue,
        AppCatalogue apps,
        ControlDatabase control,
        Deployment deployment,
        TenantLinks links)
    {
        var cancellationToken = context.RequestAborted;
        if (await authentication.OperatorAsync(context) is null)
        {
            return;
        }

        var postgres = "";
        await control.ReadAsync(
            Sql.Of($"select split_part(current_setting('server_version'), ' ', 1)"),
            row => postgres = row.Text(0),
            cancellationToken);
        var residuals = await deployment.ResidualsAsync(cancellationToken);
        var current = catalogue.Current;
        var answer = new Answer(
            Version,
            postgres,
            deployment.IsAvailable,
            PostQuantumSupport.Status,
            [.. Units(current)],
            [.. residuals.Select(r => new ResidualView(r.Database, r.Item, r.Reason))],
            TenantView.All(current, links),
            ListApps.All(current, apps));
        await JsonAnswer.WriteAsync(context, 200, answer, cancellationToken);
    }

    private static string Version { get; } = typeof(ShowStatus).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    private static IEnumerable<UnitView> Units(CatalogueSnapshot catalogue) => catalogue.Tenants.Values
        .GroupBy(t => t.Placement.Unit)
        .OrderBy(g => g.Key.Database, StringComparer.Ordinal)
        .ThenBy(g => g.Key.Name, StringComparer.Ordinal)
        .Select(g => new UnitView(g.Key.Name, g.Key.Isolation.Word(), g.Key.Database, g.Count()));

    /// <param name="Postgres">Version of the server that holds the catalogue, <c>15.18</c>.</param>
    /// <param name="CanDeploy">The process has the deployer's credential.</param>
    /// <param name="PostQuantum">What this process's OpenSSL has and lacks, with the next step.</param>
    /// <param name="Residuals">What an attacker with the app's credential could still do, with the reason.</param>
    private sealed record Answer(
        string Version,
        string Postgres,
        bool CanDeploy,
        string PostQuantum,
        IReadOnlyList<UnitView> Units,
        IReadOnlyList<ResidualView> Residuals,
        IReadOnlyList<TenantView> Tenants,
        IReadOnlyList<ListApps.App> Apps);

    private sealed record UnitView(string Name, string Isolation, string Database, int Tenants);

    private sealed record ResidualView(string Database, string Item, string Reason);
}
