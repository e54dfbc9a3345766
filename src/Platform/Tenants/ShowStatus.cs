using System.Reflection;
using Bulkhead.Kernel.Audit.Integrity;
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
        AuditGaps gaps,
        UnsealedLogs unsealed,
        SweepProgress progress,
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
        var swept = (await gaps.SweptAsync(cancellationToken)).ToDictionary(s => s.Tenant);
        var answer = new Answer(
            Version,
            postgres,
            deployment.IsAvailable,
            PostQuantumSupport.Status,
            [.. Units(current)],
            [.. (await gaps.OpenAsync(cancellationToken)).Select(g => new GapView(
                g.Tenant is { } tenant ? Slug(current, tenant) : null, g.Kind, g.From, g.To, g.Entry, g.FoundAt, g.SeenAt))],
            [.. unsealed.Open.Select(log => new UnsealedView(Slug(current, log.Tenant), log.Since))],
            progress.OverdueSince,
            [.. current.Tenants.Values.OrderBy(t => t.Slug, StringComparer.Ordinal)
                .Select(t => swept.TryGetValue(t.Id, out var last) ? new SweepView(t.Slug, last.Size, last.At) : new(t.Slug, null, null))],
            [.. residuals.Select(r => new ResidualView(r.Database, r.Item, r.Reason))],
            TenantView.All(current, links),
            ListApps.All(current, apps));
        await JsonAnswer.WriteAsync(context, 200, answer, cancellationToken);
    }

    private static string Version { get; } = typeof(ShowStatus).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    private static string Slug(CatalogueSnapshot catalogue, TenantId tenant) =>
        catalogue.Tenants.TryGetValue(tenant, out var entry) ? entry.Slug : tenant.ToString();

    private static IEnumerable<UnitView> Units(CatalogueSnapshot catalogue) => catalogue.Tenants.Values
        .GroupBy(t => t.Placement.Unit)
        .OrderBy(g => g.Key.Database, StringComparer.Ordinal)
        .ThenBy(g => g.Key.Name, StringComparer.Ordinal)
        .Select(g => new UnitView(g.Key.Name, g.Key.Isolation.Word(), g.Key.Database, g.Count()));

    /// <param name="Postgres">Version of the server that holds the catalogue, <c>15.18</c>.</param>
    /// <param name="CanDeploy">The process has the deployer's credential.</param>
    /// <param name="PostQuantum">What this process's OpenSSL has and lacks, with the next step.</param>
    /// <param name="AuditGaps">Where sealed audit logs do not hold, until a whole walk finds that they do again. Nothing silences it.</param>
    /// <param name="AuditUnsealed">Logs that are not being sealed, and since when. Nothing silences it.</param>
    /// <param name="AuditSweepOverdue">Since when this process has ended no walk over all logs, where that is too long; otherwise null.</param>
    /// <param name="AuditSweeps">Up to which size each log was last walked, and when; null before the first walk.</param>
    /// <param name="Residuals">What an attacker with the app's credential could still do, with the reason.</param>
    private sealed record Answer(
        string Version,
        string Postgres,
        bool CanDeploy,
        string PostQuantum,
        IReadOnlyList<UnitView> Units,
        IReadOnlyList<GapView> AuditGaps,
        IReadOnlyList<UnsealedView> AuditUnsealed,
        DateTimeOffset? AuditSweepOverdue,
        IReadOnlyList<SweepView> AuditSweeps,
        IReadOnlyList<ResidualView> Residuals,
        IReadOnlyList<TenantView> Tenants,
        IReadOnlyList<ListApps.App> Apps);

    private sealed record UnitView(string Name, string Isolation, string Database, int Tenants);

    /// <param name="Tenant">Null where it is the installation's: the log of heads.</param>
    private sealed record GapView(
        string? Tenant, string Kind, long From, long To, Guid? Entry, DateTimeOffset FoundAt, DateTimeOffset SeenAt);

    private sealed record UnsealedView(string Tenant, DateTimeOffset Since);

    private sealed record SweepView(string Tenant, long? Size, DateTimeOffset? At);

    private sealed record ResidualView(string Database, string Item, string Reason);
}
