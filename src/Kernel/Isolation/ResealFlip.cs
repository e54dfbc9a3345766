using System.Globalization;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// The deployer's part of resealing a unit's tables: the columns to prepare in, the moment when they take the place of the old ones, and
/// their end. What is under way, the comment of the column <c>_resealed</c> says: the digest of what is prepared, or <c>clear</c>
/// with the name of the entity.
/// </summary>
internal sealed class ResealFlip(NpgsqlConnection deployer, Unit unit, KeyRing keys, Catalogue catalogue, KernelOptions options)
{
    private const string Clear = "clear ";

    private static readonly string Resealed = ResealShape.Resealed.Quoted;

    private string SubjectKeys => $"{unit.CoreSchema.Quoted}.subject_key";

    /// <summary>Why a deployment cannot go on; null for a fault that may pass.</summary>
    public static DeploymentRefused? Refusal(TenantFault fault) => fault.Kind switch
    {
        TenantFaultKind.KeysWithdrawn => new(
            "a tenant has withdrawn its keys, so that its records cannot be sealed anew. "
            + "Next step: have it restore them, then deploy again; what was done so far is kept", fault),
        TenantFaultKind.KeysDestroyed => new(
            "the keys of a tenant are destroyed, so that its records cannot be sealed anew. "
            + "Next step: remove the tenant and its records, then deploy again", fault),
        TenantFaultKind.RecordDamaged => new(
            $"a sealed record does not open ({fault.Place}): it was changed by somebody who went around the platform. "
            + "Next step: restore it from a backup, or delete it, then deploy again", fault),
        _ => null,
    };

    /// <summary>Columns to prepare in. What was prepared for the same change is kept; what was for another one goes.</summary>
    public async Task StageAsync(IReadOnlyCollection<ResealShape> shapes, CancellationToken cancellationToken)
    {
        var known = await TablesAsync(cancellationToken);
        foreach (var (table, state) in known)
        {
            if (!state.StartsWith(Clear, StringComparison.Ordinal) && !shapes.Any(s => s.Table.Value == table && s.Digest == state))
            {
                await DropAsync(SqlName.Of(table), cancellationToken);
            }
        }

        foreach (var shape in shapes)
        {
            if (known.TryGetValue(shape.Table.Value, out var state) && state == shape.Digest)
            {
                continue;
            }

            await AddAsync(shape.Table, ResealShape.Resealed, "uuid", cancellationToken);
            foreach (var (staging, _) in shape.Staged)
            {
                await AddAsync(shape.Table, staging, "bytea", cancellationToken);
            }

            await SayAsync(shape.Table, shape.Digest, cancellationToken);
        }
    }

    /// <summary>
    /// Within the transaction that migrates the unit, and whose locks keep everybody else away: the rows that are left are sealed, the
    /// prepared columns take the place of the old ones.
    /// </summary>
    /// <exception cref="TenantFault">The rows that are left cannot be sealed.</exception>
    public async Task FinishAsync(ResealShape shape, CancellationToken cancellationToken)
    {
        // Under FORCE the owner itself sees no rows; it is put back with the lock still held.
        await deployer.RunAsync($"alter table {Name(shape.Table)} no force row level security", cancellationToken);
        if (!(await TablesAsync(cancellationToken)).TryGetValue(shape.Table.Value, out var state) || state != shape.Digest)
        {
            throw new InvalidOperationException($"Nothing is prepared for {shape.Table}: resealing comes before the migration.");
        }

        if (shape.Change.HasSubject)
        {
            await deployer.RunAsync($"alter table {SubjectKeys} no force row level security", cancellationToken);
        }

        await SealRestAsync(shape, cancellationToken);
        if (shape.Change.HasSubject)
        {
            await deployer.RunAsync($"alter table {SubjectKeys} force row level security", cancellationToken);
        }

        foreach (var (staging, column) in shape.Staged)
        {
            await deployer.RunAsync(
                $"alter table {Name(shape.Table)} drop column if exists {column.Quoted}", cancellationToken);
            await deployer.RunAsync(
                $"alter table {Name(shape.Table)} rename column {staging.Quoted} to {column.Quoted}", cancellationToken);
        }

        foreach (var column in shape.Dropped)
        {
            await deployer.RunAsync(
                $"alter table {Name(shape.Table)} drop column if exists {column.Quoted}", cancellationToken);
        }

        foreach (var column in shape.Added)
        {
            await AddAsync(shape.Table, column, "bytea", cancellationToken);
        }

        await SayAsync(shape.Table, Clear + shape.Change.Entity, cancellationToken);
        await deployer.RunAsync($"alter table {Name(shape.Table)} force row level security", cancellationToken);
    }

    /// <summary>Tables that are in force and whose rows may still hold what was in the columns that were dropped.</summary>
    public async Task<List<(SqlName Table, string Entity)>> ToClearAsync(CancellationToken cancellationToken) =>
    [
        .. (await TablesAsync(cancellationToken))
            .Where(t => t.Value.StartsWith(Clear, StringComparison.Ordinal)).Select(t => (SqlName.Of(t.Key), t.Value[Clear.Length..])),
    ];

    /// <summary>Within a transaction: the rest of the rows, of tenants that nobody can reach now; then the last column goes.</summary>
    public async Task ForgetAsync(SqlName table, CancellationToken cancellationToken)
    {
        await deployer.RunAsync($"alter table {Name(table)} no force row level security", cancellationToken);
        await deployer.RunAsync($"update {Name(table)} set {Resealed} = null where {Resealed} is not null", cancellationToken);
        await deployer.RunAsync($"alter table {Name(table)} drop column {Resealed}", cancellationToken);
        await deployer.RunAsync($"alter table {Name(table)} force row level security", cancellationToken);
    }

