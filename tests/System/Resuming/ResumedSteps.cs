using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Resuming;

/// <summary>Invariant 7: onboarding, deployment and fencing that were killed in the middle finish on the next call.</summary>
[Collection(World.Name)]
public class ResumedSteps(World world)
{
    private Infrastructure.Installation Installation => world.Installation;

    private Task OnboardAsync(NewTenant tenant) => Installation.Deployment.OnboardAsync(
        Infrastructure.Installation.Operator, "onboard", tenant, Ward.Create, default);

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Onboarding_killed_at_any_step_finishes_when_called_again(IsolationKind kind)
    {
        var step = 0;
        foreach (var (database, act, table) in new[]
        {
            ("bulkhead", "insert", "control.tenant"), ("bulkhead", "insert", "control.capability"),
            ("bulkhead", "insert", "control.signing_key"), ("bulkhead", "update", "control.tenant"),
            ("bulkhead", "insert", "control.audit_entry"), ("bulkhead_cell", "insert", "guard.capability"),
        })
        {
            if (kind == IsolationKind.Database && database == "bulkhead_cell")
            {
                continue;
            }

            var slug = $"resumed{(int)kind}{step++}";
            var tenant = Infrastructure.Installation.New(slug, kind);
            await using (await Sabotage.AtAsync(Installation, database, act, table))
            {
                await Assert.ThrowsAnyAsync<Exception>(() => OnboardAsync(tenant));
                await Installation.Catalogue.RefreshAsync(default);
                Assert.False(
                    Installation.Catalogue.Current.BySlug.TryGetValue(slug, out var half) && half.Status == TenantStatus.Active,
                    "a tenant that is not finished serves");
            }

            await OnboardAsync(tenant);
            var finished = new Tenant(Installation, Installation.Catalogue.Current.BySlug[slug].Id);
            Assert.Equal(TenantStatus.Active, finished.Entry.Status);
            Assert.Equal(1, await finished.AddPatientAsync(Guid.CreateVersion7()));
            await using var deployer = await Installation.AsDeployerAsync(finished.Unit.Database);
            Assert.Equal(1, await deployer.ScalarAsync<long>(
                $"select count(*) from {finished.Unit.Name}_core.service_account where tenant_id = $1", default, finished.Id.Value));
            Assert.Equal(1, await deployer.ScalarAsync<long>(
                "select count(*) from guard.capability where tenant_id = $1", default, finished.Id.Value));
        }

        await Installation.Start.CheckAsync(default);
    }

    [Fact]
    public async Task Onboarding_resumed_with_another_isolation_does_not_make_a_tenant_without_a_home()
    {
        await using (await Sabotage.AtAsync(Installation, "bulkhead", "insert", "control.capability"))
        {
            await Assert.ThrowsAnyAsync<Exception>(
                () => OnboardAsync(Infrastructure.Installation.New("changed", IsolationKind.Schema)));
        }

        try
        {
            await OnboardAsync(Infrastructure.Installation.New("changed", IsolationKind.Shared));
        }
        catch (InvalidOperationException)
        {
            // A refusal is as good; then the first call's isolation goes on.
            await OnboardAsync(Infrastructure.Installation.New("changed", IsolationKind.Schema));
        }

        var tenant = new Tenant(Installation, Installation.Catalogue.Current.BySlug["changed"].Id);
        Assert.Equal(1, await tenant.AddPatientAsync(Guid.CreateVersion7()));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Suspending_and_resuming_killed_in_the_middle_finish_when_called_again(IsolationKind kind)
    {
        var tenant = await Installation.OnboardAsync($"restless{(int)kind}", kind);
        var id = Guid.CreateVersion7();
        await tenant.AddPatientAsync(id);
        var actor = Infrastructure.Installation.Operator;
        await using (await Sabotage.AtAsync(Installation, tenant.Unit.Database, "delete", "guard.capability"))
        {
            await Assert.ThrowsAnyAsync<Exception>(() => Installation.Deployment.SuspendAsync(actor, "r", tenant.Id, default));
        }

        await Installation.Deployment.SuspendAsync(actor, "r", tenant.Id, default);
        await Assert.ThrowsAsync<TenantFault>(tenant.PatientsAsync);
        foreach (var (database, table) in new[]
        {
            (tenant.Unit.Database, "guard.capability"), ("bulkhead", "control.capability"), ("bulkhead", "control.audit_entry"),
        })
        {
            await using (await Sabotage.AtAsync(Installation, database, "insert", table))
            {
                await Assert.ThrowsAnyAsync<Exception>(() => Installation.Deployment.ResumeAsync(actor, "r", tenant.Id, default));
            }

            await Installation.Deployment.ResumeAsync(actor, "r", tenant.Id, default);
            Assert.Equal(id, Assert.Single(await tenant.PatientsAsync()).Id);
            await Installation.Deployment.SuspendAsync(actor, "r", tenant.Id, default);
        }
    }
}

/// <summary>A deployment changes every unit of an app: these need an installation of their own.</summary>
public class ResumedDeployments
{
    [Fact]
    public async Task A_deployment_killed_between_units_goes_on_where_it_stopped_and_leaves_every_wall_up()
    {
        await using var cluster = await PostgresCluster.StartAsync("fsync = off");
        await using var installation = await Installation.CreateAsync(cluster, "bulkhead");
        var tenants = new List<Tenant>();
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            var tenant = await installation.OnboardAsync($"t{(int)kind}", kind);
            await tenant.AddPatientAsync(World.SameId, "ssn");
            tenants.Add(tenant);
        }

