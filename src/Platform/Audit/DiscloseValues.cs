using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// <c>GET /api/v1/audit/{id}/values</c>, or of some <c>fields</c>: what the fields of a record held before an act and after it, each with
/// what proves it against the entry's digests. For roles with <c>audit: disclose</c>. Its own entry is appended before a value is shown.
/// </summary>
internal static class DiscloseValues
{
    private const string Action = "audit.disclose";

    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static async Task HandleAsync(
        HttpContext context, Guid id, Authentication authentication, Denials denials, TenantDatabase database, Disclosures disclosures)
    {
        var cancellationToken = context.RequestAborted;
        if (await AuditAccess.EnterAsync(context, authentication, denials, Action, AuditGrant.Disclose) is not { } call)
        {
            return;
        }

        var faults = new List<Fault>();
        var asked = Parse(context.Request.Query, faults);
        if (faults.Count > 0)
        {
            await ProblemResults.WriteAsync(
                context, 400, "invalid-parameter", "Some parameters are unknown or invalid.", faults, cancellationToken);
            return;
        }

        // Withdrawn keys are told before anything is recorded as shown.
        await disclosures.RequireKeysAsync(call.Context.Tenant, cancellationToken);
        var record = await RecordAsync(call, database, id, asked, cancellationToken);
        if (record is null)
        {
            await ProblemResults.WriteAsync(
                context, 404, "not-found", "There is no such entry, or it has no values: those of reads and of imports have none.",
                null, cancellationToken);
            return;
        }

        var found = (await disclosures.OpenAsync(call.Context, [id], cancellationToken)).GetValueOrDefault(id);
        if (found is null or { State: DisclosureState.Damaged })
        {
            await ProblemResults.WriteAsync(
                context, 409, "disclosure-damaged",
                "What discloses the values does not open: the row was changed in the database, or taken out. The entry and its digests stand.",
                null, cancellationToken);
            return;
        }

        await WriteAsync(context, id, record.Value, found, asked, cancellationToken);
    }

    private static ImmutableArray<string> Parse(IQueryCollection parameters, List<Fault> faults)
    {
        ImmutableArray<string> fields = [];
        foreach (var (name, values) in parameters)
        {
            if (name != "fields")
            {
                faults.Add(new("unknown-parameter", "There is no such parameter.", Parameter: name.Length <= 100 ? name : name[..100]));
            }
            else if (values.Count > 1)
            {
                faults.Add(new("duplicate-parameter", "The parameter is given more than once.", Parameter: name));
            }
            else
            {
                fields = FieldNames(name, values.ToString(), faults);
            }
        }

        return fields;
    }

    /// <summary>Names of fields, joined by commas.</summary>
    public static ImmutableArray<string> FieldNames(string parameter, string value, List<Fault> faults)
    {
        var names = value.Split(',').Distinct(StringComparer.Ordinal).ToImmutableArray();
        if (names.Length > ManifestLimits.FieldsPerEntity || !names.All(ManifestText.IsName))
        {
            faults.Add(new("invalid-parameter", "Names of fields, joined by commas.", Parameter: parameter));
        }

        return names;
    }

    /// <summary>The record that the entry's body names, and its entity, with the entry of the disclosure; null when there is no such entry about one record.</summary>
    private static async Task<(Guid Id, string Entity)?> RecordAsync(
        TenantCall call, TenantDatabase database, Guid id, ImmutableArray<string> asked, CancellationToken cancellationToken)
    {
        (Guid, string)? record = null;
        await database.RunAsync(
            call.Context,
            new TenantWork().ReadIfFound(
                Sql.Of($"""
                    select (b.body #>> array['records', 'ids', '0'])::uuid as id, b.body ->> 'entity'
                    from (select e.body::jsonb as body from {Place.Core}.audit_entry e where e.id = {SqlValue.Uuid(id)} offset 0) b
                    where b.body ? 'entity' and jsonb_array_length(b.body #> array['records', 'ids']) = 1
                    and jsonb_array_length(b.body -> 'values') > 0
                    """),
                new AuditEvent(Action) { Fields = asked, Details = Data.Entries.Detail("entry", id.ToString()) },
                row => record = (row.Uuid(0), row.Text(1))),
            cancellationToken);
        return record;
    }

    private static async Task WriteAsync(
        HttpContext context,
        Guid id,
        (Guid Id, string Entity) record,
        EntryDisclosures found,
        ImmutableArray<string> asked,
        CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, Plain))
        {
            json.WriteStartObject();
            json.WriteString("entry", id);
            json.WriteString("entity", record.Entity);
            json.WriteString("record", record.Id);
            json.WriteBoolean("erased", found.State == DisclosureState.Erased);
            json.WriteStartArray("values");
            foreach (var value in found.Values.Where(v => asked.IsEmpty || asked.Contains(v.Field)))
            {
                json.WriteStartObject();
                json.WriteString("field", value.Field);
                json.WritePropertyName("before");
                json.WriteRawValue(value.Before, skipInputValidation: true);
                json.WritePropertyName("after");
                json.WriteRawValue(value.After, skipInputValidation: true);
                json.WriteString("disclosure", value.Text);
                json.WriteString("digest", value.Digest);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        context.Response.ContentType = "application/json";
        context.Response.ContentLength = buffer.WrittenCount;
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(buffer.WrittenMemory, cancellationToken);
    }
}
