using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// Tables of a unit. Every one of them gets tenant_id, a key that begins with it, row-level security, FORCE, the policy of the unit
/// and no statistics: here and nowhere else, so that there is no table without.
/// </summary>
/// <param name="resealing">Of a migration; null for a unit that is empty.</param>
internal sealed class UnitSchema(NpgsqlConnection deployer, Unit unit, TenantId? owner, SqlName group, ResealFlip? resealing = null)
{
    private const string Presented = "(select coalesce((select c.tenant_id from guard.capability c), guard.refuse()))";

    /// <summary>For the app's tables: closed while the tenant has withdrawn its keys, whatever a process still believes.</summary>
    private const string PresentedAndOpen =
        "(select coalesce((select c.tenant_id from guard.capability c where c.data_open), guard.refuse_data()))";

    /// <summary>
    /// Also closed to whoever serves an older version of the app than the one that the table's envelopes are of: it would not find the
    /// values, and write them where the newer one does not look. Such a process knows better as soon as it has read the catalogue.
    /// </summary>
    private static string PresentedAndOpenSince(int version) => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        (select coalesce((select c.tenant_id from guard.capability c where c.data_open
            and coalesce(nullif(split_part(current_setting('bulkhead.app', true), '@', 2), ''), '0')::int >= {version}),
            guard.refuse_data()))
        """);

    /// <summary>What the platform's own tables allow to the roles that serve. The log is append-only.</summary>
    private static readonly ImmutableArray<(string Table, string Rights)> CoreRights =
    [
        ("service_account", "select"),
        ("idempotency", "select, insert, delete"),
        ("audit_entry", "select, insert"),
        ("audit_record", "select, insert"),
        ("audit_opening", "select, insert, update"),
        ("audit_disclosure", "select, insert, update"),
        ("subject_key", "select, insert, update, delete"),
        ("audit_tree", "select"),
        ("audit_leaf", "select"),
        ("audit_tile", "select"),
        ("audit_stream", "select, insert, delete"),
        ("audit_stream_state", "select, insert, delete"),
        ("audit_expired", "select"),
        ("audit_retention", "select, insert, update, delete"),
        ("audit_retention_state", "select"),
        ("audit_hold", "select, insert, update"),
    ];

    /// <summary>
    /// The sealer reads entries and grows the tree; it writes and changes no entry, and takes no leaf back. It removes entries whose time has
    /// passed, which no role that serves requests can.
    /// </summary>
    private static readonly ImmutableArray<(string Table, string Rights)> SealerRights =
    [
        ("audit_entry", "select, delete"),
        ("audit_tree", "select, insert, update"),
        ("audit_leaf", "select, insert"),
        ("audit_tile", "select, insert, update"),
        ("audit_stream", "select"),
        ("audit_stream_state", "select, update"),
        ("audit_expired", "select, insert"),
        ("audit_opening", "select (tenant_id, id), delete"),
        ("audit_disclosure", "select (tenant_id, id), delete"),
        ("audit_record", "select, delete"),
        ("audit_retention", "select, update (expiring_at)"),
        ("audit_retention_state", "select, insert, update"),
        ("audit_hold", "select"),
    ];

    /// <param name="sealer">The role that seals the log.</param>
    public async Task CreateAsync(SqlName sealer, CancellationToken cancellationToken)
    {
        foreach (var schema in new[] { unit.AppSchema, unit.CoreSchema })
        {
            await deployer.RunAsync($"create schema {schema.Quoted}", cancellationToken);
            await deployer.RunAsync($"grant usage on schema {schema.Quoted} to {group.Quoted}", cancellationToken);
        }

        foreach (var script in Script.Of("tenant"))
        {
            await deployer.RunScriptAsync(
                script.Text.Replace("{core}", unit.CoreSchema.Quoted, StringComparison.Ordinal), cancellationToken);
        }

        await ClusterEpoch.ApplyAsync(deployer, unit.CoreSchema, cancellationToken);
        foreach (var (table, rights) in CoreRights)
        {
            await ProtectAsync($"{unit.CoreSchema.Quoted}.\"{table}\"", rights, Policy(Presented), cancellationToken);
        }

        await deployer.RunAsync($"grant usage on schema {unit.CoreSchema.Quoted} to {sealer.Quoted}", cancellationToken);
        foreach (var (table, rights) in SealerRights)
        {
            await deployer.RunAsync($"grant {rights} on {unit.CoreSchema.Quoted}.\"{table}\" to {sealer.Quoted}", cancellationToken);
        }

        await deployer.RunAsync(
            $"grant execute on function {unit.CoreSchema.Quoted}.audit_waiting(uuid[], bigint[], timestamptz) to {sealer.Quoted}", cancellationToken);
    }

    /// <param name="version">Of the app, whose schema this becomes.</param>
    public async Task ApplyAsync(IEnumerable<SchemaChange> changes, int version, CancellationToken cancellationToken)
    {
        foreach (var change in changes)
        {
            if (change is SchemaChange.Reseal reseal)
            {
                await (resealing ?? throw new InvalidOperationException("An empty unit has nothing to seal anew."))
                    .FinishAsync(new ResealShape(reseal), cancellationToken);
                await deployer.RunAsync(
                    $"alter policy tenant on {Name(reseal.Table)} using ({Policy(PresentedAndOpenSince(version))})", cancellationToken);
            }
            else
            {
                await ApplyAsync(change, cancellationToken);
            }
        }
    }

    /// <param name="prepared">Look at what is made of columns that were prepared by resealing; without, at everything else.</param>
    /// <exception cref="DeploymentRefused">Rows that exist are not unique in what is to become unique, or lack what is to be required.</exception>
    public async Task CheckAsync(IEnumerable<SchemaChange> changes, bool prepared, CancellationToken cancellationToken)
    {
        var list = changes.ToList();
        var shapes = list.OfType<SchemaChange.Reseal>().Select(c => new ResealShape(c)).ToDictionary(s => s.Table);
        var fresh = list.OfType<SchemaChange.AddTable>().Select(c => c.Table.Name)
            .Concat(list.OfType<SchemaChange.AddColumn>().Select(c => c.Column.Name))
            .Concat(list.OfType<SchemaChange.AddSealedField>().Select(c => c.Field.Index).OfType<SqlName>()).ToHashSet();
        foreach (var add in list.OfType<SchemaChange.AddIndex>().Where(c => c.Index.Unique))
        {
            var shape = shapes.GetValueOrDefault(add.Table);
            var staged = shape?.Indexes.Where(i => add.Index.Columns.Contains(i.Column)).ToDictionary(i => i.Column) ?? [];
            if (fresh.Contains(add.Table) || add.Index.Columns.Any(c => fresh.Contains(c) || shape?.Added.Contains(c) == true)
                || (staged.Count > 0) != prepared)
            {
                continue;
            }

            var stored = add.Index.Columns.Select(c => staged.TryGetValue(c, out var index) ? index.Staging : c).ToList();
            var columns = string.Join(", ", stored.Select(c => c.Quoted));
            var known = string.Join(" and ", stored.Select(c => $"{c.Quoted} is not null"));
            // A row that was changed since is looked at when the index is made.
            var current = prepared ? $" and {ResealShape.Resealed.Quoted} = version" : "";

            // FORCE would hide the rows from a deployer that is no superuser: lifted, and put back with the whole transaction.
            await using var transaction = await deployer.BeginTransactionAsync(cancellationToken);
            await deployer.RunAsync($"alter table {Name(add.Table)} no force row level security", cancellationToken);
            var doubles = await deployer.ScalarAsync<bool>(
                $"select exists (select 1 from {Name(add.Table)} where {known}{current} group by tenant_id, {columns} having count(*) > 1)",
                cancellationToken);
            await transaction.RollbackAsync(cancellationToken);
            if (doubles)
            {
                var names = add.Index.Columns.Select(c => staged.TryGetValue(c, out var index) ? index.Field.Field.Name : c.Value);
                throw new DeploymentRefused($"records that exist are not unique in {add.Table} ({string.Join(", ", names)})");
            }
        }
    }

    private Task ApplyAsync(SchemaChange change, CancellationToken cancellationToken) => change switch
    {
        SchemaChange.AddTable c => AddTableAsync(c.Table, cancellationToken),
        SchemaChange.DropTable c => deployer.RunAsync($"drop table {Name(c.Table)}", cancellationToken),
        SchemaChange.AddColumn c => AddColumnAsync(c, cancellationToken),
        SchemaChange.AddSealedField c => AddSealedFieldAsync(c, cancellationToken),
        SchemaChange.DropColumn c => deployer.RunAsync($"alter table {Name(c.Table)} drop column {c.Column.Quoted}", cancellationToken),
        SchemaChange.RelaxColumn c =>
            deployer.RunAsync($"alter table {Name(c.Table)} alter column {c.Column.Quoted} drop not null", cancellationToken),
        SchemaChange.AddIndex c => AddIndexAsync(c, cancellationToken),
        SchemaChange.DropIndex c => deployer.RunAsync($"drop index {Name(c.Index)}", cancellationToken),
        SchemaChange.AddForeignKey c => AddForeignKeyAsync(c, cancellationToken),
        SchemaChange.DropForeignKey c =>
            deployer.RunAsync($"alter table {Name(c.Table)} drop constraint {c.ForeignKey.Quoted}", cancellationToken),
        _ => throw new ArgumentOutOfRangeException(nameof(change)),
    };

    private async Task AddTableAsync(TableDefinition table, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"create table {Name(table.Name)} (");
        text.Append("tenant_id uuid not null, id uuid not null, version uuid not null, ");
        text.Append("created_at timestamptz not null, updated_at timestamptz not null, ");
        if (table.HasSubject)
        {
            // Null is what an erased person's id becomes when something is written about it: refused here.
            text.Append(CultureInfo.InvariantCulture, $"{SubjectKey.Column.Quoted} uuid not null, ");
        }

        foreach (var column in table.Columns)
        {
            text.Append(Column(column, withDefault: false)).Append(", ");
        }

        foreach (var envelope in table.Sealed.Select(f => f.Envelope).Distinct())
        {
            text.Append(CultureInfo.InvariantCulture, $"{envelope.Quoted} bytea, ");
        }

        foreach (var index in table.Sealed.Select(f => f.Index).OfType<SqlName>())
        {
            text.Append(CultureInfo.InvariantCulture, $"{index.Quoted} bytea, ");
        }

        text.Append("primary key (tenant_id, id))");
        await deployer.RunAsync(text.ToString(), cancellationToken);
        await ProtectAsync(Name(table.Name), "select, insert, update, delete", Policy(PresentedAndOpen), cancellationToken);
        if (table.HasSubject)
        {
            await deployer.RunAsync(
                $"create index on {Name(table.Name)} (tenant_id, {SubjectKey.Column.Quoted})", cancellationToken);
        }
    }

    private async Task AddColumnAsync(SchemaChange.AddColumn add, CancellationToken cancellationToken)
    {
        var column = add.Column.Name.Quoted;
        await deployer.RunAsync($"alter table {Name(add.Table)} add column {Column(add.Column, withDefault: true)}", cancellationToken);
        await deployer.RunAsync($"alter table {Name(add.Table)} alter column {column} set statistics 0", cancellationToken);
        if (add.Column.Default is not null)
        {
            // The program fills defaults in; the clause was for the rows that were there.
            await deployer.RunAsync($"alter table {Name(add.Table)} alter column {column} drop default", cancellationToken);
        }
    }

    private async Task AddSealedFieldAsync(SchemaChange.AddSealedField add, CancellationToken cancellationToken)
    {
        foreach (var column in new[] { add.Field.Envelope, add.Field.Index }.OfType<SqlName>())
        {
            await deployer.RunAsync(
                $"alter table {Name(add.Table)} add column if not exists {column.Quoted} bytea", cancellationToken);
            await deployer.RunAsync($"alter table {Name(add.Table)} alter column {column.Quoted} set statistics 0", cancellationToken);
        }
    }

    private async Task AddIndexAsync(SchemaChange.AddIndex add, CancellationToken cancellationToken)
    {
        var columns = add.Index.Columns.Select(c => c.Quoted).ToList();
        var id = add.Index.Unique || add.Index.Columns.Any(c => c.Value == "id") ? "" : ", id";
        var unique = add.Index.Unique ? "unique " : "";
        await deployer.RunAsync(
            $"create {unique}index {add.Index.Name.Quoted} on {Name(add.Table)} (tenant_id, {string.Join(", ", columns)}{id})",
            cancellationToken);
    }

    private async Task AddForeignKeyAsync(SchemaChange.AddForeignKey add, CancellationToken cancellationToken)
    {
        var key = add.ForeignKey;
        var rule = key.OnDelete switch
        {
            DeleteRule.Restrict => "restrict",
            DeleteRule.Cascade => "cascade",
            DeleteRule.SetNull => $"set null ({key.Column.Quoted})",
            _ => throw new ArgumentOutOfRangeException(nameof(add)),
        };

        // Under FORCE the owner's own check sees no rows and would let orphans pass: lifted inside this transaction, whose locks keep
        // everybody else away until FORCE is back.
        string[] tables = [Name(add.Table), Name(key.Target)];
        foreach (var table in tables.Distinct())
        {
            await deployer.RunAsync($"alter table {table} no force row level security", cancellationToken);
        }

        await deployer.RunAsync(
            $"alter table {Name(add.Table)} add constraint {key.Name.Quoted} foreign key (tenant_id, {key.Column.Quoted}) "
            + $"references {Name(key.Target)} (tenant_id, id) on delete {rule}",
            cancellationToken);
        foreach (var table in tables.Distinct())
        {
            await deployer.RunAsync($"alter table {table} force row level security", cancellationToken);
        }
    }

    private async Task ProtectAsync(string table, string rights, string policy, CancellationToken cancellationToken)
    {
        await deployer.RunAsync($"alter table {table} enable row level security", cancellationToken);
        await deployer.RunAsync($"alter table {table} force row level security", cancellationToken);
        await deployer.RunAsync($"create policy tenant on {table} for all to public using ({policy})", cancellationToken);
        if (owner is { } tenant)
        {
            await deployer.RunAsync(
                $"alter table {table} add constraint tenant_only check (tenant_id = '{tenant.Value:D}')", cancellationToken);
        }

        // The planner reads histograms through row-level security; without statistics there is nothing to read.
        await deployer.RunAsync(
            $$"""
            do $body$
            declare clauses text;
            begin
                select string_agg(format('alter column %I set statistics 0', attname), ', ') into clauses
                from pg_catalog.pg_attribute where attrelid = '{{table}}'::regclass and attnum > 0 and not attisdropped;
                execute 'alter table {{table}} ' || clauses;
            end $body$
            """,
            cancellationToken);
        await deployer.RunAsync($"revoke all on {table} from public", cancellationToken);
        await deployer.RunAsync($"grant {rights} on {table} to {group.Quoted}", cancellationToken);
    }

    /// <summary>
    /// Sub-selects are evaluated once per statement, not per row. A missing or stale capability raises. A unit of its own also names its
    /// tenant: rows of another cannot be planted there, and for another's capability the tables are not even scanned.
    /// </summary>
    private string Policy(string presented) => owner is { } tenant
        ? $"tenant_id = '{tenant.Value:D}'::uuid and {presented} = '{tenant.Value:D}'::uuid"
        : $"tenant_id = {presented}";

    private string Name(SqlName name) => $"{unit.AppSchema.Quoted}.{name.Quoted}";

    private static string Column(ColumnDefinition column, bool withDefault)
    {
        var type = column.Type switch
        {
            ColumnType.Text => "text",
            ColumnType.Integer => "bigint",
            ColumnType.Decimal => "numeric",
            ColumnType.Boolean => "boolean",
            ColumnType.Date => "date",
            ColumnType.Timestamp => "timestamptz",
            ColumnType.Uuid => "uuid",
            ColumnType.Json => "jsonb",
            _ => throw new ArgumentOutOfRangeException(nameof(column)),
        };
        var text = $"{column.Name.Quoted} {type}{(column.Required ? " not null" : "")}";
        return withDefault && column.Default is not null ? $"{text} default {Literal(column.Default)}::{type}" : text;
    }

    /// <summary>A default of the manifest, in the one place where a value must be text of a statement.</summary>
    private static string Literal(string value) => value.Contains('\0')
        ? throw new ArgumentException("A default holds U+0000.", nameof(value))
        : $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";
}
