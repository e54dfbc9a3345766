using System.Collections.Concurrent;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Durability;

/// <summary>Invariants 2 and 3 under kill -9: no acknowledged write is lost; no row without its entry, no entry without its row.</summary>
public class Kills
{
    [Fact]
    public async Task Nothing_acknowledged_is_lost_when_the_server_is_killed_in_the_middle_of_writes()
    {
        await RunAsync(async (cluster, _) =>
        {
            await cluster.KillAsync();
            await cluster.StartAgainAsync();
        });
    }

    [Fact]
    public async Task Nothing_acknowledged_is_lost_when_a_backend_is_killed_in_the_middle_of_writes()
    {
        await RunAsync(async (cluster, installation) =>
        {
            await using var deployer = await installation.AsDeployerAsync("postgres");
            var victim = await deployer.ScalarAsync<int>(
                "select pid from pg_stat_activity where application_name = 'bulkhead' and datname <> 'bulkhead' order by xact_start limit 1", default);
            PostgresCluster.Kill(victim);
        });
    }

    private static async Task RunAsync(Func<PostgresCluster, Installation, Task> kill)
    {
        // fsync stays on: that is the point.
        await using var cluster = await PostgresCluster.StartAsync();
        await using var installation = await Installation.CreateAsync(cluster, "bulkhead");
        var tenants = new List<Tenant>();
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            tenants.Add(await installation.OnboardAsync($"t{(int)kind}", kind));
        }

        var acknowledged = new ConcurrentDictionary<Guid, Tenant>();
        var faults = 0;
        using var done = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 6).Select(i => Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                var tenant = tenants[i % tenants.Count];
                var id = Guid.CreateVersion7();
                try
                {
                    await tenant.AddPatientAsync(id, id.ToString());
                    acknowledged[id] = tenant;
                }
                catch (TenantFault)
                {
                    Interlocked.Increment(ref faults);
                    await Task.Delay(50);
                }
            }
        })).ToArray();

        for (var round = 0; round < 3; round++)
        {
            var before = acknowledged.Count;
            await UntilAsync(() => acknowledged.Count > before + 60);
            await kill(cluster, installation);
        }

        var last = acknowledged.Count;
        await UntilAsync(() => acknowledged.Count > last + 30);
        await done.CancelAsync();
        await Task.WhenAll(writers);
        Assert.True(faults > 0, "nobody noticed the kill");
        foreach (var tenant in tenants)
        {
            await CheckAsync(tenant, [.. acknowledged.Where(a => a.Value == tenant).Select(a => a.Key)]);
        }
    }

    private static async Task CheckAsync(Tenant tenant, HashSet<Guid> acknowledged)
    {
        await using var deployer = await tenant.Installation.AsDeployerAsync(tenant.Unit.Database);
        var rows = (await deployer.ListAsync(
            $"select id from {tenant.Unit.Name}.patient where tenant_id = $1", r => r.GetGuid(0), default, tenant.Id.Value)).ToHashSet();
        var bodies = await deployer.ListAsync(
            $"select body from {tenant.Unit.Name}_core.audit_entry where tenant_id = $1 and action = 'data.create'",
            r => r.GetString(0),
            default,
            tenant.Id.Value);
        var recorded = new HashSet<Guid>();
        foreach (var body in bodies)
        {
            using var entry = JsonDocument.Parse(body);
            foreach (var id in entry.RootElement.GetProperty("records").GetProperty("ids").EnumerateArray())
            {
                Assert.True(recorded.Add(id.GetGuid()), "a record that was created twice");
            }
        }

        Assert.NotEmpty(acknowledged);
        Assert.Empty(acknowledged.Except(rows));
        Assert.Empty(rows.Except(recorded));
        Assert.Empty(recorded.Except(rows));
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!holds())
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
