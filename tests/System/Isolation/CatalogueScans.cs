using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Npgsql;

namespace Bulkhead.Tests.System.Isolation;

/// <summary>What every table, function and database of an installation has to be; and that the program refuses to serve where one is not.</summary>
[Collection(World.Name)]
public class CatalogueScans(World world)
{
    private const string TenantTables = """
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and (n.nspname ~ '^u_[0-9a-z]{20}(_core)?$')
        """;

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_12_a_table_without_force_is_refused_before_serving(IsolationKind kind)
    {
        var table = $"{world.Of(kind).Victim.Unit.Name}.patient";
        await RefusesToServeAsync(kind, $"alter table {table} no force row level security", $"alter table {table} force row level security", table);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_12_a_table_of_the_role_that_serves_is_refused_before_serving(IsolationKind kind)
    {
        var table = $"{world.Of(kind).Victim.Unit.Name}_core.idempotency";
        var role = world.Installation.Catalogue.Current.Logins[world.Of(kind).Victim.Unit.Database].Role;
        await RefusesToServeAsync(kind, $"alter table {table} owner to {role}", $"alter table {table} owner to tests", table);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_13_a_dangerous_role_is_refused_before_serving(IsolationKind kind)
    {
        var role = world.Installation.Catalogue.Current.Logins[world.Of(kind).Victim.Unit.Database].Role;
        foreach (var attribute in new[] { "superuser", "bypassrls", "createrole", "createdb", "replication" })
        {
            await RefusesToServeAsync(kind, $"alter role {role} {attribute}", $"alter role {role} no{attribute}", attribute.ToUpperInvariant());
        }
    }

    [Fact]
    public async Task Attack_13_a_dangerous_role_on_the_catalogue_is_refused_before_serving()
    {
        foreach (var attribute in new[] { "superuser", "bypassrls", "createrole" })
        {
            await RefusesToServeAsync(
                IsolationKind.Shared,
                $"alter role bulkhead_app {attribute}",
                $"alter role bulkhead_app no{attribute}",
                attribute.ToUpperInvariant());
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_15_a_table_without_row_level_security_is_refused_before_serving(IsolationKind kind)
    {
        var unit = world.Of(kind).Victim.Unit;
        await RefusesToServeAsync(
            kind, $"alter table {unit.Name}.visit disable row level security", $"alter table {unit.Name}.visit enable row level security",
            $"{unit.Name}.visit");
        await RefusesToServeAsync(kind, $"create table {unit.Name}.forgotten (x int)", $"drop table {unit.Name}.forgotten", "forgotten");
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_15_a_second_or_a_changed_policy_is_refused_before_serving(IsolationKind kind)
    {
        var table = $"{world.Of(kind).Victim.Unit.Name}.visit";
        await RefusesToServeAsync(kind, $"create policy open on {table} using (true)", $"drop policy open on {table}", table);
        await RefusesToServeAsync(
            kind,
            $"alter policy tenant on {table} to bulkhead_app",
            $"alter policy tenant on {table} to public",
            table);
        await RefusesToServeAsync(
            kind,
            "create policy open on guard.capability using (true)",
            "drop policy open on guard.capability",
            "guard.capability");
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attacks_22_and_23_a_view_over_tenants_rows_is_refused_before_serving(IsolationKind kind)
    {
        var unit = world.Of(kind).Victim.Unit.Name;
        await RefusesToServeAsync(
            kind, $"create view {unit}.everything as select * from {unit}.patient", $"drop view {unit}.everything", $"{unit}.everything");
        await RefusesToServeAsync(
            kind,
            $"create materialized view {unit}.everything as select * from {unit}.patient",
            $"drop materialized view {unit}.everything",
            $"{unit}.everything");
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attacks_22_23_and_37_there_are_no_views_and_no_sequences(IsolationKind kind)
    {
        Assert.Empty(await ListAsync(kind, """
            select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('v', 'm', 'f', 'S') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
            """));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_24_no_function_runs_with_the_rights_of_its_definer(IsolationKind kind)
    {
        // The allow-list is empty.
        Assert.Empty(await ListAsync(kind, """
            select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where p.prosecdef
            """));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_15_every_table_is_walled_by_one_policy_to_public(IsolationKind kind)
    {
        Assert.NotEmpty(await ListAsync(kind, $"select c.relname::text {TenantTables}"));
        Assert.Empty(await ListAsync(kind, $"select n.nspname || '.' || c.relname {TenantTables} and not (c.relrowsecurity and c.relforcerowsecurity)"));
        Assert.Empty(await ListAsync(kind, $"""
            select n.nspname || '.' || c.relname {TenantTables} and (select array_agg(p.polname::text || p.polcmd::text || p.polpermissive::text
                || p.polroles::text) from pg_policy p where p.polrelid = c.oid) is distinct from '{"{tenant*true{0}}"}'::text[]
            """.Replace("'{tenant*true{0}}'", "array['tenant*true{0}']", StringComparison.Ordinal)));
        Assert.Empty(await ListAsync(kind, $"""
            select n.nspname || '.' || c.relname {TenantTables} and not exists (select 1 from pg_policy p where p.polrelid = c.oid
                and pg_get_expr(p.polqual, p.polrelid) like case when n.nspname like '%\_core'
                    then '%guard.capability%guard.refuse()%' else '%guard.capability%data_open%guard.refuse_data()%' end)
            """));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_19_every_key_and_every_reference_begins_with_the_tenant(IsolationKind kind)
    {
        Assert.Empty(await ListAsync(kind, $"""
            select i.indexrelid::regclass::text {TenantTables.Replace("where", "join pg_index i on i.indrelid = c.oid where", StringComparison.Ordinal)}
              and (select attname from pg_attribute a where a.attrelid = c.oid and a.attnum = i.indkey[0]) is distinct from 'tenant_id'
            """));
        Assert.Empty(await ListAsync(kind, $"""
            select k.conname::text {TenantTables.Replace("where", "join pg_constraint k on k.conrelid = c.oid where", StringComparison.Ordinal)}
              and k.contype in ('p', 'u', 'f')
              and (select attname from pg_attribute a where a.attrelid = c.oid and a.attnum = k.conkey[1]) is distinct from 'tenant_id'
            """));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_56_no_column_of_a_tenants_table_has_statistics(IsolationKind kind)
    {
        Assert.Empty(await ListAsync(kind, $"""
            select c.relname || '.' || a.attname {TenantTables.Replace("where", "join pg_attribute a on a.attrelid = c.oid where", StringComparison.Ordinal)}
              and a.attnum > 0 and not a.attisdropped and a.attstattarget <> 0
            """));
        await using var deployer = await DeployerAsync(kind);
        await deployer.RunAsync("analyze", default);
        Assert.Empty(await ListAsync(kind, $"""
            select c.relname || '.' || s.staattnum {TenantTables.Replace("where", "join pg_statistic s on s.starelid = c.oid where", StringComparison.Ordinal)}
            """));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_61_every_table_of_an_own_unit_names_its_tenant(IsolationKind kind)
    {
        if (kind == IsolationKind.Shared)
        {
            return;
        }

        var victim = world.Of(kind).Victim;
        Assert.Empty(await ListAsync(kind, $"""
            select c.relname::text {TenantTables} and n.nspname in ('{victim.Unit.Name}', '{victim.Unit.Name}_core')
              and not (exists (select 1 from pg_policy p where p.polrelid = c.oid
                         and pg_get_expr(p.polqual, p.polrelid) like '(tenant_id = ''{victim.Id}''::uuid) AND%''{victim.Id}''::uuid%'
                         or pg_get_expr(p.polqual, p.polrelid) like '((tenant_id = ''{victim.Id}''::uuid) AND%''{victim.Id}''::uuid%')
                       and exists (select 1 from pg_constraint k where k.conrelid = c.oid and k.contype = 'c'
                         and pg_get_constraintdef(k.oid) like '%tenant_id = ''{victim.Id}''%'))
            """));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_46_and_71_a_role_connects_to_its_own_database_and_to_no_other(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await using var deployer = await world.Installation.AsDeployerAsync("postgres");
        var databases = await deployer.ListAsync("select datname::text from pg_database", r => r.GetString(0), default);
        Assert.True(databases.Count > 5);
        var reached = new List<string>();
        foreach (var database in databases.Where(d => d != pair.Attacker.Unit.Database))
        {
            try
            {
                await using var connection = await HostileSession.ConnectAsync(HostileSession.Login(pair.Attacker, database));
                reached.Add(database);
            }
            catch (PostgresException refused) when (refused.SqlState is "42501" or "55000")
            {
                // As it should be.
            }
        }

        Assert.Empty(reached);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_47_a_pool_that_leads_to_another_database_is_noticed_by_its_marker(IsolationKind kind)
    {
        var unit = world.Of(kind).Victim.Unit;
        await RefusesToServeAsync(
            kind, "update guard.marker set database = 'elsewhere'", $"update guard.marker set database = '{unit.Database}'", "marker");
        await RefusesToServeAsync(
            kind, "delete from guard.marker", $"insert into guard.marker (database) values ('{unit.Database}')", "marker");
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task The_log_of_a_tenant_is_only_appended_to(IsolationKind kind)
    {
        await using var hostile = await HostileSession.OpenAsync(world.Of(kind));
        await hostile.RefusedAsync("42501", "update {Ac}.audit_entry set actor = 'nobody'");
        await hostile.RefusedAsync("42501", "delete from {Ac}.audit_entry");
        await hostile.RefusedAsync("42501", "update {Ac}.service_account set roles = array['admin']");
        await hostile.RefusedAsync("42501", "insert into {Ac}.service_account select * from {Ac}.service_account");
        // Answers of idempotent requests end after their time: they may be deleted, and not rewritten.
        await hostile.RefusedAsync("42501", "update {Ac}.idempotency set answer = ''");
    }

    private Task<NpgsqlConnection> DeployerAsync(IsolationKind kind) =>
        world.Installation.AsDeployerAsync(world.Of(kind).Victim.Unit.Database);

    private async Task<List<string>> ListAsync(IsolationKind kind, string sql)
    {
        await using var deployer = await DeployerAsync(kind);
        return await deployer.ListAsync(sql, r => r.GetString(0), default);
    }

    /// <summary>A process that starts on the damaged database says no, naming what is wrong; after the repair it starts.</summary>
    private async Task RefusesToServeAsync(IsolationKind kind, string damage, string repair, string named)
    {
        await using var deployer = await DeployerAsync(kind);
        await deployer.RunAsync(damage, default);
        try
        {
            await using var process = world.Installation.Another();
            var refusal = await Assert.ThrowsAsync<UnsafeDatabase>(() => process.Start.CheckAsync(default));
            Assert.Contains(refusal.Faults, f => f.Contains(named, StringComparison.Ordinal) && f.Contains("Next step", StringComparison.Ordinal));
        }
        finally
        {
            await deployer.RunAsync(repair, default);
        }

        await using var repaired = world.Installation.Another();
        await repaired.Start.CheckAsync(default);
    }
}
