using System.Collections.Immutable;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>
/// <c>POST /api/v1/{plural}</c>: one round trip. Everything in the record is known before it is sent, so that the
/// answer is the record as it will be read, without reading it.
/// </summary>
internal static class CreateRecord
{
    private const string Action = "data.create";

    public static async Task HandleAsync(DataApi api, HttpContext http)
    {
        if (await api.EnterAsync(http, EntityActions.Create, Action) is not { } call
            || !await DataApi.HasNoQueryAsync(http))
        {
            return;
        }

        if (!Answers.HasMediaType(http, "application/json"))
        {
            await Answers.UnsupportedAsync(http, "application/json");
            return;
        }

        var keys = http.Request.Headers["Idempotency-Key"];
        if (keys.Count > 1 || (keys.Count == 1 && !Idempotency.IsValidKey(keys[0])))
        {
            await ProblemResults.WriteAsync(
                http,
                StatusCodes.Status400BadRequest,
                "invalid-header",
                "An Idempotency-Key has 1 to 255 visible ASCII characters.",
                cancellationToken: http.RequestAborted);
            return;
        }

        using var body = await RequestBody.ReadAsync(http, api.Limits.MaxBodyBytes, http.RequestAborted);
        if (body is null)
        {
            return;
        }

        var read = RecordBody.Read(body.Bytes.Span, call.View, BodyKind.Create, api.Limits, out var faults);
        if (read is null)
        {
            await FieldDenials.RecordBodyAsync(api, http, call, Action, faults);
            await Answers.RefuseBodyAsync(http, faults);
            return;
        }

        var idempotency = keys.Count == 1
            ? Idempotency.Of(api, call.Tenant, call.View.Entity.Plural, keys[0]!, body.Bytes.Span)
            : null;
        await InsertAsync(api, http, call, read, idempotency);
    }

    /// <summary>The 201 of a new record, or of one that was created before under the same idempotency key.</summary>
    public static Task AnswerAsync(HttpContext http, EntityView view, Guid id, Guid version, ReadOnlyMemory<byte> json)
    {
        http.Response.Headers.Location = $"{http.Request.PathBase}/api/v1/{view.Entity.Plural}/{id}";
        Answers.SetETag(http, version);
        return Answers.WriteAsync(http, StatusCodes.Status201Created, json);
    }

    private static async Task InsertAsync(
        DataApi api, HttpContext http, DataCall call, CheckedBody body, Idempotency? idempotency)
    {
        var now = api.Now();
        var record = new RecordValues(
            body.Id ?? Guid.CreateVersion7(new DateTimeOffset(now)), Guid.CreateVersion7(new DateTimeOffset(now)),
                now, now, body.Values);
        using var buffer = JsonBuffer.Rent();
        call.View.Answer.Write(buffer.Writer, record);
        buffer.EndValue();

        var keys = await api.KeysAsync(call, http.RequestAborted);
        Person? person = null;
        if (call.View.Entity.HasSubjectKey)
        {
            person = await PersonAsync(api, http, call, record, keys);
            if (person is null)
            {
                return;
            }
        }

        var work = new TenantWork();
        if (idempotency is not null)
        {
            work.Also(await idempotency.StoreAsync(record.Id, record.Version, buffer.Written, person?.Id, now, http.RequestAborted));
        }

        if (call.View.Entity is { HasSubjectKey: true, IsSubject: true })
        {
            work.Also(Subjects.Forget([person!.Id])).Also(Subjects.Enter(call.View, [person]));
        }

        var entry = new AuditEvent(Action)
        {
            Entity = call.View.Entity.Name,
            Fields = Names(call.View, body.Given),
            Numbers = call.View.Created(record.Values),
            Values = RecordedValues.Of(call.View, call.View.All, null, record.Values, person),
        };
        SqlValue[] first = [SqlValue.Uuid(record.Id), SqlValue.Uuid(record.Version), SqlValue.Timestamp(record.CreatedAt)];
        var arguments = call.View.Stored.Of(
            record, keys, person, person is null ? first : [.. first, SqlValue.Uuid(person.Id), SqlValue.Bytes(person.Wrapped)]);
        work.Change(call.View.InsertRow, entry, arguments: arguments);
        UpdateRecord.AddAfterwards(work, call.View, record, keys);
        var result = await api.Database.RunAsync(call.Tenant.Context, work, http.RequestAborted);
        if (result.Violation is not { } violation)
        {
            await AnswerAsync(http, call.View, record.Id, record.Version, buffer.Written);
        }
        else if (idempotency is not null && violation.Table == Idempotency.Table)
        {
            await idempotency.ReplayAsync(http, call.View);
        }
        else if (person is not null && Subjects.IsGone(violation))
        {
            await Subjects.AnswerGoneAsync(api, http, call, person.Id);
        }
        else
        {
            await Violations.AnswerWriteAsync(Action, api, http, call, violation, record.Values, static _ => true);
        }
    }

    /// <summary>Whom the record is about; null when the answer is written: there is no such person, or it was erased.</summary>
    private static async Task<Person?> PersonAsync(
        DataApi api, HttpContext http, DataCall call, RecordValues record, RecordKeys? keys)
    {
        if (call.View.Entity.IsSubject)
        {
            keys ??= await api.Keys.OpenAsync(call.Tenant.Context.Tenant, call.View.Entity.Name, http.RequestAborted);
            return new(record.Id, keys.NewSubjectKey(record.Id));
        }

        var via = record.Values[Subjects.Via(call.View)].AsUuid;
        var persons = await Subjects.FindAsync(api.Database, call.Tenant.Context, call.View, [via], http.RequestAborted);
        if (!persons.TryGetValue(via, out var person))
        {
            await Violations.AnswerMissingAsync(api, http, call, record.Values);
            return null;
        }

        if (person.IsErased)
        {
            await Subjects.AnswerErasedAsync(http);
            return null;
        }

        return person;
    }

    private static ImmutableArray<string> Names(EntityView view, bool[] given) =>
        [.. view.All.Where(field => given[field.Index]).Select(field => field.Name)];
}