        // Units go in the order of their names: the first sabotage strikes after the first of them, the second before the last.
        var last = tenants.OrderBy(t => t.Unit.Name, StringComparer.Ordinal).Last();
        foreach (var (database, table) in new[]
        {
            ("bulkhead", "control.tenant"), (last.Unit.Database, "guard.unit"), ("bulkhead", "control.app_release"),
        })
        {
            await using (await Sabotage.AtAsync(installation, database, "update", table))
            {
                await Assert.ThrowsAnyAsync<Exception>(() => installation.DeployAsync(2));
            }

            // Half deployed, every tenant is served.
            await installation.Catalogue.RefreshAsync(default);
            Assert.All(tenants, t => Assert.Single(t.PatientsAsync().Result));
        }

        await installation.DeployAsync(2);
        await installation.DeployAsync(2);

        await installation.Start.CheckAsync(default);
        foreach (var tenant in tenants)
        {
            Assert.Equal(2, tenant.Entry.AppVersion);
            var cities = new List<string>();
            await tenant.RunAsync(new TenantWork().Read(
                Sql.Of($"select city from {Place.App}.{Ward.Patient}"), row => cities.Add(row.Text(0))));
            Assert.Equal(["Boston"], cities);
            await using var deployer = await installation.AsDeployerAsync(tenant.Unit.Database);
            // What the migration added is walled like the rest: FORCE is back, and no column has statistics.
            Assert.Equal(0, await deployer.ScalarAsync<long>(
                $"""
                select count(*) from pg_class c where c.relnamespace = '{tenant.Unit.Name}'::regnamespace and c.relkind = 'r'
                and (not c.relforcerowsecurity or not c.relrowsecurity or not exists (select 1 from pg_policy p where p.polrelid = c.oid)
                  or exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attstattarget <> 0))
                """,
                default));
            Assert.Equal(3, await deployer.ScalarAsync<long>(
                $"select count(*) from pg_class c where c.relnamespace = '{tenant.Unit.Name}'::regnamespace and c.relkind = 'r'", default));
        }
    }

    [Fact]
    public async Task A_version_in_force_is_not_replaced_by_another_text()
    {
        await using var cluster = await PostgresCluster.StartAsync("fsync = off");
        await using var installation = await Installation.CreateAsync(cluster, "bulkhead");
        await Assert.ThrowsAsync<InvalidOperationException>(() => installation.Deployment.DeployAppAsync(
            Installation.Operator, "r", new AppRelease(Ward.App, 1, "another text"), _ => [], null, default));
    }

    [Fact]
    public async Task Preparing_again_and_two_at_once_are_harmless()
    {
        await using var cluster = await PostgresCluster.StartAsync("fsync = off");
        await using var one = Installation.Open(cluster, "bulkhead");
        await using var two = one.Another();
        await Task.WhenAll(one.Deployment.PrepareAsync(null, default), two.Deployment.PrepareAsync(null, default));
        await one.DeployAsync(1);
        var tenant = await one.OnboardAsync("t", IsolationKind.Schema);
        await tenant.AddPatientAsync(World.SameId);
        await one.Deployment.PrepareAsync(null, default);
        Assert.Single(await tenant.PatientsAsync());

        // Another root key is noticed before it seals anything.
        await using var stranger = Installation.Open(cluster, "bulkhead");
        await Assert.ThrowsAsync<KeyStoreFault>(() => stranger.Deployment.PrepareAsync(null, default));
    }

    [Fact]
    public async Task Preparing_again_repairs_a_role_that_changed_its_own_password_and_settings()
    {
        await using var cluster = await PostgresCluster.StartAsync("fsync = off");
        await using var installation = await Installation.CreateAsync(cluster, "bulkhead");
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            var tenant = await installation.OnboardAsync($"t{(int)kind}", kind);
            await tenant.AddPatientAsync(World.SameId);
            await using (var hostile = await HostileSession.OpenAsync(new Pair(tenant, tenant)))
            {
                var role = installation.Catalogue.Current.Logins[tenant.Unit.Database].Role;
                await hostile.RunAsync($"alter role {role} password 'mine'");
                await hostile.RunAsync($"alter role {role} set work_mem = '64kB'");
            }

            await installation.Deployment.PrepareAsync(null, default);
            await using var fresh = installation.Another();
            await fresh.Catalogue.RefreshAsync(default);
            await fresh.Database.RunAsync(
                tenant.Context, new TenantWork().Read(Sql.Of($"select id from {Place.App}.{Ward.Patient}"), _ => { }), default);
        }

        await using var deployer = await installation.AsDeployerAsync("postgres");
        Assert.Equal(0, await deployer.ScalarAsync<long>("select count(*) from pg_db_role_setting where setrole <> 0", default));
    }
}
