using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Isolation;

/// <summary>Attacks on rows, keys and constraints, with the attacker's own capability presented.</summary>
[Collection(World.Name)]
public class RowAttacks(World world)
{
    private const string Insert = "insert into {A}.patient (tenant_id, id, version, created_at, updated_at, name, ssn) values ";

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task The_victim_sees_its_rows_and_the_attacker_only_its_own(IsolationKind kind)
    {
        var pair = world.Of(kind);
        Assert.All(await pair.Victim.PatientsAsync(), p => Assert.Equal(pair.Victim.Mark, p.Name));
        Assert.All(await pair.Attacker.PatientsAsync(), p => Assert.Equal(pair.Attacker.Mark, p.Name));
        await using var hostile = await HostileSession.OpenAsync(pair);
        foreach (var table in new[] { "{A}.patient", "{A}.visit", "{B}.patient", "{B}.visit" })
        {
            await hostile.ShowsNothingAsync($"select * from {table}");
            await hostile.ShowsNothingAsync($"select * from {table} where tenant_id = '{{b}}'");
        }

        foreach (var table in new[] { "{Ac}.audit_entry", "{Ac}.service_account", "{Bc}.audit_entry", "{Bc}.service_account" })
        {
            Assert.Empty(await hostile.ShowsNothingAsync($"select * from {table} where tenant_id <> '{{a}}'"));
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_16_an_insert_with_the_victims_tenant_id_is_refused(IsolationKind kind)
    {
        await UnharmedAsync(kind, async hostile =>
        {
            await hostile.RefusedAsync(
                "42501", Insert + "('{b}', gen_random_uuid(), gen_random_uuid(), now(), now(), 'planted', null)");
            await hostile.RefusedAsync(
                "42501", Insert + "('{b}', gen_random_uuid(), gen_random_uuid(), now(), now(), 'planted', 'same-ssn')");
            await hostile.RefusedAsync("42501", """
                insert into {Ac}.audit_entry (tenant_id, id, at, actor, action, result, body)
                values ('{b}', gen_random_uuid(), now(), 'x', 'x', 'ok', '{}')
                """);
            await hostile.RefusedAsync("42501", """
                insert into {Ac}.idempotency (tenant_id, actor, route, key, request_digest, status, answer)
                values ('{b}', 'x', 'x', 'x', '', 200, '')
                """);
        });
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_17_an_update_that_moves_a_row_to_the_victim_is_refused(IsolationKind kind)
    {
        await UnharmedAsync(kind, async hostile =>
        {
            await hostile.RefusedAsync("42501", "update {A}.patient set tenant_id = '{b}' where ssn like 'mark%'");
            await hostile.RefusedAsync("42501", "update {A}.visit set tenant_id = '{b}', patient = null, id = gen_random_uuid()");
            Assert.Empty(await hostile.RunAsync("update {A}.patient set income = 0 where tenant_id = '{b}' returning id"));
            Assert.Empty(await hostile.RunAsync("delete from {A}.patient where tenant_id = '{b}' returning id"));
        });
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_18_an_upsert_onto_the_victims_key_does_not_tell_that_it_exists(IsolationKind kind)
    {
        await UnharmedAsync(kind, async hostile =>
        {
            foreach (var action in new[] { "do nothing", "do update set name = 'taken'" })
            {
                var known = await hostile.RefusedAsync(
                    Insert + $"('{{b}}', '{World.SameId}', gen_random_uuid(), now(), now(), 'x', null) on conflict (tenant_id, id) {action}");
                var unknown = await hostile.RefusedAsync(
                    Insert + $"('{{b}}', gen_random_uuid(), gen_random_uuid(), now(), now(), 'x', null) on conflict (tenant_id, id) {action}");
                Assert.Equal("42501", known.SqlState);
                Assert.Equal(unknown.MessageText, known.MessageText);
                Assert.Equal(unknown.Detail, known.Detail);
                Assert.Equal(unknown.ConstraintName, known.ConstraintName);
            }
        });
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_19_a_unique_constraint_does_not_tell_of_the_victims_values(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await UnharmedAsync(kind, async hostile =>
        {
            // The victim has these; for the attacker they are free.
            Assert.Single(await hostile.RunAsync(
                Insert + $"('{{a}}', gen_random_uuid(), gen_random_uuid(), now(), now(), 'x', '{pair.Victim.Mark}-0') returning 1"));
            await hostile.RunAsync($"delete from {{A}}.patient where ssn = '{pair.Victim.Mark}-0'");
        });
        // And the constraint is there at all.
        var twice = await pair.Attacker.RunAsync(new TenantWork().Change(
            Sql.Of($"""
                insert into {Place.App}.{Ward.Patient} (tenant_id, id, version, created_at, updated_at, name, ssn)
                values ({Place.Tenant}, {SqlValue.Uuid(Guid.CreateVersion7())}, {SqlValue.Uuid(Guid.Empty)}, now(), now(), 'x', 'same-ssn')
                returning id
                """),
            new AuditEvent("data.create")));
        Assert.Equal(ViolationKind.Unique, twice.Violation!.Kind);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_20_a_reference_to_the_victims_record_is_as_unknown_as_any(IsolationKind kind)
    {
        var pair = world.Of(kind);
        var theirs = (await pair.Victim.PatientsAsync()).First(p => p.Id != World.SameId).Id;
        await UnharmedAsync(kind, async hostile =>
        {
            const string visit = "insert into {A}.visit (tenant_id, id, version, created_at, updated_at, patient) values ";
            var known = await hostile.RefusedAsync(visit + $"('{{a}}', gen_random_uuid(), gen_random_uuid(), now(), now(), '{theirs}')");
            var unknown = await hostile.RefusedAsync(visit + "('{a}', gen_random_uuid(), gen_random_uuid(), now(), now(), gen_random_uuid())");
            Assert.Equal("23503", known.SqlState);
            Assert.Equal(unknown.SqlState, known.SqlState);
            Assert.Equal(unknown.MessageText, known.MessageText);
            await hostile.RefusedAsync("23503", $"update {{A}}.visit set patient = '{theirs}'");
        });
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_21_a_cascade_from_the_attackers_delete_stays_with_the_attacker(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await UnharmedAsync(kind, async hostile =>
        {
            await hostile.RunAsync("begin");
            // The victim has a record and a child under the very same ids.
            Assert.Single(await hostile.RunAsync($"delete from {{A}}.patient where id = '{World.SameId}' returning id"));
            Assert.Empty(await hostile.RunAsync("select id from {A}.visit"));
            await hostile.RunAsync("commit");
        });
        await pair.Attacker.AddPatientAsync(World.SameId, "same-ssn");
        await using var again = await HostileSession.OpenAsync(pair);
        await again.RunAsync($"""
            insert into {again.Fill("{A}")}.visit (tenant_id, id, version, created_at, updated_at, patient)
            values ('{pair.Attacker.Id}', '{World.SameId}', gen_random_uuid(), now(), now(), '{World.SameId}')
            """);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_25_a_leaky_expression_is_not_evaluated_before_the_policy(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await UnharmedAsync(kind, async hostile =>
        {
            foreach (var leaky in new[]
            {
                "select 1 from {A}.patient where 1 / (case when tenant_id = '{b}' then 0 else 1 end) = 1",
                "select 1 from {A}.patient where case when name like 'mark-victoria%' then name::int else 0 end = 0",
                "select 1 from {A}.patient where coalesce(case when tenant_id = '{b}' then (name || '')::uuid end::text, 'x') = 'x'",
                "select 1 from {A}.patient p join {A}.visit v on 1 / (case when v.tenant_id = '{b}' then 0 else 1 end) = 1",
            })
            {
                // No error: only rows of the attacker were ever looked at.
                Assert.NotEmpty(await hostile.RunAsync(leaky));
            }

            await hostile.RefusedAsync("22012", $"select 1 / (case when name = '{pair.Attacker.Mark}' then 0 else 1 end) from {{A}}.patient");
        });
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_34_truncate_is_refused(IsolationKind kind) => await UnharmedAsync(kind, async hostile =>
    {
        foreach (var table in new[] { "{A}.patient", "{A}.visit", "{Ac}.audit_entry", "{Ac}.service_account", "{Ac}.idempotency" })
        {
            await hostile.RefusedAsync("42501", $"truncate {table} cascade");
        }
    });

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_35_copy_shows_only_the_attackers_rows_and_writes_none(IsolationKind kind)
    {
        var pair = world.Of(kind);
        await UnharmedAsync(kind, async hostile =>
        {
            using (var copy = await hostile.Connection.BeginTextExportAsync(hostile.Fill("copy {A}.patient to stdout")))
            {
                var text = await copy.ReadToEndAsync();
                Assert.Contains(pair.Attacker.Mark, text, StringComparison.Ordinal);
                Assert.DoesNotContain(pair.Victim.Mark, text, StringComparison.Ordinal);
            }

            await hostile.RefusedAsync("0A000", "copy {A}.patient from stdin");
            await hostile.RefusedAsync("42501", "copy {A}.patient to '/tmp/bulkhead-attack'");
            await hostile.RefusedAsync("42501", "copy (select 1) to program 'true'");
            await hostile.RefusedAsync("copy {A}.patient from '/etc/passwd'");
        });
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_45_the_victims_tables_by_their_qualified_names_are_refused_or_empty(IsolationKind kind)
    {
        if (kind == IsolationKind.Shared)
        {
            // The same tables: seen above.
            return;
        }

        await UnharmedAsync(kind, async hostile =>
        {
            foreach (var table in new[] { "{B}.patient", "{B}.visit", "{Bc}.audit_entry", "{Bc}.service_account", "{Bc}.idempotency" })
            {
                Assert.Empty(await hostile.ShowsNothingAsync($"select * from {table}"));
                Assert.Empty(await hostile.ShowsNothingAsync($"select tenant_id from {table} where tenant_id = '{{b}}'"));
            }

            Assert.Empty(await hostile.ShowsNothingAsync("update {B}.patient set name = 'x' returning id"));
            Assert.Empty(await hostile.ShowsNothingAsync("delete from {B}.visit returning id"));
        });
    }

    [Fact]
    public async Task Attack_61_no_rows_are_planted_in_anothers_own_schema()
    {
        foreach (var attacker in new[] { world.Of(IsolationKind.Shared).Attacker, world.Of(IsolationKind.Schema).Attacker })
        {
            var victim = world.Of(IsolationKind.Schema).Victim;
            var before = await victim.FingerprintAsync();
            await using var hostile = await HostileSession.OpenAsync(new Pair(attacker, victim));
            await hostile.RefusedAsync("42501", """
                insert into {B}.patient (tenant_id, id, version, created_at, updated_at, name)
                values ('{a}', gen_random_uuid(), gen_random_uuid(), now(), now(), 'planted')
                """);
            await hostile.RefusedAsync("42501", """
                insert into {B}.patient (tenant_id, id, version, created_at, updated_at, name)
                values ('{b}', gen_random_uuid(), gen_random_uuid(), now(), now(), 'planted')
                """);
            await hostile.RefusedAsync("42501", """
                insert into {Bc}.audit_entry (tenant_id, id, at, actor, action, result, body)
                values ('{a}', gen_random_uuid(), now(), 'x', 'x', 'ok', '{}')
                """);
            Assert.Equal(0, await victim.ForeignRowsAsync());
            Assert.Equal(before, await victim.FingerprintAsync());
        }
    }

    [Fact]
    public async Task Attack_62_a_scan_of_anothers_own_schema_is_never_executed()
    {
        var pair = new Pair(world.Of(IsolationKind.Shared).Attacker, world.Of(IsolationKind.Schema).Victim);
        await using var hostile = await HostileSession.OpenAsync(pair);
        foreach (var table in new[] { "{B}.patient", "{B}.visit", "{Bc}.audit_entry" })
        {
            var plan = string.Join('\n', await hostile.RunAsync(
                $"explain (analyze, costs off, timing off, summary off) select * from {table}"));
            // What stands before it is the look at the capability.
            var scan = plan[plan.LastIndexOf(" on " + table.Split('.')[1], StringComparison.Ordinal)..];
            Assert.Contains("never executed", scan, StringComparison.Ordinal);
            Assert.DoesNotContain("Rows Removed", scan, StringComparison.Ordinal);
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_78_the_same_record_id_in_both_never_crosses(IsolationKind kind)
    {
        var pair = world.Of(kind);
        var before = await pair.Victim.FingerprintAsync();
        var id = SqlValue.Uuid(World.SameId);
        var seen = new List<string>();

        await pair.Attacker.RunAsync(new TenantWork()
            .Change(Sql.Of($"update {Place.App}.{Ward.Patient} set income = income + 1 where id = {id} returning id"), new AuditEvent("data.update"))
            .Read(Sql.Of($"select name from {Place.App}.{Ward.Patient} where id = {id}"), row => seen.Add(row.Text(0)))
            .Read(
                Sql.Of($"select p.name from {Place.App}.{Ward.Visit} v join {Place.App}.{Ward.Patient} p on p.id = v.patient"),
                row => seen.Add(row.Text(0))));

        Assert.Equal([pair.Attacker.Mark, pair.Attacker.Mark], seen);
        Assert.Equal(before, await pair.Victim.FingerprintAsync());
    }

    private async Task UnharmedAsync(IsolationKind kind, Func<HostileSession, Task> attack)
    {
        var pair = world.Of(kind);
        var before = await pair.Victim.FingerprintAsync();
        await using (var hostile = await HostileSession.OpenAsync(pair))
        {
            await attack(hostile);
        }

        Assert.Equal(before, await pair.Victim.FingerprintAsync());
        if (kind != IsolationKind.Shared)
        {
            Assert.Equal(0, await pair.Victim.ForeignRowsAsync());
        }
    }
}
