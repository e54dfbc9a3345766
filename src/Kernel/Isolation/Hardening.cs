using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// What closes the side doors of a database that holds tenants' rows. Numbers are those of the list of attacks on isolation.
/// Each item is tried by itself: what the deployer's rights do not allow is reported, not skipped in silence.
/// </summary>
internal static class Hardening
{
    private static readonly ImmutableArray<(string Item, string Sql)> Items =
    [
        ("71 connecting to this database by other roles", Verified(
            "execute format('revoke connect, temporary, create on database %I from public', current_database())",
            "has_database_privilege('public', current_database(), 'connect, temporary')")),
        ("58 names in schema public", Verified(
            "revoke all on schema public from public", "has_schema_privilege('public', 'public', 'create, usage')")),
        ("65 counters and sizes of others (functions)", Revoke("""
            p.proname like 'pg\_stat\_%' or p.proname like 'pg\_statio\_%' or p.proname like 'pg\_%\_size' or p.proname like 'pg\_control\_%' or p.proname like 'pg\_size\_bytes%'
            or p.proname in ('pg_lock_status', 'pg_blocking_pids', 'pg_safe_snapshot_blocking_pids', 'pg_isolation_test_session_is_blocked',
              'pg_prepared_xact', 'pg_get_multixact_members', 'pg_current_wal_lsn', 'pg_current_wal_insert_lsn', 'pg_current_wal_flush_lsn',
              'pg_last_wal_replay_lsn', 'pg_last_wal_receive_lsn', 'pg_walfile_name', 'pg_walfile_name_offset', 'pg_xact_commit_timestamp',
              'pg_xact_commit_timestamp_origin', 'pg_last_committed_xact', 'pg_sequence_last_value', 'pg_postmaster_start_time',
              'pg_conf_load_time', 'pg_show_all_file_settings', 'pg_timezone_abbrevs', 'pg_export_snapshot', 'pg_listening_channels',
              'pg_notification_queue_usage', 'pg_mcv_list_items', 'pg_get_replication_slots')
            """)),
        ("67 ending the sessions of others", Revoke("p.proname in ('pg_terminate_backend', 'pg_cancel_backend', 'pg_log_backend_memory_contexts')")),
        ("68 advisory locks", Revoke("(p.proname like 'pg\\_advisory\\_%' or p.proname like 'pg\\_try\\_advisory\\_%') and p.proname <> 'pg_advisory_unlock_all'")),
        ("70 large objects, notifications, logical messages", Revoke("""
            p.proname like 'lo\_%' or p.proname in ('loread', 'lowrite', 'pg_notify', 'pg_logical_emit_message', 'pg_replication_origin_create')
            """)),
        ("42 files and foreign servers", Revoke("p.proname like 'pg\\_read\\_%' or p.proname like 'pg\\_ls\\_%' or p.proname like 'dblink%'")),
        ("30 row estimates in pg_class", """
            do $$
            declare columns text;
            begin
                select string_agg(quote_ident(attname), ', ' order by attnum) into columns from pg_catalog.pg_attribute
                where attrelid = 'pg_catalog.pg_class'::regclass and attnum > 0 and not attisdropped
                  and attname not in ('reltuples', 'relpages', 'relallvisible', 'relallfrozen');
                execute 'revoke select on pg_catalog.pg_class from public';
                execute format('grant select (%s) on pg_catalog.pg_class to public', columns);
                if has_column_privilege('public', 'pg_catalog.pg_class', 'reltuples', 'select') then
                    raise exception using errcode = 'insufficient_privilege', message = 'not revoked';
                end if;
            end $$
            """),
        ("28 statistics views", """
            do $$
            declare v text;
            begin
                for v in select quote_ident(relname) from pg_catalog.pg_class c
                    where relnamespace = 'pg_catalog'::regnamespace and relkind = 'v'
                      and (relname like 'pg\_stat%' or relname in ('pg_locks', 'pg_prepared_xacts', 'pg_file_settings', 'pg_cursors', 'pg_replication_slots'))
                loop
                    execute format('revoke select on pg_catalog.%s from public', v);
                    if has_table_privilege('public', 'pg_catalog.' || v, 'select') then
                        raise exception using errcode = 'insufficient_privilege', message = 'not revoked';
                    end if;
                end loop;
            end $$
            """),
        ("55 statistics of expressions", Verified(
            "revoke select on pg_catalog.pg_statistic_ext from public",
            "has_table_privilege('public', 'pg_catalog.pg_statistic_ext', 'select')")),
        ("66 settings of other roles", Verified(
            "revoke select on pg_catalog.pg_db_role_setting from public",
            "has_table_privilege('public', 'pg_catalog.pg_db_role_setting', 'select')")),
        ("63 the fence sees what other sessions do", """
            do $$ begin
                if not pg_has_role(current_user, 'pg_read_all_stats', 'usage') then
                    raise exception using errcode = 'insufficient_privilege', message = 'cannot see';
                end if;
            end $$
            """),
        ("59 definitions by tenants' roles", "create event trigger bulkhead_refuse_ddl on ddl_command_start execute function guard.refuse_ddl()"),
        ("64 parameters in the server's log", "do $$ begin execute format('alter database %I set log_parameter_max_length = 0', current_database()); end $$"),
        ("64 parameters in the server's log, on error", "do $$ begin execute format('alter database %I set log_parameter_max_length_on_error = 0', current_database()); end $$"),
        ("43 statements in the server's log", "do $$ begin execute format('alter database %I set log_statement = ''none''', current_database()); end $$"),
    ];