    private async Task SealRestAsync(ResealShape shape, CancellationToken cancellationToken)
    {
        // Of a tenant that was not reached, what an earlier attempt prepared may be sealed under a key that is gone by now.
        var current = catalogue.Current;
        var reached = current.Tenants.Values
            .Where(t => t.Placement.Unit.Name == unit.Name && t.Status == TenantStatus.Active).Select(t => t.Id.Value).ToArray();
        var rows = new ResealedRows(shape);
        var columns = string.Concat(rows.Columns.Select(c => $", {c.Quoted}"));
        var person = shape.Change.HasSubject
            ? $", coalesce((select k.wrapped from {SubjectKeys} k where k.tenant_id = t.tenant_id "
                + $"and k.subject = t.{SubjectKey.Column.Quoted}), ''::bytea)"
            : "";
        var last = (Tenant: Guid.Empty, Id: Guid.Empty);
        while (true)
        {
            var tenants = await deployer.ListAsync(
                $"""
                select tenant_id, id from {Name(shape.Table)}
                where ({Resealed} is distinct from version or not tenant_id = any($1)) and (tenant_id, id) > ($2, $3)
                order by tenant_id, id limit 1
                """,
                r => new TenantId(r.GetGuid(0)),
                cancellationToken,
                reached, last.Tenant, last.Id);
            if (tenants is not [var tenant])
            {
                return;
            }

            var entity = await keys.OpenAsync(tenant, shape.Change.Entity, cancellationToken);
            rows = new ResealedRows(shape);
            await deployer.ListAsync(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"""
                    select id, version{columns}{person} from {Name(shape.Table)} t
                    where ({Resealed} is distinct from version or not tenant_id = any($1))
                      and tenant_id = $2 and (tenant_id, id) > ($3, $4)
                    order by id limit {options.ResealBatch}
                    """),
                r =>
                {
                    if (!rows.IsFull)
                    {
                        var key = shape.Change.HasSubject ? r.GetFieldValue<byte[]>(2 + rows.Columns.Length) : null;
                        rows.Add(new Row(r), r.GetGuid(0), r.GetGuid(1), 2, entity, key);
                        last = (tenant.Value, r.GetGuid(0));
                    }

                    return 0;
                },
                cancellationToken,
                reached, tenant.Value, last.Tenant, last.Id);
            await WriteAsync(shape, tenant, rows, cancellationToken);
        }
    }

    private async Task WriteAsync(ResealShape shape, TenantId tenant, ResealedRows rows, CancellationToken cancellationToken)
    {
        var staging = shape.Staged.Select(s => s.Staging.Quoted).ToList();
        var sets = string.Concat(staging.Select(s => $", {s} = u.{s}"));
        var names = string.Concat(staging.Select(s => $", {s}"));
        var values = string.Concat(staging.Select((_, i) => string.Create(CultureInfo.InvariantCulture, $", ${i + 3}::bytea[]")));
        await deployer.RunAsync(
            $"""
            update {Name(shape.Table)} t set {Resealed} = t.version{sets}
            from unnest($2::uuid[]{values}) as u(id{names}) where t.tenant_id = $1 and t.id = u.id
            """,
            cancellationToken,
            [tenant.Value, rows.Ids, .. rows.Staged]);
    }

    private async Task DropAsync(SqlName table, CancellationToken cancellationToken)
    {
        var columns = await deployer.ListAsync(
            """
            select attname from pg_catalog.pg_attribute
            where attrelid = $1::regclass and attnum > 0 and not attisdropped and (attname = $2 or starts_with(attname, '_next'))
            """,
            r => SqlName.Of(r.GetString(0)),
            cancellationToken,
            Name(table), ResealShape.Resealed.Value);
        foreach (var column in columns)
        {
            await deployer.RunAsync($"alter table {Name(table)} drop column {column.Quoted}", cancellationToken);
        }
    }

    private async Task AddAsync(SqlName table, SqlName column, string type, CancellationToken cancellationToken)
    {
        await deployer.RunAsync($"alter table {Name(table)} add column {column.Quoted} {type}", cancellationToken);
        await deployer.RunAsync($"alter table {Name(table)} alter column {column.Quoted} set statistics 0", cancellationToken);
    }

    private Task<int> SayAsync(SqlName table, string state, CancellationToken cancellationToken) =>
        deployer.RunAsync($"comment on column {Name(table)}.{Resealed} is '{state.Replace("'", "''", StringComparison.Ordinal)}'", cancellationToken);

    /// <summary>Tables that are under way, with what the comment says.</summary>
    private async Task<Dictionary<string, string>> TablesAsync(CancellationToken cancellationToken) =>
        (await deployer.ListAsync(
            """
            select c.relname, coalesce(col_description(c.oid, a.attnum), '') from pg_catalog.pg_class c
            join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = $2 and not a.attisdropped
            where c.relnamespace = $1::regnamespace and c.relkind = 'r'
            """,
            r => (Table: r.GetString(0), State: r.GetString(1)),
            cancellationToken,
            unit.AppSchema.Value, ResealShape.Resealed.Value)).ToDictionary(t => t.Table, t => t.State, StringComparer.Ordinal);

    private string Name(SqlName name) => $"{unit.AppSchema.Quoted}.{name.Quoted}";
}
