using System.Collections.Immutable;
using System.Reflection;
using Bulkhead.Bench.KernelLevel;
using Bulkhead.Bench.Servers;

namespace Bulkhead.Bench.Http;

/// <summary>The bench's app with its tenants in all isolations, and rows that were put there past every guard.</summary>
internal static class ContactTenants
{
    private const string App = "bench";
    private const string Role = "reader";

    public static async Task<ImmutableArray<HostTenant>> MakeAsync(
        BulkheadHost host,
        PrivatePostgres postgres,
        int sharedTenants,
        int rowsTogether,
        Action<string> progress,
        CancellationToken cancellationToken)
    {
        progress("deploying the bench's app");
        await host.SignInAsync(cancellationToken);
        using var manifest = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("bench.yaml")!);
        await host.DeployAsync(await manifest.ReadToEndAsync(cancellationToken), cancellationToken);

        var tenants = new List<HostTenant>(sharedTenants + 2);
        var wanted = Enumerable.Repeat("shared", sharedTenants).Append("schema").Append("database");
        foreach (var (n, isolation) in wanted.Index())
        {
            progress($"onboarding tenant {n + 1} of {sharedTenants + 2}");
            tenants.Add(await host.OnboardAsync($"bench-{n}", isolation, App, Role, cancellationToken));
        }

        progress("filling the tables");
        await using var control = await postgres.OpenAsync(BulkheadHost.Database, cancellationToken);
        for (var i = 0; i < tenants.Count; i++)
        {
            tenants[i] = tenants[i] with { Id = (await HostHome.OfAsync(control, tenants[i].Slug, cancellationToken)).Tenant };
        }

        foreach (var group in tenants.GroupBy(t => t.Isolation).ToList())
        {
            var (_, database, schema) = await HostHome.OfAsync(control, group.First().Slug, cancellationToken);
            var members = group.ToList();
            foreach (var table in new[] { "contact", "patient" })
            {
                var ids = await Rows.FillAsync(
                    postgres,
                    database,
                    $"\"{schema}\".{table}",
                    [.. members.Select(t => t.Id)],
                    rowsTogether / members.Count,
                    cancellationToken);
                foreach (var tenant in members)
                {
                    var at = tenants.FindIndex(t => t.Slug == tenant.Slug);
                    tenants[at] = tenants[at] with { Ids = ids[tenant.Id] };
                }
            }

            await using var home = await postgres.OpenAsync(database, cancellationToken);
            await home.RunAsync("vacuum analyze guard.capability", cancellationToken);
        }

        return [.. tenants];
    }
}