    /// <summary>What stays open on any PostgreSQL, and is said so.</summary>
    public static readonly ImmutableArray<(string Item, string Reason)> AlwaysOpen =
    [
        ("31 names in the system catalogue", "PostgreSQL shows names and constraints to every role: they hold opaque ids, from which a session that runs foreign SQL can count units and tell when they were made. Next step, where that is too much: isolation database in a cell of its own"),
        ("29 planner's estimates by EXPLAIN", "columns have no statistics; to a session that runs foreign SQL, estimates show the sizes of relations, and EXPLAIN ANALYZE how many tenants a database holds"),
        ("39 NOTIFY", "cannot be revoked; no payload is ever sent"),
        ("60 ALTER ROLE by a session that runs foreign SQL", "a role may change its own password and defaults: ours win at start-up, and the next preparation puts both back"),
        ("69 LOCK TABLE by a session that runs foreign SQL", "whoever may delete rows may lock their table; lock and idle timeouts bound it"),
    ];

    /// <summary>Changes when the list does: a database that had another hardening gets this one.</summary>
    public static byte[] Digest { get; } = SHA256.HashData(
        Encoding.UTF8.GetBytes(string.Join('\n', Items.Select(i => i.Sql)) + string.Concat(Script.Of("guard").Select(s => s.Text))));

    public static async Task<List<Residual>> ApplyAsync(NpgsqlConnection deployer, CancellationToken cancellationToken)
    {
        var open = new List<Residual>();
        var database = deployer.Database;
        foreach (var (item, sql) in Items)
        {
            if (item.StartsWith("59", StringComparison.Ordinal)
                && await deployer.ScalarAsync<bool>(
                    "select exists (select 1 from pg_catalog.pg_event_trigger where evtname = 'bulkhead_refuse_ddl')", cancellationToken))
            {
                continue;
            }

            try
            {
                await deployer.RunAsync(sql, cancellationToken);
            }
            catch (PostgresException refused) when (refused.SqlState is
                PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.FeatureNotSupported)
            {
                open.Add(new(database, item, $"the deployer's rights do not allow it ({refused.SqlState}). Next step: a superuser as deployer, or isolation database in a cell of its own"));
            }
        }

        return open;
    }

    /// <param name="open">Still true afterwards: the deployer's rights did not suffice, which PostgreSQL only warns of.</param>
    private static string Verified(string statement, string open) => $"""
        do $$
        begin
            {statement};
            if {open} then
                raise exception using errcode = 'insufficient_privilege', message = 'not revoked';
            end if;
        end $$
        """;

    // A role that is no superuser gets a warning and not an error when it revokes what it did not grant: so it is looked at afterwards.
    private static string Revoke(string condition) => $"""
        do $$
        declare f text;
        begin
            for f in select p.oid::regprocedure::text from pg_catalog.pg_proc p
                where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind in ('f', 'w') and ({condition})
            loop
                execute format('revoke execute on function %s from public', f);
            end loop;
            if exists (select 1 from pg_catalog.pg_proc p
                where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind in ('f', 'w') and ({condition})
                  and (p.proacl is null or exists (select 1 from aclexplode(p.proacl) a where a.grantee = 0 and a.privilege_type = 'EXECUTE')))
            then
                raise exception using errcode = 'insufficient_privilege', message = 'not revoked';
            end if;
        end $$
        """;
}
