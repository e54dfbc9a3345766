using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Npgsql;

namespace Bulkhead.Tests.System.Isolation;

/// <summary>Attacks through what PostgreSQL itself offers to every role.</summary>
[Collection(World.Name)]
public class ServerAttacks(World world)
{
    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_28_the_statistics_of_columns_are_not_readable(IsolationKind kind)
    {
        await AnalyzeAsync(kind);
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        foreach (var view in new[] { "pg_stats", "pg_stats_ext", "pg_stats_ext_exprs", "pg_statistic", "pg_statistic_ext_data" })
        {
            await hostile.RefusedAsync("42501", $"select * from pg_catalog.{view}");
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_29_the_planner_knows_no_values_to_estimate_from(IsolationKind kind)
    {
        await AnalyzeAsync(kind);
        var pair = world.Of(kind);
        await using var hostile = await HostileSession.OpenAsync(pair);
        foreach (var (condition, other) in new[]
        {
            ($"ssn = '{pair.Victim.Mark}-0'", "ssn = 'nobody'"),
            ("id < '018f0000-0000-7000-8000-00000000aaab'", "id < 'ffffffff-0000-7000-8000-00000000aaab'"),
            ("income = 1000", "income = 7"),
            ("income < 1001", "income < 5"),
        })
        {
            Assert.Equal(await RowsAsync(other), await RowsAsync(condition));
        }

        async Task<string> RowsAsync(string condition) =>
            (await hostile.RunAsync($"explain (format json) select 1 from {{A}}.patient where {condition}"))[0]
            .Split("\"Plan Rows\": ")[1].Split(',')[0];
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_30_the_numbers_of_rows_in_pg_class_are_not_readable(IsolationKind kind)
    {
        await AnalyzeAsync(kind);
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        foreach (var column in new[] { "reltuples", "relpages", "relallvisible", "*" })
        {
            await hostile.RefusedAsync("42501", $"select {column} from pg_catalog.pg_class");
        }

        await hostile.RefusedAsync("42501", "select c from pg_catalog.pg_class c");
        // What the driver and psql need stays.
        Assert.NotEmpty(await hostile.RunAsync("select oid, relname from pg_catalog.pg_class"));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_31_names_in_the_catalogue_say_nothing_about_a_tenant(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        var names = string.Join('\n', await hostile.RunAsync("""
            select datname::text from pg_catalog.pg_database union all select rolname::text from pg_catalog.pg_roles
            union all select nspname::text from pg_catalog.pg_namespace union all select relname::text from pg_catalog.pg_class
            union all select conname::text from pg_catalog.pg_constraint union all select polname::text from pg_catalog.pg_policy
            union all select description from pg_catalog.pg_description
            union all select coalesce(description, '') from pg_catalog.pg_shdescription
            """));
        foreach (var tenant in world.Installation.Catalogue.Current.Tenants.Values)
        {
            Assert.DoesNotContain(tenant.Slug, names, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(tenant.Name, names, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(tenant.Id.ToString(), names, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(tenant.Id.Value.ToString("N"), names, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_31_the_definitions_in_the_catalogue_hold_opaque_ids_at_most_and_that_is_said(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        foreach (var definitions in new[]
        {
            "select pg_get_constraintdef(oid) from pg_catalog.pg_constraint",
            "select pg_get_expr(polqual, polrelid) from pg_catalog.pg_policy",
            "select prosrc from pg_catalog.pg_proc where pronamespace = 'guard'::regnamespace",
        })
        {
            var shown = string.Join('\n', await hostile.ShowsNothingAsync(definitions));
            foreach (var tenant in world.Installation.Catalogue.Current.Tenants.Values)
            {
                Assert.DoesNotContain(tenant.Slug, shown, StringComparison.OrdinalIgnoreCase);
                Assert.DoesNotContain(tenant.Name, shown, StringComparison.OrdinalIgnoreCase);
            }
        }

        Assert.Contains(
            await world.Installation.Deployment.ResidualsAsync(default),
            r => r.Item.StartsWith("31", StringComparison.Ordinal) && r.Reason.Contains("opaque ids", StringComparison.Ordinal));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attacks_38_and_70_large_objects_notifications_and_logical_messages_are_refused(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        foreach (var call in new[]
        {
            "lo_create(0)", "lo_creat(-1)", "lo_from_bytea(0, 'x')", "lo_open(1, 1)", "lo_get(1)", "lo_put(1, 0, 'x')", "lo_unlink(1)",
            "lo_import('/etc/passwd')", "lo_export(1, '/tmp/x')", "loread(0, 1)", "lowrite(0, 'x')", "pg_notify('a', 'b')",
            "pg_logical_emit_message(true, 'a', 'b')", "pg_notification_queue_usage()",
        })
        {
            await hostile.RefusedAsync("42501", $"select {call}");
        }

        await hostile.RefusedAsync("42501", "select * from pg_catalog.pg_largeobject");
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_39_a_listener_hears_nothing_of_the_kernels_work(IsolationKind kind)
    {
        var pair = world.Of(kind);
        var heard = 0;
        await using var hostile = await HostileSession.OpenAsync(pair);
        hostile.Connection.Notification += (_, _) => heard++;
        foreach (var channel in new[] { "bulkhead", "patient", "catalogue" })
        {
            await hostile.RunAsync($"listen {channel}");
        }

        var id = Guid.CreateVersion7();
        await pair.Victim.AddPatientAsync(id);
        await hostile.RunAsync("select 1");
        Assert.Equal(0, heard);
        // Who may listen cannot be closed: it is said so.
        Assert.Contains(await world.Installation.Deployment.ResidualsAsync(default), r => r.Item.StartsWith("39", StringComparison.Ordinal));
        await pair.Victim.RunAsync(new TenantWork().Change(
            Sql.Of($"delete from {Place.App}.{Ward.Patient} where id = {SqlValue.Uuid(id)} returning id"), new("data.delete")));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attacks_40_and_68_advisory_locks_are_refused(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        foreach (var call in new[]
        {
            "pg_advisory_lock(1)", "pg_advisory_lock(1, 2)", "pg_advisory_lock_shared(1)", "pg_advisory_xact_lock(1)",
            "pg_advisory_xact_lock_shared(1, 2)", "pg_try_advisory_lock(1)", "pg_try_advisory_xact_lock(1)",
            "pg_try_advisory_lock_shared(1)", "pg_advisory_unlock(1)",
        })
        {
            await hostile.RefusedAsync("42501", $"select {call}");
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_42_files_programs_and_other_servers_are_out_of_reach(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using var deployer = await world.Installation.AsDeployerAsync(pair.Attacker.Unit.Database);
        // An operator has put the extensions where they go by default.
        await deployer.RunAsync("create extension dblink schema public", default);
        await deployer.RunAsync("create extension pg_stat_statements schema public", default);
        try
        {
            await using var hostile = await HostileSession.OpenAsync(pair);
            foreach (var attempt in new[]
            {
                "select public.dblink('dbname=postgres', 'select 1')", "select * from public.pg_stat_statements",
                "select public.pg_stat_statements_reset()", "select pg_read_file('postgresql.conf')",
                "select pg_read_binary_file('postgresql.conf')", "select pg_ls_dir('.')", "select pg_stat_file('postgresql.conf')",
                "select pg_ls_logdir()", "select pg_ls_waldir()", "load '/tmp/x'", "alter system set log_statement = 'all'", "select pg_reload_conf()",
            })
            {
                await hostile.RefusedAsync("42501", attempt);
            }

            await hostile.RefusedAsync("create extension pgcrypto");
            await hostile.RefusedAsync("create server s foreign data wrapper dblink_fdw");
        }
        finally
        {
            await deployer.RunAsync("drop extension dblink", default);
            await deployer.RunAsync("drop extension pg_stat_statements", default);
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attacks_43_and_65_the_activity_and_the_counters_of_others_are_not_readable(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        foreach (var view in new[]
        {
            "pg_stat_activity", "pg_stat_database", "pg_stat_all_tables", "pg_stat_user_tables", "pg_statio_user_tables",
            "pg_stat_user_indexes", "pg_stat_ssl", "pg_stat_replication", "pg_locks", "pg_prepared_xacts", "pg_stat_wal",
            "pg_stat_progress_vacuum", "pg_stat_xact_user_tables", "pg_cursors", "pg_db_role_setting",
        })
        {
            await hostile.RefusedAsync("42501", $"select * from pg_catalog.{view}");
        }

        foreach (var call in new[]
        {
            "pg_stat_get_activity(null)", "pg_stat_get_backend_idset()", "pg_stat_get_backend_activity(1)", "pg_lock_status()",
            "pg_stat_get_live_tuples(1259)", "pg_stat_get_tuples_inserted(1259)", "pg_stat_get_db_numbackends(1)",
            "pg_relation_size('{A}.patient')", "pg_total_relation_size('{A}.patient')", "pg_table_size('{A}.patient')",
            "pg_indexes_size('{A}.patient')", "pg_database_size(current_database())", "pg_current_wal_lsn()",
            "pg_current_wal_insert_lsn()", "pg_blocking_pids(1)", "pg_xact_commit_timestamp('1')", "pg_control_checkpoint()",
            "pg_control_system()", "pg_control_recovery()", "pg_get_replication_slots()", "pg_export_snapshot()",
        })
        {
            await hostile.RefusedAsync("42501", $"select {call}");
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_58_a_temporary_type_cannot_stand_in_for_a_built_in_one(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        await hostile.RefusedAsync("create domain pg_temp.uuid as pg_catalog.uuid check (false)");
        await hostile.RefusedAsync("create temporary table stolen (token uuid)");
        await hostile.RefusedAsync("create type pg_temp.uuid as (x int)");
        await hostile.RefusedAsync("select 1 into temporary stolen");
        Assert.Equal(["pg_catalog,pg_temp"], await hostile.RunAsync("show search_path"));
        Assert.Equal(["f"], await hostile.RunAsync("select has_database_privilege(current_database(), 'TEMPORARY')"));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_59_a_tenants_role_defines_and_drops_nothing(IsolationKind kind)
    {
        var pair = world.Of(kind);
        var role = world.Installation.Catalogue.Current.Logins[pair.Attacker.Unit.Database].Role;
        await using var hostile = await HostileSession.OpenAsync(pair);
        foreach (var ddl in new[]
        {
            $"drop owned by {role}", $"drop owned by {role} cascade", "drop policy tenant on {A}.patient",
            "alter table {A}.patient disable row level security", "alter table {A}.patient no force row level security",
            "create policy mine on {A}.patient using (true)", "drop table {A}.patient", "create table {A}.mine (x int)",
            "create view {A}.mine as select 1", "create function {A}.mine() returns int language sql as 'select 1'", "create schema mine",
            "grant select on {A}.patient to public", "drop function guard.refuse()",
            "create or replace function guard.refuse() returns uuid language sql as 'select null::uuid'",
            "alter event trigger bulkhead_refuse_ddl disable", "drop event trigger bulkhead_refuse_ddl",
            "create publication p for all tables", "create statistics {A}.s on ssn, name from {A}.patient",
        })
        {
            await hostile.RefusedAsync(ddl);
        }

        // Everything still stands, for the attacker too.
        Assert.NotEmpty(await pair.Attacker.PatientsAsync());
        await world.Installation.Start.CheckAsync(default);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_60_settings_that_a_role_gives_itself_do_not_reach_the_pool(IsolationKind kind)
    {
        var pair = world.Of(kind);
        var role = world.Installation.Catalogue.Current.Logins[pair.Attacker.Unit.Database].Role;
        (string Setting, string Poison, string Pinned)[] settings =
        [
            ("synchronous_commit", "off", "on"), ("search_path", "public, pg_temp", "pg_catalog,pg_temp"), ("row_security", "off", "on"),
            ("statement_timeout", "0", "5s"), ("lock_timeout", "0", "5s"), ("log_parameter_max_length_on_error", "-1", "0"),
            ("default_transaction_isolation", "serializable", "read committed"), ("default_transaction_read_only", "on", "off"),
            ("idle_in_transaction_session_timeout", "0", "15s"), ("standard_conforming_strings", "off", "on"),
            ("client_encoding", "latin1", "UTF8"), ("idle_session_timeout", "1", "0"), ("local_preload_libraries", "nothing", ""),
            ("transform_null_equals", "on", "off"), ("role", "bulkhead_tenants", "none"), ("timezone", "Asia/Tokyo", "UTC"),
            ("datestyle", "German", "ISO, MDY"),
        ];
        await using var hostile = await HostileSession.OpenAsync(pair);
        await using var deployer = await world.Installation.AsDeployerAsync("postgres");
        var reached = new List<string>();
        foreach (var (setting, poison, pinned) in settings)
        {
            try
            {
                await hostile.RunAsync($"alter role {role} set {setting} = {(setting == "search_path" ? poison : $"'{poison}'")}");
                await using var process = world.Installation.Another();
                await process.Catalogue.RefreshAsync(default);
                await using var lease = await process.Pools.OpenAsync(pair.Attacker.Unit, default);
                await Task.Delay(setting == "idle_session_timeout" ? 100 : 0);
                var holds = await lease.Connection.ScalarAsync<string>($"select current_setting('{setting}')", default);
                if (holds != pinned)
                {
                    reached.Add($"{setting} = {holds}");
                }
            }
            catch (PostgresException refused) when (refused.SqlState is "42501")
            {
                // Not even settable.
            }
            catch (Exception fault)
            {
                reached.Add($"{setting}: {fault.Message}");
            }
            finally
            {
                await deployer.RunAsync($"alter role {role} reset {setting}", default);
            }
        }

        Assert.Empty(reached);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_67_the_sessions_of_others_cannot_be_ended(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using var lease = await world.Installation.Pools.OpenAsync(pair.Victim.Unit, default);
        await using var hostile = await HostileSession.OpenAsync(pair);
        await hostile.RefusedAsync("42501", $"select pg_terminate_backend({lease.Connection.ProcessID})");
        await hostile.RefusedAsync("42501", $"select pg_cancel_backend({lease.Connection.ProcessID})");
        await hostile.RefusedAsync("42501", $"select pg_log_backend_memory_contexts({lease.Connection.ProcessID})");
        Assert.Equal(1, await lease.Connection.ScalarAsync<int>("select 1", default));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_75_a_role_that_opens_connections_without_end_meets_its_limit(IsolationKind kind)
    {
        var pair = world.Of(kind);
        var limit = kind == IsolationKind.Database
            ? world.Installation.Options.DatabaseConnectionLimit
            : world.Installation.Options.CellConnectionLimit;
        var open = new List<NpgsqlConnection>();
        try
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(async () =>
            {
                for (var i = 0; i <= limit; i++)
                {
                    open.Add(await HostileSession.ConnectAsync(HostileSession.Login(pair.Attacker)));
                }
            });
            Assert.Equal(PostgresErrorCodes.TooManyConnections, refused.SqlState);
            // Others are served: the catalogue, and tenants of other roles.
            await world.Installation.Catalogue.RefreshAsync(default);
            var other = kind == IsolationKind.Database ? IsolationKind.Shared : IsolationKind.Database;
            Assert.NotEmpty(await world.Of(other).Victim.PatientsAsync());
        }
        finally
        {
            foreach (var connection in open)
            {
                await connection.DisposeAsync();
            }
        }
    }

    private async Task AnalyzeAsync(IsolationKind kind)
    {
        await using var deployer = await world.Installation.AsDeployerAsync(world.Of(kind).Victim.Unit.Database);
        await deployer.RunAsync("analyze", default);
    }
}
