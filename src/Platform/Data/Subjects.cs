using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>The person that a record is about, with the person's key.</summary>
/// <param name="Wrapped">Empty when the key was destroyed.</param>
internal sealed record Person(Guid Id, byte[] Wrapped)
{
    public bool IsErased => Wrapped.Length == 0;

    /// <exception cref="TenantFault">The key is another person's (RecordDamaged): what it seals would not be erased with this one.</exception>
    public static Person Of(Guid id, byte[] wrapped) =>
        wrapped.Length == 0 || SubjectKey.IsOf(id, wrapped) ? new(id, wrapped) : throw new TenantFault(TenantFaultKind.RecordDamaged);
}

/// <summary>Persons who have keys of their own, where the app asks for it: who a record is about, and whether that one is still known.</summary>
internal static class Subjects
{
    /// <summary>
    /// The person's id when the key is still the one that the record was sealed under, null otherwise: what a row is written with. An
    /// erasure waits for whoever writes; who writes after it is refused by the column.
    /// </summary>
    public static Sql Living(Sql person, Sql wrapped) => Sql.Of($"""
        (select k.subject from {Place.Core}.subject_key k where k.subject = {person} and k.wrapped = {wrapped} for share)
        """);

    public static Sql Living(SqlSlot person, SqlSlot wrapped) => Living(Sql.Of($"{person}"), Sql.Of($"{wrapped}"));

    /// <summary>A constraint refused a write because of the person.</summary>
    public static bool IsGone(Violation violation) =>
        violation.Kind == ViolationKind.Required && violation.Column == SubjectKey.Column.Value;

    /// <summary>
    /// The keys of persons who come now. One that is there already stays as long as its record does: then the record is not written either.
    /// </summary>
    public static Sql Enter(EntityView view, IReadOnlyCollection<Person> persons) => Sql.Of($"""
        insert into {Place.Core}.subject_key as k (tenant_id, subject, entity, wrapped)
        select {Place.Tenant}, u.subject, {SqlValue.Text(view.Entity.Name)}, u.wrapped
        from unnest({SqlValue.Uuids([.. persons.Select(p => p.Id)])}, {SqlValue.BytesArray([.. persons.Select(p => p.Wrapped)])})
            as u(subject, wrapped)
        on conflict (tenant_id, subject) do update set wrapped = excluded.wrapped
        where k.wrapped is not null and not exists (select 1 from {view.Table} t where t.id = k.subject)
        """);

    /// <summary>
    /// What discloses values in the log of persons who were here before under these ids: their keys went, and no other key is to stand
    /// before their envelopes.
    /// </summary>
    public static Sql Forget(IEnumerable<Guid> persons) => Sql.Of($"""
        update {Place.Core}.audit_disclosure set _sealed_secret = null
        where {SubjectKey.Column} = any({SqlValue.Uuids([.. persons])}) and _sealed_secret is not null
        """);

    /// <summary>The keys of persons whose record was deleted go with it.</summary>
    public static Sql Leave(EntityView view, Guid person) => Sql.Of($"""
        delete from {Place.Core}.subject_key k where k.subject = {SqlValue.Uuid(person)} and k.wrapped is not null
        and not exists (select 1 from {view.Table} t where t.id = k.subject)
        """);

    /// <summary>Whom the records are about that the given ones refer to on the way to their person; those that do not exist are left out.</summary>
    /// <param name="records">Ids of records of the entity that the path leads to next.</param>
    public static async Task<Dictionary<Guid, Person>> FindAsync(
        TenantDatabase database, RequestContext context, EntityView view, Guid[] records, CancellationToken cancellationToken)
    {
        var next = view.App.ByName[view.All[Via(view)].Model!.Reference!.Target];
        var persons = new Dictionary<Guid, Person>();
        await database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select id, {SubjectKey.Column}, {SubjectKey.OfRow} from {Place.App}.{next.Table}
                    where id = any({SqlValue.Uuids(records)})
                    """),
                row => persons[row.Uuid(0)] = Person.Of(row.Uuid(1), row.Bytes(2))),
            cancellationToken);
        return persons;
    }

    /// <summary>Place of the reference that leads towards the person; not for the person's own entity.</summary>
    public static int Via(EntityView view) => view.IndexOf(view.Entity.SubjectPath[0]);

    /// <summary>The write was sealed under a key that is not there any more: the person was erased, or its key was wrapped anew meanwhile.</summary>
    public static async Task AnswerGoneAsync(DataApi api, HttpContext http, DataCall call, Guid person)
    {
        var isThere = false;
        await api.Database.RunAsync(
            call.Tenant.Context,
            new TenantWork().Read(
                Sql.Of($"""
                    select 1::bigint from {Place.Core}.subject_key where subject = {SqlValue.Uuid(person)} and wrapped is not null
                    """),
                _ => isThere = true),
            http.RequestAborted);
        await (isThere ? Violations.ConflictAsync(http) : AnswerErasedAsync(http));
    }

    public static Task AnswerErasedAsync(HttpContext http) => ProblemResults.WriteAsync(
        http,
        StatusCodes.Status409Conflict,
        "subject-erased",
        "The person that the record is about was erased: nothing can be written about it any more.",
        cancellationToken: http.RequestAborted);
}
