using System.Collections.Immutable;
using System.Reflection;
using Bulkhead.Bench.Http;
using Bulkhead.Bench.KernelLevel;
using Bulkhead.Bench.Servers;

namespace Bulkhead.Bench.Audit;

/// <summary>
/// Shared tenants of one app deployed three times: reads leave no entry, they leave one, and entries commit to numbers besides. A change
/// leaves its entry in all of them: the product has no switch for that.
/// </summary>
internal sealed record AuditedTenants(
    ImmutableArray<HostTenant> Off, ImmutableArray<HostTenant> On, ImmutableArray<HostTenant> Committed)
{
    public const string Plural = "patients";
    /// <summary>Tenants of each kind.</summary>
    private const int Most = 5;

    private const string Role = "clerk";
    private const string App = "app: bench-audit\n";
    private const string Commits = "  commits: [recordsRead, patient.visits]\n";
    private const string Reads = "audit:\n  readsOf: [personal]\n";

    public IReadOnlyList<HostTenant> All => [.. Off, .. On, .. Committed];

    public static async Task<AuditedTenants> MakeAsync(
        BulkheadHost host, PrivatePostgres postgres, BenchOptions options, Action<string> progress, CancellationToken cancellationToken)
    {
        var tenants = Math.Min(Most, options.Tenants);
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("audited.yaml")!);
        var manifest = await reader.ReadToEndAsync(cancellationToken);
        await host.SignInAsync(cancellationToken);
        return new(
            await OfAsync("bench-audit-off", Without(Without(manifest, Commits), Reads)),
            await OfAsync("bench-audit-on", Without(manifest, Commits)),
            await OfAsync("bench-audit-committed", manifest));

        async Task<ImmutableArray<HostTenant>> OfAsync(string app, string text)
        {
            progress($"{app}: deploying it, with {tenants} tenants");
            await host.DeployAsync(Without(text, App) + $"app: {app}\n", cancellationToken);
            var made = ImmutableArray.CreateBuilder<HostTenant>(tenants);
            for (var n = 0; n < tenants; n++)
            {
                var tenant = await host.OnboardAsync($"{app}-{n}", "shared", app, Role, cancellationToken);
                made.Add(tenant with { Id = (await HostHome.OfAsync(postgres, tenant.Slug, cancellationToken)).Tenant });
            }

            var home = await HostHome.OfAsync(postgres, made[0].Slug, cancellationToken);
            var ids = await Rows.FillAsync(
                postgres, home.Database, $"\"{home.Schema}\".patient", [.. made.Select(t => t.Id)], options.Rows, cancellationToken);
            await using var database = await postgres.OpenAsync(home.Database, cancellationToken);
            await database.RunAsync("vacuum analyze guard.capability", cancellationToken);
            return [.. made.Select(t => t with { Ids = ids[t.Id] })];
        }
    }

    private static string Without(string manifest, string part) => manifest.Contains(part, StringComparison.Ordinal)
        ? manifest.Replace(part, "", StringComparison.Ordinal)
        : throw new InvalidOperationException($"audited.yaml has changed: there is no '{part}' to take away.");
}
