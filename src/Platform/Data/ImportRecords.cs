using System.Collections.Immutable;
using System.Globalization;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>
/// <c>POST /api/v1/{plural}/import</c>: a chunk of records, one JSON object per line. A bad line never stops the
/// others, and a line whose id exists changes nothing: a chunk may be sent again.
/// </summary>
internal static class ImportRecords
{
    private const string Action = "data.import";
    private const int MaxSourceLength = 200;

    // What is neither inserted nor explained met a change of somebody else: it is tried again, then given back.
    private const int MaxAttempts = 3;

    public static async Task HandleAsync(DataApi api, HttpContext http)
    {
        if (await api.EnterAsync(http, EntityActions.Create, Action) is not { } call
            || !await DataApi.HasNoQueryAsync(http))
        {
            return;
        }

        if (!Answers.HasMediaType(http, "application/x-ndjson"))
        {
            await Answers.UnsupportedAsync(http, "application/x-ndjson");
            return;
        }

        var source = http.Request.Headers["Import-Source"];
        if (source.Count > 1 || (source.Count == 1 && !IsValidSource(source[0])))
        {
            await ProblemResults.WriteAsync(
                http,
                StatusCodes.Status400BadRequest,
                "invalid-header",
                $"An Import-Source has 1 to {MaxSourceLength} printable ASCII characters.",
                cancellationToken: http.RequestAborted);
            return;
        }

        using var body = await RequestBody.ReadAsync(http, api.Limits.MaxImportBytes, http.RequestAborted);
        if (body is null)
        {
            return;
        }

        var chunk = ImportChunk.Read(body.Bytes.Span, call.View, api.Limits);
        if (chunk is null)
        {
            await ProblemResults.WriteAsync(
                http,
                StatusCodes.Status413PayloadTooLarge,
                "too-many",
                $"A chunk has at most {api.Limits.MaxImportLines} lines.",
                cancellationToken: http.RequestAborted);
            return;
        }

        await InsertAsync(api, call, chunk, source.Count == 1 ? source[0] : null, http.RequestAborted);
        await AnswerAsync(http, chunk);
    }

    private static bool IsValidSource(string? source) =>
        source is { Length: >= 1 and <= MaxSourceLength } && !source.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private static async Task InsertAsync(
        DataApi api, DataCall call, ImportChunk chunk, string? source, CancellationToken cancellationToken)
    {
        var entry = new AuditEvent(Action)
        {
            Entity = call.View.Entity.Name,
            Fields = [.. call.View.All.Where(field => chunk.Given[field.Index]).Select(field => field.Name)],
            Records = AuditRecords.CountAndDigest,
            Details = Details(source, chunk.Received),
        };
        var isCommitted = !call.View.Entity.Commits.IsEmpty;
        for (var attempt = 0; attempt < MaxAttempts && chunk.Waiting.Count > 0; attempt++)
        {
            var inserted = new HashSet<Guid>();
            var keys = await api.KeysAsync(call, cancellationToken);
            if (isCommitted && attempt == 0)
            {
                // The sum is of all lines that are sent, or the entry would commit to what was not created.
                await ImportFindings.ClassifyAsync(api.Database, call, chunk, keys, cancellationToken);
            }

            var persons = await PersonsAsync(api, call, chunk, keys, cancellationToken);
            // That nothing was new is an entry too.
            if (chunk.Waiting.Count == 0 && (attempt > 0 || !isCommitted))
            {
                break;
            }

            var now = api.Now();
            var versions = ImportSql.Versions(chunk.Waiting.Count, now);
            var work = new TenantWork();
            if (call.View.Entity is { HasSubjectKey: true, IsSubject: true })
            {
                List<Person> known = [.. persons!.OfType<Person>()];
                work.Also(Subjects.Forget(known.Select(person => person.Id))).Also(Subjects.Enter(call.View, known));
            }

            work.Attempt(
                ImportSql.Insert(call.View, chunk.Waiting, versions, now, keys, persons),
                !isCommitted ? entry : entry with
                {
                    Numbers = call.View.Created(chunk.Waiting.Select(line => line.Values)),
                    ExactRecords = chunk.Waiting.Count,
                },
                row => inserted.Add(row.Uuid(0)));
            foreach (var step in ImportSql.Afterwards(call.View, chunk.Waiting, versions, keys))
            {
                work.Also(step);
            }

            var result = await api.Database.RunAsync(call.Tenant.Context, work, cancellationToken);
            if (result.Violation is null)
            {
                chunk.TakeInserted(inserted);
            }

            if (chunk.Waiting.Count > 0)
            {
                await ImportFindings.ClassifyAsync(api.Database, call, chunk, keys, cancellationToken);
            }
        }

        chunk.RejectWaiting("concurrent-change", "The line met another change: send it again.");
    }

    /// <summary>Of the lines, in their order. Lines about somebody who was erased are rejected.</summary>
    private static async Task<Person?[]?> PersonsAsync(
        DataApi api, DataCall call, ImportChunk chunk, RecordKeys? keys, CancellationToken cancellationToken)
    {
        var view = call.View;
        if (!view.Entity.HasSubjectKey)
        {
            return null;
        }

        if (view.Entity.IsSubject)
        {
            keys ??= await api.Keys.OpenAsync(call.Tenant.Context.Tenant, view.Entity.Name, cancellationToken);
            return [.. chunk.Waiting.Select(line => new Person(line.Id, keys.NewSubjectKey(line.Id)))];
        }

        var via = Subjects.Via(view);
        var persons = await Subjects.FindAsync(
            api.Database,
            call.Tenant.Context,
            view,
            [.. chunk.Waiting.Select(line => line.Values[via].AsUuid).Distinct()],
            cancellationToken);
        chunk.RejectWhere(
            line => persons.TryGetValue(line.Values[via].AsUuid, out var person) && person.IsErased,
            "subject-erased",
            "The person that the record is about was erased.");
        return [.. chunk.Waiting.Select(line => persons.GetValueOrDefault(line.Values[via].AsUuid))];
    }

    private static ImmutableSortedDictionary<string, string> Details(string? source, int received)
    {
        var details = Entries.Detail("received", received.ToString(CultureInfo.InvariantCulture));
        return source is null ? details : details.Add("source", source);
    }

    private static Task AnswerAsync(HttpContext http, ImportChunk chunk)
    {
        using var buffer = JsonBuffer.Rent();
        var json = buffer.Writer;
        json.WriteStartObject();
        json.WriteNumber("received"u8, chunk.Received);
        json.WriteNumber("created"u8, chunk.Created);
        json.WriteNumber("existing"u8, chunk.Existing);
        json.WriteStartArray("rejected"u8);
        foreach (var (line, fault) in chunk.Rejected.OrderBy(rejected => rejected.Line))
        {
            json.WriteStartObject();
            json.WriteNumber("line"u8, line);
            json.WriteString("code"u8, fault.Code);
            json.WriteString("pointer"u8, fault.Pointer);
            json.WriteString("detail"u8, fault.Detail);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        buffer.EndValue();
        return Answers.WriteAsync(http, StatusCodes.Status200OK, buffer.Written.ToArray());
    }
}
