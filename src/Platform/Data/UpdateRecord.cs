using System.Collections.Immutable;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>
/// <c>PATCH /api/v1/{plural}/{id}</c>: a merge patch (RFC 7396) against a version. Two round trips: read, then change
/// if the version still holds. A patch that changes nothing makes no new version.
/// </summary>
internal static class UpdateRecord
{
    private const string Action = "data.update";

    public static async Task HandleAsync(DataApi api, HttpContext http)
    {
        if (await api.EnterAsync(http, EntityActions.Update, Action) is not { } call
            || !await DataApi.HasNoQueryAsync(http))
        {
            return;
        }

        if (!Answers.HasMediaType(http, "application/merge-patch+json")
            && !Answers.HasMediaType(http, "application/json"))
        {
            await Answers.UnsupportedAsync(http, "application/merge-patch+json");
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

        using var body = await RequestBody.ReadAsync(http, api.Limits.MaxBodyBytes, http.RequestAborted);
        if (body is null)
        {
            return;
        }

        var patch = RecordBody.Read(body.Bytes.Span, call.View, BodyKind.Patch, api.Limits, out var faults);
        if (patch is null)
        {
            await FieldDenials.RecordBodyAsync(api, http, call, Action, faults);
            await Answers.RefuseBodyAsync(http, faults);
            return;
        }

        await PatchAsync(api, http, call, id, version, patch);
    }

    /// <summary>Takes the record through every index key in use, so that no other has its unique values under any; see StoredColumns.</summary>
    public static void AddAfterwards(TenantWork work, EntityView view, RecordValues record, RecordKeys? keys)
    {
        foreach (var step in view.Stored.Afterwards(record, keys))
        {
            var values = Sql.Join(", ", step.Select(set => Sql.Of($"{set.Column} = {set.Value}")));
            work.Also(Sql.Of($"""
                update {view.Table} set {values}
                where id = {SqlValue.Uuid(record.Id)} and version = {SqlValue.Uuid(record.Version)}
                """));
        }
    }

    private static async Task PatchAsync(
        DataApi api, HttpContext http, DataCall call, Guid id, Guid version, CheckedBody patch)
    {
        var (old, person) = await ReadAsync(api, call, id, http.RequestAborted);
        if (old is null)
        {
            await ProblemResults.NotFoundAsync(http, http.RequestAborted);
            return;
        }

        if (old.Version != version)
        {
            await Answers.StaleAsync(http);
            return;
        }

        var changed = Changed(call.View, old, patch);
        if (changed.Length == 0)
        {
            await AnswerAsync(http, call.View, old);
            return;
        }

        if (person is { IsErased: true })
        {
            await Subjects.AnswerErasedAsync(http);
            return;
        }

        if (person is not null && !call.View.Entity.IsSubject && changed.Any(field => field.Index == Subjects.Via(call.View)))
        {
            await ProblemResults.WriteAsync(
                http,
                StatusCodes.Status409Conflict,
                "subject-fixed",
                "The record is sealed under the key of its person, and cannot become one about another.",
                [new Fault("subject-fixed", "Create a new record about the other person, and delete this one.",
                    Violations.Pointer(call.View, call.View.Entity.SubjectPath[0]))],
                http.RequestAborted);
            return;
        }

        var now = api.Now();
        FieldValue[] before = [.. old.Values];
        var record = old with { Version = Guid.CreateVersion7(new DateTimeOffset(now)), UpdatedAt = now };
        foreach (var field in changed)
        {
            record.Values[field.Index] = patch.Values[field.Index];
        }

        var keys = await api.KeysAsync(call, http.RequestAborted);
        var work = new TenantWork().Change(Update(call.View, record, version, changed, keys, person), new AuditEvent(Action)
        {
            Entity = call.View.Entity.Name,
            Fields = [.. changed.Select(field => field.Name)],
            Values = RecordedValues.Of(call.View, changed, before, record.Values, person),
        });
        if (call.View.Stored.IsConstrained(changed))
        {
            AddAfterwards(work, call.View, record, keys);
        }

        var result = await api.Database.RunAsync(call.Tenant.Context, work, http.RequestAborted);
        if (result.Violation is { } gone && person is not null && Subjects.IsGone(gone))
        {
            await Subjects.AnswerGoneAsync(api, http, call, person.Id);
        }
        else if (result.Violation is { } violation)
        {
            await Violations.AnswerWriteAsync(
                Action,
                api, http, call, violation, record.Values, place => changed.Any(field => field.Index == place));
        }
        else if (result.Changed == 0)
        {
            await Answers.StaleAsync(http);
        }
        else
        {
            await AnswerAsync(http, call.View, record);
        }
    }

    /// <summary>
    /// The answer shows the record, so reading it is a read like any other, with its entry where the class asks for
    /// one.
    /// </summary>
    private static async Task<(RecordValues? Record, Person? Person)> ReadAsync(DataApi api, DataCall call, Guid id,
        CancellationToken cancellationToken)
    {
        var view = call.View;
        using var current = new CurrentRecord(view, await api.OpenerAsync(call.Tenant, view, view.Stored.NeedKeys, cancellationToken));
        var query = current.Query(id);
        var work = view.Answer.IsAudited
            ? new TenantWork().Read(query, Entry(view), current.Take)
            : new TenantWork().Read(query, current.Take);
        await api.Database.RunAsync(call.Tenant.Context, work, cancellationToken);
        return (current.Values, current.Person);
    }

    private static AuditEvent Entry(EntityView view) => new("data.read")
    {
        Entity = view.Entity.Name,
        Details = Entries.Detail("for", Action),
    };

    private static ImmutableArray<RecordField> Changed(EntityView view, RecordValues old, CheckedBody patch) =>
        [.. view.All.Where(field => patch.Given[field.Index]
            && !patch.Values[field.Index].Equals(old.Values[field.Index]))];

    private static Sql Update(EntityView view, RecordValues record, Guid oldVersion,
        ImmutableArray<RecordField> changed, RecordKeys? keys, Person? person)
    {
        var values = Sql.Join(
            "", view.Stored.Changed(record, changed, keys, person).Select(change => Sql.Of($", {change.Column} = {change.Value}")));
        var subject = person is null ? Sql.Empty : Sql.Of($"""
            , {SubjectKey.Column} = {Subjects.Living(Sql.Of($"{SqlValue.Uuid(person.Id)}"), Sql.Of($"{SqlValue.Bytes(person.Wrapped)}"))}
            """);
        return Sql.Of($"""
            update {view.Table} set version = {SqlValue.Uuid(record.Version)},
            updated_at = {SqlValue.Timestamp(record.UpdatedAt)}{values}{subject}
            where id = {SqlValue.Uuid(record.Id)} and version = {SqlValue.Uuid(oldVersion)} returning id
            """);
    }

    private static async Task AnswerAsync(HttpContext http, EntityView view, RecordValues record)
    {
        using var buffer = JsonBuffer.Rent();
        view.Answer.Write(buffer.Writer, record);
        buffer.EndValue();
        Answers.SetETag(http, record.Version);
        await Answers.WriteAsync(http, StatusCodes.Status200OK, buffer.Written);
    }
}
