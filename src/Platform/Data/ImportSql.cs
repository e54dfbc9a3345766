using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>
/// Statements of an import: whole columns as parameters (COPY does not work under row-level security).
/// </summary>
internal static class ImportSql
{
    /// <summary>
    /// Inserts the lines whose references exist, or are lines of the chunk themselves, and that meet no other record;
    /// gives back the ids of those. Foreign keys are checked at the end of the statement, so a line may refer to any
    /// other of the chunk.
    /// </summary>
    public static Sql Insert(EntityView view, IReadOnlyList<ImportLine> lines, DateTime now, RecordKeys? keys)
    {
        var ids = Ids(lines);
        var versions = new Guid[lines.Count];
        for (var i = 0; i < versions.Length; i++)
        {
            versions[i] = Guid.CreateVersion7(new DateTimeOffset(now));
        }

        var columns = Sql.Join("", view.Stored.Names.Select(column => Sql.Of($", {column}")));
        var chosen = Sql.Join("", view.Stored.Names.Select(column => Sql.Of($", u.{column}")));
        var values = Sql.Join("", view.Stored.Of(lines, keys).Select(value => Sql.Of($", {value}")));
        var stamp = SqlValue.Timestamp(now);
        return Sql.Of($"""
            {view.InsertInto} select {Place.Tenant}, u.id, u.version, {stamp}, {stamp}{chosen}
            from unnest({SqlValue.Uuids(ids)}, {SqlValue.Uuids(versions)}{values}) as u(id, version{columns})
            {References(view, ids)} on conflict do nothing returning id
            """);
    }

    /// <summary>Which of the ids are in the table.</summary>
    public static Sql Present(SqlName table, Guid[] ids) =>
        Sql.Of($"select id from {Place.App}.{table} where id = any({SqlValue.Uuids(ids)})");

    /// <summary>Ids of the lines that another record keeps out of a unique index.</summary>
    public static Sql Taken(EntityView view, IndexModel index, IReadOnlyList<ImportLine> lines, RecordKeys? keys)
    {
        var fields = index.Fields.Select(name => view.All[view.IndexOf(name)]).ToArray();
        var columns = Sql.Join("", fields.Select(field => Sql.Of($", {field.Model!.IndexedColumn!}")));
        var values = Sql.Join("", fields.Select(field => Sql.Of($", {StoredColumns.Indexed(field, lines, keys)}")));
        var equal = Sql.Join("", fields.Select(field => Sql.Of($" and t.{field.Model!.IndexedColumn!} = u.{field.Model.IndexedColumn!}")));
        return Sql.Of($"""
            select u.id from unnest({SqlValue.Uuids(Ids(lines))}{values}) as u(id{columns})
            where exists (select 1 from {view.Table} t where t.id <> u.id{equal})
            """);
    }

    private static Guid[] Ids(IReadOnlyList<ImportLine> lines)
    {
        var ids = new Guid[lines.Count];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = lines[i].Id;
        }

        return ids;
    }

    private static Sql References(EntityView view, Guid[] ids)
    {
        var checks = new List<Sql>();
        foreach (var field in view.All)
        {
            if (field.Model!.Reference is not { } reference)
            {
                continue;
            }

            var target = view.App.ByName[reference.Target];
            var inChunk = target == view.Entity ? Sql.Of($" or u.{field.Column} = any({SqlValue.Uuids(ids)})")
                : Sql.Empty;
            checks.Add(Sql.Of($"""
                (u.{field.Column} is null
                or exists (select 1 from {Place.App}.{target.Table} r where r.id = u.{field.Column}){inChunk})
                """));
        }

        return checks.Count == 0 ? Sql.Empty : Sql.Of($"where {Sql.Join(" and ", checks)}");
    }
}
