using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Npgsql;

namespace Bulkhead.Tests.System.Isolation;

/// <summary>Attacks on pools: what one lease leaves for the next, and how many there are.</summary>
[Collection(World.Name)]
public class PoolAttacks(World world)
{
    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_57_a_text_of_several_statements_cannot_replace_a_prepared_statement(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using var alone = world.Installation.Another(o => o with { CellPoolSize = 1, DatabasePoolSize = 1 });
        await alone.Catalogue.RefreshAsync(default);
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(pair.Victim.Mark, await NameAsync(alone, pair.Victim));
        }

        await using (var lease = await alone.Pools.OpenAsync(pair.Attacker.Unit, default))
        {
            foreach (var text in new[]
            {
                "select 1; deallocate all", "deallocate _auto1; prepare _auto1 as select 'stolen'",
                "select 1; prepare x as select 1", "select 1; discard all",
            })
            {
                var refused = await Assert.ThrowsAsync<PostgresException>(() => lease.Connection.RunAsync(text, default));
                Assert.Equal(PostgresErrorCodes.SyntaxError, refused.SqlState);
            }
        }

        Assert.Equal(pair.Victim.Mark, await NameAsync(alone, pair.Victim));
    }

    [Fact]
    public async Task Attack_57_a_driver_that_splits_texts_is_noticed_before_serving()
    {
        // What the check looks for: the same text on a connection whose driver splits is no error.
        await using var lease = await world.Installation.Pools.OpenAsync(world.Of(IsolationKind.Shared).Victim.Unit, default);
        await ServingChecks.OneStatementAsync(lease.Connection, default);
        Assert.True(AppContext.TryGetSwitch("Npgsql.EnableSqlRewriting", out var rewriting));
        Assert.False(rewriting);
    }

    [Fact]
    public async Task Backends_over_all_pools_stay_under_their_cap_and_evicted_pools_come_back()
    {
        const int cap = 12;
        await using var process = world.Installation.Another(o => o with
        {
            MaxBackends = cap,
            CellPoolSize = 4,
            ControlPoolSize = 2,
            DatabasePoolSize = 2,
        });
        var tenants = new List<Tenant>();
        for (var i = 0; i < 14; i++)
        {
            tenants.Add(await world.Installation.OnboardAsync($"many{i}", IsolationKind.Database));
        }

        await process.Catalogue.RefreshAsync(default);
        await using var deployer = await world.Installation.AsDeployerAsync("postgres");
        var roles = tenants.Select(t => process.Catalogue.Current.Logins[t.Unit.Database].Role).ToArray();
        using var done = new CancellationTokenSource();
        var most = 0L;
        var watch = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                most = Math.Max(most, await deployer.ScalarAsync<long>(
                    "select count(*) from pg_stat_activity where usename::text = any($1)", default, (object)roles));
            }
        });
        var busy = 0;
        var served = 0;
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 400),
            new ParallelOptions { MaxDegreeOfParallelism = 12 },
            async (i, cancellation) =>
            {
                try
                {
                    var work = new TenantWork().Read(Sql.Of($"select id from {Place.App}.{Ward.Patient}"), _ => { });
                    await process.Database.RunAsync(tenants[i % tenants.Count].Context, work, cancellation);
                    Interlocked.Increment(ref served);
                }
                catch (TenantFault fault)
                {
                    Assert.Equal(TenantFaultKind.Busy, fault.Kind);
                    Interlocked.Increment(ref busy);
                }

                Assert.True(process.Pools.ReservedBackends <= cap);
            });
        await done.CancelAsync();
        await watch;

        Assert.True(served > 100, $"served {served}, busy {busy}");
        // Ten are left for pools beside the catalogue's two; a backend that was let go takes a moment to end.
        Assert.InRange(most, 2, cap);
        foreach (var tenant in tenants)
        {
            await process.Database.RunAsync(
                tenant.Context, new TenantWork().Read(Sql.Of($"select id from {Place.App}.{Ward.Patient}"), _ => { }), default);
        }
    }

    [Fact]
    public async Task A_full_pool_is_a_busy_fault_and_serves_again_when_a_place_is_free()
    {
        await using var narrow = world.Installation.Another(o => o with { CellPoolSize = 1, OpenTimeout = TimeSpan.FromSeconds(1) });
        await narrow.Catalogue.RefreshAsync(default);
        var tenant = world.Of(IsolationKind.Shared).Victim;
        await using (await narrow.Pools.OpenAsync(tenant.Unit, default))
        {
            var fault = await Assert.ThrowsAsync<TenantFault>(() => NameAsync(narrow, tenant));
            Assert.Equal(TenantFaultKind.Busy, fault.Kind);
        }

        Assert.Equal(tenant.Mark, await NameAsync(narrow, tenant));
    }

    private static async Task<string> NameAsync(Installation process, Tenant tenant)
    {
        var name = "";
        await process.Database.RunAsync(
            tenant.Context,
            new TenantWork().Read(
                Sql.Of($"select name from {Place.App}.{Ward.Patient} where id = {SqlValue.Uuid(World.SameId)}"), row => name = row.Text(0)),
            default);
        return name;
    }
}
