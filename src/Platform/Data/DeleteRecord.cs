using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>
/// <c>DELETE /api/v1/{plural}/{id}</c> against a version: read the record and what hangs on it, then delete if the
/// version still holds. What goes with it, and what loses a reference, stands in the log.
/// </summary>
internal static class DeleteRecord
{
    private const string Action = "data.delete";

    public static async Task HandleAsync(DataApi api, HttpContext http)
    {
        if (await api.EnterAsync(http, EntityActions.Delete, Action) is not { } call
            || !await DataApi.HasNoQueryAsync(http))
        {
            return;
        }

        if (!DataApi.TryGetId(http, out var id))
        {
            await ProblemResults.NotFoundAsync(http, http.RequestAborted);
            return;
        }

        if (await Preconditions.IfMatchAsync(http) is not { } version)
        {
            return;
        }

        var (current, values, dependents) = await ReadAsync(api, call, id, http.RequestAborted);
        if (current is null)
        {
            await ProblemResults.NotFoundAsync(http, http.RequestAborted);
        }
        else if (current != version)
        {
            await Answers.StaleAsync(http);
        }
        else if (dependents.IsTooMany)
        {
            await ProblemResults.WriteAsync(
                http,
                StatusCodes.Status409Conflict,
                "too-many-dependents",
                $"More than {api.Limits.MaxDependents} records would go or change with this one: delete them first.",
                cancellationToken: http.RequestAborted);
        }
        else
        {
            await DeleteAsync(api, http, call, id, version, dependents, values);
        }
    }

    /// <summary>The record's version and what it holds, and what hangs on it.</summary>
    private static async Task<(Guid? Version, ChangedValues? Values, Dependents Dependents)> ReadAsync(
        DataApi api, DataCall call, Guid id, CancellationToken cancellationToken)
    {
        var view = call.View;
        Task<Dependents> FindAsync(TenantWork first) => Dependents.FindAsync(
            api.Database, call.Tenant.Context, call.Tenant.App, view.Entity, id, api.Limits.MaxDependents, first, cancellationToken);

        // A person's key goes with its record: nothing would disclose the values any more.
        if (view.Entity is not { HasSubjectKey: true, IsSubject: true })
        {
            try
            {
                using var current = new CurrentRecord(view, await api.OpenerAsync(call.Tenant, view, view.Stored.NeedKeys, cancellationToken));
                var found = await FindAsync(new TenantWork().Read(current.Query(id), current.Take));
                var values = RecordedValues.Of(view, view.All, current.Values?.Values, null, current.Person);
                return (current.Values?.Version, values, found);
            }
            catch (TenantFault fault) when (fault.Kind == TenantFaultKind.RecordDamaged)
            {
                // Of a record that nobody can read the entry has no values; it can be deleted.
            }
        }

        Guid? version = null;
        var dependents = await FindAsync(new TenantWork().Read(
            Sql.Of($"select id, version from {view.Table} where id = {SqlValue.Uuid(id)}"), row => version = row.Uuid(1)));
        return (version, null, dependents);
    }

    private static async Task DeleteAsync(
        DataApi api, HttpContext http, DataCall call, Guid id, Guid version, Dependents dependents, ChangedValues? values)
    {
        var isDeleted = false;
        var work = new TenantWork();
        if (dependents.Cleared.Count > 0)
        {
            // The lock holds the record's version still, so that the steps below agree on whether the delete happens.
            work.Read(
                Sql.Of($"select id from {Record(call.View, id, version)} for update"), static _ => { });
            AddClears(work, api.Now(), call.View, id, version, dependents);
        }

        work.Change(
            Sql.Of($"delete from {Record(call.View, id, version)} returning id"),
            new AuditEvent(Action) { Entity = call.View.Entity.Name, Details = dependents.Details(), Values = values },
            _ => isDeleted = true);
        if (call.View.Entity is { HasSubjectKey: true, IsSubject: true })
        {
            work.Also(Subjects.Leave(call.View, id));
        }

        var result = await api.Database.RunAsync(call.Tenant.Context, work, http.RequestAborted);
        if (result.Violation is { } violation)
        {
            await Violations.AnswerDeleteAsync(api, http, call, violation);
        }
        else if (!isDeleted)
        {
            await Answers.StaleAsync(http);
        }
        else
        {
            http.Response.StatusCode = StatusCodes.Status204NoContent;
        }
    }

    /// <summary>
    /// The database would clear the references by itself, but silently: a record that loses one is changed, so it gets
    /// a new version, and nobody's If-Match holds over it.
    /// </summary>
    private static void AddClears(
        TenantWork work, DateTime now, EntityView view, Guid id, Guid version, Dependents dependents)
    {
        foreach (var ((entity, field), ids) in dependents.Cleared)
        {
            work.Change(
                Sql.Of($"""
                    update {Place.App}.{entity.Table} set {field.Column} = null, version = gen_random_uuid(),
                    updated_at = {SqlValue.Timestamp(now)}
                    where id = any({SqlValue.Uuids([.. ids])}) and {field.Column} is not null
                    and exists (select 1 from {Record(view, id, version)}) returning id
                    """),
                new AuditEvent("data.update")
                {
                    Entity = entity.Name,
                    Fields = [field.Name],
                    Records = AuditRecords.CountAndDigest,
                    Details = Entries.Detail("for", Action),
                });
        }
    }

    private static Sql Record(EntityView view, Guid id, Guid version) =>
        Sql.Of($"{view.Table} where id = {SqlValue.Uuid(id)} and version = {SqlValue.Uuid(version)}");
}
