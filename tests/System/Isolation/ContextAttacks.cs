using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Npgsql;

namespace Bulkhead.Tests.System.Isolation;

/// <summary>Attacks on what a transaction presents, and on the session that it runs in.</summary>
[Collection(World.Name)]
public class ContextAttacks(World world)
{
    private const string Everything = "select name from {A}.patient";

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_1_without_a_capability_every_access_raises(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind), present: false);

        await hostile.RefusedAsync("42704", Everything);
        await hostile.RefusedAsync("42704", "select client_id from {Ac}.service_account");
        await hostile.RefusedAsync("42704", "delete from {A}.patient");
        await hostile.RefusedAsync("42704", """
            insert into {A}.patient (tenant_id, id, version, created_at, updated_at, name)
            values ('{a}', gen_random_uuid(), gen_random_uuid(), now(), now(), 'planted')
            """);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_2_a_capability_left_empty_raises_and_is_not_an_empty_tenant(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind), present: false);
        await hostile.RunAsync("begin");
        await hostile.RunAsync("select set_config('bulkhead.capability', gen_random_uuid()::text, true)");
        await hostile.RunAsync("rollback");
        // After a transaction-local setting the name stays behind with an empty value.
        Assert.Equal([""], await hostile.RunAsync("select current_setting('bulkhead.capability', true)"));

        await hostile.RefusedAsync("22P02", Everything);
        await hostile.RefusedAsync("22P02", "update {A}.patient set income = 0");
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_3_a_malformed_capability_raises(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind), present: false);
        foreach (var malformed in new[] { "x", "*", "''", "{a}'; --", "00000000-0000-0000-0000-00000000000", "\\x00" })
        {
            await hostile.RunAsync($"select set_config('bulkhead.capability', '{malformed.Replace("'", "''", StringComparison.Ordinal)}', false)");
            await hostile.RefusedAsync("22P02", Everything);
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_4_presenting_what_one_can_know_of_the_victim_raises(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        Assert.Equal(6, (await hostile.RunAsync(Everything)).Count);

        await using var deployer = await world.Installation.AsDeployerAsync(world.Of(kind).Victim.Unit.Database);
        var digest = Convert.ToHexStringLower((await deployer.ScalarAsync<byte[]>(
            "select digest from guard.capability where tenant_id = $1", default, world.Of(kind).Victim.Id.Value))!);
        foreach (var known in new[] { "{b}", "{a}", Guid.Empty.ToString(), digest[..32], digest[32..] })
        {
            await hostile.RunAsync($"select set_config('bulkhead.capability', '{known}', false)");
            await hostile.RefusedAsync(DatabaseFaults.CapabilityRefused, Everything);
            await hostile.RefusedAsync(DatabaseFaults.CapabilityRefused, "select name from {A}.patient where tenant_id = '{b}'");
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_5_changing_the_role_gives_nothing(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        await hostile.RefusedAsync("42501", "set role tests");
        await hostile.RefusedAsync("42501", "set session authorization tests");
        await hostile.RefusedAsync("set role bulkhead_app");
        await hostile.RefusedAsync("42501", "set role pg_read_all_data");
        foreach (var change in new[] { "reset role", "set role none", "reset session authorization", "set role bulkhead_tenants" })
        {
            await hostile.RunAsync(change);
            var rows = await hostile.ShowsNothingAsync(Everything);
            Assert.Equal(6, rows.Count);
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_6_a_capability_set_for_a_session_does_not_outlive_its_lease(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using var alone = world.Installation.Another(o => o with { CellPoolSize = 1, DatabasePoolSize = 1 });
        await alone.Catalogue.RefreshAsync(default);
        int backend;
        await using (var lease = await alone.Pools.OpenAsync(pair.Attacker.Unit, default))
        {
            backend = lease.Connection.ProcessID;
            await lease.Connection.RunAsync(
                "select set_config('bulkhead.capability', $1, false)", default, pair.Attacker.Token.ToString());
            await lease.Connection.RunAsync("set statement_timeout = 0", default);
            await lease.Connection.RunAsync("set role bulkhead_tenants", default);
        }

        await using (var lease = await alone.Pools.OpenAsync(pair.Attacker.Unit, default))
        {
            Assert.Equal(backend, lease.Connection.ProcessID);
            Assert.True(string.IsNullOrEmpty(await lease.Connection.ScalarAsync<string>(
                "select current_setting('bulkhead.capability', true)", default)));
            Assert.Equal("5s", await lease.Connection.ScalarAsync<string>("select current_setting('statement_timeout')", default));
            Assert.NotEqual("bulkhead_tenants", await lease.Connection.ScalarAsync<string>("select current_user::text", default));
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_8_after_a_failure_in_the_middle_of_the_work_the_backend_serves_the_next_tenant_rightly(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using var alone = world.Installation.Another(o => o with { CellPoolSize = 1, DatabasePoolSize = 1 });
        await alone.Catalogue.RefreshAsync(default);
        var before = await pair.Attacker.FingerprintAsync();
        for (var i = 0; i < 20; i++)
        {
            var broken = new TenantWork()
                .Also(Sql.Of($"delete from {Place.App}.{Ward.Visit}"))
                .Read(Sql.Of($"select 1 / (income - income) from {Place.App}.{Ward.Patient}"), _ => { });
            await Assert.ThrowsAnyAsync<Exception>(() => alone.Database.RunAsync(pair.Attacker.Context, broken, default));
            Assert.All(await NamesAsync(alone, pair.Victim), n => Assert.Equal(pair.Victim.Mark, n));
        }

        Assert.Equal(before, await pair.Attacker.FingerprintAsync());
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_9_cancellation_and_timeout_in_the_middle_leave_nothing_behind(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using var alone = world.Installation.Another(o => o with
        {
            CellPoolSize = 1,
            DatabasePoolSize = 1,
            StatementTimeout = TimeSpan.FromMilliseconds(200),
        });
        await alone.Catalogue.RefreshAsync(default);
        var before = await pair.Attacker.FingerprintAsync();
        var slow = () => new TenantWork()
            .Also(Sql.Of($"delete from {Place.App}.{Ward.Visit}"))
            .Read(Sql.Of($"select pg_sleep(3)::text"), _ => { });

        var late = await Assert.ThrowsAsync<TenantFault>(() => alone.Database.RunAsync(pair.Attacker.Context, slow(), default));
        Assert.Equal(TenantFaultKind.Timeout, late.Kind);
        Assert.All(await NamesAsync(alone, pair.Victim), n => Assert.Equal(pair.Victim.Mark, n));
        for (var i = 1; i < 8; i++)
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(i * 12));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => alone.Database.RunAsync(pair.Attacker.Context, slow(), cancellation.Token));
            Assert.All(await NamesAsync(alone, pair.Victim), n => Assert.Equal(pair.Victim.Mark, n));
        }

        Assert.Equal(before, await pair.Attacker.FingerprintAsync());
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_10_a_commit_smuggled_into_the_work_does_not_run(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using (var lease = await world.Installation.Pools.OpenAsync(pair.Attacker.Unit, default))
        {
            foreach (var smuggled in new[] { "select 1; commit; select 2", "commit; select 2", "select 1;select set_config('a.b','c',false)" })
            {
                var refused = await Assert.ThrowsAsync<PostgresException>(() => lease.Connection.RunAsync(smuggled, default));
                Assert.Equal(PostgresErrorCodes.SyntaxError, refused.SqlState);
            }
        }

        // A step of the work that is a COMMIT of its own ends the transaction, and with it the capability: what follows raises.
        await using var hostile = await HostileSession.OpenAsync(pair, present: false);
        await using var batch = new NpgsqlBatch(hostile.Connection);
        batch.BatchCommands.Add(new($"select set_config('bulkhead.capability', '{pair.Attacker.Token}', true)"));
        batch.BatchCommands.Add(new("commit"));
        batch.BatchCommands.Add(new(hostile.Fill(Everything)));
        var raised = await Assert.ThrowsAsync<PostgresException>(() => batch.ExecuteNonQueryAsync());
        Assert.Contains(raised.SqlState, new[] { "22P02", "42704" });
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_11_parallel_requests_of_both_on_one_pool_never_cross(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using var narrow = world.Installation.Another(o => o with { CellPoolSize = 3, DatabasePoolSize = 3 });
        await narrow.Catalogue.RefreshAsync(default);
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 600),
            new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (i, cancellation) =>
            {
                var tenant = i % 2 == 0 ? pair.Attacker : pair.Victim;
                var names = await NamesAsync(narrow, tenant);
                Assert.Equal(6, names.Count);
                Assert.All(names, n => Assert.Equal(tenant.Mark, n));
            });
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_14_row_security_switched_off_is_an_error_and_not_a_view_of_everything(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        await hostile.RunAsync("set row_security = off");
        foreach (var table in new[] { "{A}.patient", "{A}.visit", "{Ac}.audit_entry", "{Ac}.service_account", "{Ac}.idempotency" })
        {
            await hostile.RefusedAsync("42501", $"select * from {table}");
        }

        await hostile.RefusedAsync("42501", "select tenant_id from guard.capability");
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_72_a_held_cursor_and_a_changed_encoding_end_with_the_lease(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using var alone = world.Installation.Another(o => o with { CellPoolSize = 1, DatabasePoolSize = 1 });
        await alone.Catalogue.RefreshAsync(default);
        await using (var lease = await alone.Pools.OpenAsync(pair.Attacker.Unit, default))
        {
            await lease.Connection.RunAsync(
                "select set_config('bulkhead.capability', $1, false)", default, pair.Attacker.Token.ToString());
            await lease.Connection.RunAsync(
                $"declare left_behind cursor with hold for select name from {pair.Attacker.Unit.AppSchema.Quoted}.patient", default);
            await lease.Connection.RunAsync("set client_encoding = 'LATIN1'", default);
        }

        await using (var lease = await alone.Pools.OpenAsync(pair.Attacker.Unit, default))
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(
                () => lease.Connection.ScalarAsync<string>("fetch all from left_behind", default));
            Assert.Equal("34000", refused.SqlState);
            Assert.Equal("UTF8", await lease.Connection.ScalarAsync<string>("select current_setting('client_encoding')", default));
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_74_a_poisoned_session_does_not_decide_for_whom_the_kernel_acts(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using var alone = world.Installation.Another(o => o with { CellPoolSize = 1, DatabasePoolSize = 1 });
        await alone.Catalogue.RefreshAsync(default);
        var role = alone.Catalogue.Current.Logins[pair.Victim.Unit.Database].Role;
        await using var deployer = await world.Installation.AsDeployerAsync("postgres");
        // The worst poison: every session of the role begins with the attacker's capability.
        await deployer.RunAsync($"alter role {role} set bulkhead.capability = '{pair.Attacker.Token}'", default);
        try
        {
            Assert.All(await NamesAsync(alone, pair.Victim), n => Assert.Equal(pair.Victim.Mark, n));
            var added = Guid.CreateVersion7();
            await alone.Database.RunAsync(pair.Victim.Context, new TenantWork().Change(
                Sql.Of($"update {Place.App}.{Ward.Patient} set income = 1 where id = {SqlValue.Uuid(added)} returning id"),
                new("data.update")), default);
            Assert.All(await NamesAsync(alone, pair.Victim), n => Assert.Equal(pair.Victim.Mark, n));
        }
        finally
        {
            await deployer.RunAsync($"alter role {role} reset bulkhead.capability", default);
        }
    }

    private static async Task<List<string>> NamesAsync(Installation process, Tenant tenant)
    {
        var names = new List<string>();
        await process.Database.RunAsync(
            tenant.Context,
            new TenantWork().Read(Sql.Of($"select name from {Place.App}.{Ward.Patient}"), row => names.Add(row.Text(0))),
            default);
        return names;
    }
}
