using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>
/// What a constraint refused, told in the words of the API. Every constraint is within the tenant, so that none of
/// these tells anything of another.
/// </summary>
internal static class Violations
{
    /// <param name="values">The values that were to be written, by place.</param>
    /// <param name="written">Which of them were.</param>
    public static async Task AnswerWriteAsync(
        string action,
        DataApi api,
        HttpContext http,
        DataCall call,
        Violation violation,
        FieldValue[] values,
        Func<int, bool> written)
    {
        if (violation.Kind == ViolationKind.Unique)
        {
            // The answer tells that somebody has this value: whoever asks so is in the log.
            await api.Denials.RecordAsync(
                call.Tenant, "unique-violation", action, call.View.Entity.Name, http.RequestAborted);
            await ProblemResults.WriteAsync(
                http,
                StatusCodes.Status409Conflict,
                "unique-violation",
                "Another record already has this value.",
                UniqueFaults(call.View, violation.Constraint),
                http.RequestAborted);
            return;
        }

        var missing = violation.Kind == ViolationKind.Reference
            ? await MissingAsync(api, call, values, written, http.RequestAborted)
            : [];
        if (missing.Count > 0)
        {
            await AnswerMissingAsync(http, missing);
            return;
        }

        await ConflictAsync(http);
    }

    /// <summary>Others refer to the record; which, is told only to who may know that they exist.</summary>
    public static Task AnswerDeleteAsync(DataApi api, HttpContext http, DataCall call, Violation violation)
    {
        if (violation.Kind != ViolationKind.Reference)
        {
            return ConflictAsync(http);
        }

        var detail = "Other records refer to this one.";
        foreach (var entity in call.Tenant.App.Entities)
        {
            if (entity.Table.Value == violation.Table
                && api.Views.For(call.Tenant.App, call.Tenant.Context.Actor, entity) is not null)
            {
                detail = $"Records of '{entity.Plural}' refer to this one.";
            }
        }

        return ProblemResults.WriteAsync(
            http, StatusCodes.Status409Conflict, "still-referenced", detail, cancellationToken: http.RequestAborted);
    }

    /// <summary>One fault per field of the constraint; the primary key is the id.</summary>
    public static List<Fault> UniqueFaults(EntityView view, string constraint)
    {
        foreach (var index in view.Entity.Indexes)
        {
            if (index.Name.Value == constraint)
            {
                return [.. index.Fields.Select(field => new Fault(
                    "unique-violation", "Another record already has this value.", Pointer(view, field)))];
            }
        }

        return [new("unique-violation", "Another record already has this id.", "/id")];
    }

    /// <summary>The whole body for a field whose name the actor does not know.</summary>
    public static string Pointer(EntityView view, string field) =>
        view.Readable(field) is not null || view.Permissions.Writable.Contains(field) ? "/" + field : "";

    private static Task AnswerMissingAsync(HttpContext http, List<Fault> missing) => ProblemResults.WriteAsync(
        http,
        StatusCodes.Status422UnprocessableEntity,
        "reference-not-found",
        "A record that is referred to does not exist.",
        missing,
        http.RequestAborted);

    private static async Task<List<Fault>> MissingAsync(
        DataApi api, DataCall call, FieldValue[] values, Func<int, bool> written, CancellationToken cancellationToken)
    {
        var view = call.View;
        var checks = new List<Sql>();
        foreach (var field in view.All)
        {
            if (field.Model!.Reference is { } reference && written(field.Index) && !values[field.Index].IsNull)
            {
                var target = view.App.ByName[reference.Target].Table;
                checks.Add(Sql.Of($"""
                    select {SqlValue.Integer(field.Index)}
                    where not exists (select 1 from {Place.App}.{target} where id = {values[field.Index].ToSql()})
                    """));
            }
        }

        var faults = new List<Fault>();
        if (checks.Count > 0)
        {
            await api.Database.RunAsync(
                call.Tenant.Context,
                new TenantWork().Read(Sql.Join(" union all ", checks), row => faults.Add(new(
                    "reference-not-found",
                    "The referenced record does not exist.",
                    Pointer(view, view.All[(int)row.Integer(0)].Name)))),
                cancellationToken);
        }

        return faults;
    }

    /// <summary>A reference leads nowhere.</summary>
    public static async Task AnswerMissingAsync(DataApi api, HttpContext http, DataCall call, FieldValue[] values) =>
        await (await MissingAsync(api, call, values, static _ => true, http.RequestAborted) is { Count: > 0 } missing
            ? AnswerMissingAsync(http, missing)
            : ConflictAsync(http));

    public static Task ConflictAsync(HttpContext http) => ProblemResults.WriteAsync(
        http,
        StatusCodes.Status409Conflict,
        "conflict",
        "The change met another one: repeat it.",
        cancellationToken: http.RequestAborted);
}
