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
    /// <param name="versions">Of the lines, should they become records.</param>
    /// <param name="persons">Of the lines; null where the entity's records are about none with a key.</param>
    public static Sql Insert(
        EntityView view, IReadOnlyList<ImportLine> lines, Guid[] versions, DateTime now, RecordKeys? keys, Person?[]? persons)
    {
        var ids = Ids(lines);
        var columns = Sql.Join("", view.Stored.Names.Select(column => Sql.Of($", {column}")));
        var chosen = Sql.Join("", view.Stored.Names.Select(column => Sql.Of($", u.{column}")));
        var values = Sql.Join("", view.Stored.Of(lines, keys, persons).Select(value => Sql.Of($", {value}")));
        var stamp = SqlValue.Timestamp(now);
        var (living, person) = persons is null ? (Sql.Empty, Sql.Empty) : (Sql.Of($", l.living"), Sql.Of($", person, person_key"));
        return Sql.Of($"""
            {view.InsertInto} select {Place.Tenant}, u.id, u.version, {stamp}, {stamp}{living}{chosen}
            from unnest({SqlValue.Uuids(ids)}, {SqlValue.Uuids(versions)}{values}{Persons(persons)}) as u(id, version{columns}{person})
            {Living(persons)}
            {References(view, ids)} on conflict do nothing returning id
            """);
    }

    /// <summary>Versions of records that come now.</summary>
    public static Guid[] Versions(int count, DateTime now)
    {
        var versions = new Guid[count];
        for (var i = 0; i < versions.Length; i++)
        {
            versions[i] = Guid.CreateVersion7(new DateTimeOffset(now));
        }

        return versions;
    }

    /// <summary>What <see cref="UpdateRecord.AddAfterwards"/> does, for the lines that became records.</summary>
    public static IEnumerable<Sql> Afterwards(EntityView view, IReadOnlyList<ImportLine> lines, Guid[] versions, RecordKeys? keys) =>
        view.Stored.Afterwards(lines, keys).Select(step =>
        {
            var columns = Sql.Join("", step.Select(set => Sql.Of($", {set.Column}")));
            var values = Sql.Join("", step.Select(set => Sql.Of($", {set.Value}")));
            var sets = Sql.Join(", ", step.Select(set => Sql.Of($"{set.Column} = u.{set.Column}")));
            return Sql.Of($"""
                update {view.Table} t set {sets}
                from unnest({SqlValue.Uuids(Ids(lines))}, {SqlValue.Uuids(versions)}{values}) as u(id, version{columns})
                where t.id = u.id and t.version = u.version
                """);
        });

    /// <summary>Which of the ids are in the table.</summary>
    public static Sql Present(SqlName table, Guid[] ids) =>
        Sql.Of($"select id from {Place.App}.{table} where id = any({SqlValue.Uuids(ids)})");

    /// <summary>Ids of the lines that another record keeps out of a unique index.</summary>
    public static Sql Taken(EntityView view, IndexModel index, IReadOnlyList<ImportLine> lines, RecordKeys? keys)
    {
        var fields = index.Fields.Select(name => view.All[view.IndexOf(name)]).ToArray();
        var stored = fields.Select(field => StoredColumns.Indexed(field, lines, keys)).ToList();
        var names = stored.Select((values, i) => values.Select((_, key) => SqlName.Of($"v{i}_{key}")).ToList()).ToList();
        var columns = Sql.Join("", names.SelectMany(n => n).Select(name => Sql.Of($", {name}")));
        var values = Sql.Join("", stored.SelectMany(v => v).Select(value => Sql.Of($", {value}")));
        var equal = Sql.Join("", fields.Select((field, i) =>
            Sql.Of($" and t.{field.Model!.IndexedColumn!} in ({Sql.Join(", ", names[i].Select(name => Sql.Of($"u.{name}")))})")));
        return Sql.Of($"""
            select u.id from unnest({SqlValue.Uuids(Ids(lines))}{values}) as u(id{columns})
            where exists (select 1 from {view.Table} t where t.id <> u.id{equal})
            """);
    }

    private static Sql Persons(Person?[]? persons) => persons is null ? Sql.Empty : Sql.Of($"""
        , {SqlValue.Uuids([.. persons.Select(p => p?.Id ?? Guid.Empty)])}, {SqlValue.BytesArray([.. persons.Select(p => p?.Wrapped)])}
        """);

    /// <summary>Lines whose person is gone meanwhile are left out: why, is found out afterwards.</summary>
    private static Sql Living(Person?[]? persons) => persons is null ? Sql.Empty : Sql.Of($"""
        join lateral {Subjects.Living(Sql.Of($"u.person"), Sql.Of($"u.person_key"))} as l(living) on true
        """);

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
