using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Npgsql;

namespace Bulkhead.Tests.System.Isolation;

/// <summary>Attacks on the capability itself: guessing, reading, keeping and using it after its end.</summary>
[Collection(World.Name)]
public class CapabilityAttacks(World world)
{
    private static readonly Actor Operator = Installation.Operator;

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_53_a_capability_of_a_suspended_tenant_and_one_of_an_older_generation_raise(IsolationKind kind)
    {
        var tenant = await world.Installation.OnboardAsync($"leaver{(int)kind}", kind);
        await tenant.AddPatientAsync(Guid.CreateVersion7());
        var old = tenant.Token;
        await using var stale = world.Installation.Another();
        await stale.Catalogue.RefreshAsync(default);
        await using var hostile = await HostileSession.OpenAsync(new Pair(tenant, world.Of(kind).Victim));
        Assert.Single(await hostile.RunAsync("select id from {A}.patient"));
        // A policy is asked about rows only: there is one.
        await hostile.RunAsync("""
            insert into {Ac}.idempotency (tenant_id, actor, route, key, request_digest, status, answer)
            values ('{a}', 'x', 'x', 'x', '', 200, '')
            """);

        await world.Installation.Deployment.SuspendAsync(Operator, "r", tenant.Id, default);
        await hostile.RefusedAsync(DatabaseFaults.CapabilityRefused, "select id from {A}.patient");
        await hostile.RefusedAsync(DatabaseFaults.CapabilityRefused, "delete from {A}.patient");
        // Nor do the platform's own tables read as empty: their policy is another one.
        foreach (var table in new[] { "service_account", "idempotency", "audit_entry" })
        {
            await hostile.RefusedAsync(DatabaseFaults.CapabilityRefused, $"select 1 from {{A}}_core.{table}");
        }

        // A process that has not heard of it is refused by the database itself.
        var read = () => new TenantWork().Read(Sql.Of($"select id from {Place.App}.{Ward.Patient}"), _ => { });
        var fenced = await Assert.ThrowsAsync<TenantFault>(() => stale.Database.RunAsync(tenant.Context, read(), default));
        Assert.Equal(TenantFaultKind.Fenced, fenced.Kind);
        var unknown = await Assert.ThrowsAsync<TenantFault>(() => tenant.RunAsync(read()));
        Assert.Equal(TenantFaultKind.Unknown, unknown.Kind);

        await world.Installation.Deployment.ResumeAsync(Operator, "r", tenant.Id, default);
        Assert.NotEqual(old, tenant.Token);
        Assert.Single(await tenant.PatientsAsync());
        await hostile.RefusedAsync(DatabaseFaults.CapabilityRefused, "select id from {A}.patient");
        await Assert.ThrowsAsync<TenantFault>(() => stale.Database.RunAsync(tenant.Context, read(), default));
        await stale.Catalogue.RefreshAsync(default);
        await stale.Database.RunAsync(tenant.Context, read(), default);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_53_resuming_twice_leaves_one_capability(IsolationKind kind)
    {
        var tenant = await world.Installation.OnboardAsync($"twice{(int)kind}", kind);
        var first = tenant.Token;
        await world.Installation.Deployment.ResumeAsync(Operator, "r", tenant.Id, default);
        await world.Installation.Deployment.ResumeAsync(Operator, "r", tenant.Id, default);
        Assert.Empty(await tenant.PatientsAsync());

        await using var hostile = await HostileSession.OpenAsync(new Pair(tenant, world.Of(kind).Victim), present: false);
        await hostile.RunAsync($"select set_config('bulkhead.capability', '{first}', false)");
        await hostile.RefusedAsync(DatabaseFaults.CapabilityRefused, "select id from {A}.patient");
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_54_the_capability_stands_nowhere_in_the_clear(IsolationKind kind)
    {
        var pair = world.Of(kind);
        var token = pair.Victim.Token;
        await pair.Victim.PatientsAsync();
        var shapes = new[]
        {
            token.ToString(), token.ToString("N"), Convert.ToBase64String(token.ToByteArray(bigEndian: true)),
            $"\\x{token:N}",
        };
        foreach (var database in new[] { "bulkhead", pair.Victim.Unit.Database, "postgres" }.Distinct())
        {
            await using var deployer = await world.Installation.AsDeployerAsync(database);
            var tables = await deployer.ListAsync(
                """
                select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
                """,
                r => r.GetString(0),
                default);
            foreach (var table in tables.Append("pg_catalog.pg_stat_activity").Append("pg_catalog.pg_db_role_setting"))
            {
                var text = await deployer.ScalarAsync<string>($"select coalesce(string_agg(t::text, ' '), '') from {table} t", default);
                foreach (var shape in shapes)
                {
                    Assert.False(text!.Contains(shape, StringComparison.OrdinalIgnoreCase), $"{table} of {database} holds a capability in the clear");
                }
            }
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_55_neither_digest_nor_estimates_of_it_are_readable(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using (var deployer = await world.Installation.AsDeployerAsync(pair.Victim.Unit.Database))
        {
            await deployer.RunAsync("analyze", default);
            Assert.Equal(0, await deployer.ScalarAsync<long>(
                "select count(*) from pg_statistic where starelid = 'guard.capability'::regclass", default));
        }

        await using var hostile = await HostileSession.OpenAsync(pair);
        Assert.Equal([pair.Attacker.Id.ToString()], await hostile.RunAsync("select tenant_id from guard.capability"));
        foreach (var attempt in new[]
        {
            "select digest from guard.capability", "select * from guard.capability", "select c from guard.capability c",
            "explain select tenant_id from guard.capability where digest < '\\x80'", "select generation from guard.capability",
            "update guard.capability set tenant_id = '{b}'", "delete from guard.capability",
            "insert into guard.capability (digest, tenant_id, generation) values (sha256('x'), '{b}', 9)",
            "select tenant_id from guard.capability for update", "truncate guard.capability", "select * from guard.unit",
        })
        {
            await hostile.RefusedAsync("42501", attempt);
        }

        var low = await hostile.RunAsync("explain select 1 from guard.capability where tenant_id < '00000000-0000-7000-8000-000000000000'");
        var high = await hostile.RunAsync("explain select 1 from guard.capability where tenant_id < 'ffffffff-0000-7000-8000-000000000000'");
        Assert.Equal(low[0], high[0]);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_63_the_fence_waits_for_transactions_that_are_older_than_it(IsolationKind kind)
    {
        var tenant = await world.Installation.OnboardAsync($"fenced{(int)kind}", kind);
        await tenant.AddPatientAsync(Guid.CreateVersion7());
        await using var hostile = await HostileSession.OpenAsync(new Pair(tenant, world.Of(kind).Victim));
        await hostile.RunAsync("set idle_in_transaction_session_timeout = 0");
        await hostile.RunAsync("begin isolation level repeatable read");
        Assert.Single(await hostile.RunAsync("select id from {A}.patient"));

        var fence = world.Installation.Deployment.SuspendAsync(Operator, "r", tenant.Id, default);
        await Task.Delay(300);
        Assert.False(fence.IsCompleted);
        // The old snapshot still sees the capability: that is why the fence waits.
        Assert.Single(await hostile.RunAsync("update {A}.patient set income = 77 returning id"));
        await hostile.RunAsync("commit");
        await fence.WaitAsync(TimeSpan.FromSeconds(5));

        await hostile.RunAsync("begin isolation level repeatable read");
        await hostile.RefusedAsync(DatabaseFaults.CapabilityRefused, "select id from {A}.patient");
    }

    [Fact]
    public async Task Attack_63_a_transaction_that_outsits_the_fence_is_ended()
    {
        var tenant = await world.Installation.OnboardAsync("outsitter", IsolationKind.Shared);
        await using var hostile = await HostileSession.OpenAsync(new Pair(tenant, world.Of(IsolationKind.Shared).Victim));
        await hostile.RunAsync("set idle_in_transaction_session_timeout = 0");
        await hostile.RunAsync("begin isolation level repeatable read");
        await hostile.RunAsync("select id from {A}.patient");

        await world.Installation.Deployment.SuspendAsync(Operator, "r", tenant.Id, default).WaitAsync(TimeSpan.FromSeconds(40));

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => hostile.RunAsync("select id from {A}.patient"));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_64_neither_errors_nor_the_servers_log_show_a_capability(IsolationKind kind)
    {
        var pair = world.Of(kind);
        var old = pair.Victim.Token;
        await using (var deployer = await world.Installation.AsDeployerAsync(pair.Victim.Unit.Database))
        {
            // The server logs every statement: so the absence below is no accident.
            Assert.Equal("0", await deployer.ScalarAsync<string>("select current_setting('log_min_duration_statement')", default));
        }

        await using var alone = world.Installation.Another(o => o with { CellPoolSize = 1, DatabasePoolSize = 1 });
        await alone.Catalogue.RefreshAsync(default);
        await using (var lease = await alone.Pools.OpenAsync(pair.Victim.Unit, default))
        {
            // Any user may set this one.
            await lease.Connection.RunAsync("set log_parameter_max_length_on_error = -1", default);
        }

        var failing = new TenantWork().Read(Sql.Of($"select 1 / (income - income) from {Place.App}.{Ward.Patient}"), _ => { });
        var fault = await Assert.ThrowsAnyAsync<Exception>(() => alone.Database.RunAsync(pair.Victim.Context, failing, default));
        await alone.Database.RunAsync(pair.Victim.Context, new TenantWork().Change(
            Sql.Of($"update {Place.App}.{Ward.Patient} set income = 1000 where id = {SqlValue.Uuid(World.SameId)} returning id"),
            new AuditEvent("data.update")), default);
        await world.Installation.Deployment.SuspendAsync(Operator, "r", pair.Victim.Id, default);
        await world.Installation.Deployment.ResumeAsync(Operator, "r", pair.Victim.Id, default);
        await pair.Victim.PatientsAsync();

        var log = await world.Cluster.ReadLogAsync();
        Assert.Contains("set_config('bulkhead.capability', $1, true)", log, StringComparison.Ordinal);
        // The one before the suspension, and the new one.
        Assert.DoesNotContain(old.ToString(), log, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(pair.Victim.Token.ToString(), log, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(old.ToString(), fault.ToString(), StringComparison.OrdinalIgnoreCase);
        // Values of rows neither: what the kernel binds is in no line of the kernel's own roles.
        Assert.DoesNotContain($"'{pair.Victim.Mark}'", log, StringComparison.Ordinal);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_66_the_texts_of_statements_hold_no_values(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using var deployer = await world.Installation.AsDeployerAsync(pair.Victim.Unit.Database);
        await deployer.RunAsync("create extension pg_stat_statements schema public", default);
        try
        {
            // The tests' own statements hold literals.
            await deployer.RunAsync("select public.pg_stat_statements_reset()", default);
            var id = Guid.CreateVersion7();
            await pair.Victim.AddPatientAsync(id, "value-that-is-bound");
            await pair.Victim.RunAsync(new TenantWork().Change(
                Sql.Of($"delete from {Place.App}.{Ward.Patient} where id = {SqlValue.Uuid(id)} returning id"), new("data.delete")));
            var texts = await deployer.ScalarAsync<string>(
                "select string_agg(query, ' ') from public.pg_stat_statements", default)
                + await deployer.ScalarAsync<string>("select string_agg(query, ' ') from pg_stat_activity", default);
            // Its first argument shows only where the statement was prepared before the counters were reset.
            Assert.Contains("set_config(", texts, StringComparison.Ordinal);
            foreach (var value in new[] { pair.Victim.Token.ToString(), "value-that-is-bound", pair.Victim.Mark, id.ToString() })
            {
                Assert.DoesNotContain(value, texts, StringComparison.OrdinalIgnoreCase);
            }
        }
        finally
        {
            await deployer.RunAsync("drop extension pg_stat_statements", default);
        }
    }
}
