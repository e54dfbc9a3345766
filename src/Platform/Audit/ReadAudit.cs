using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// <c>GET /api/v1/audit</c>: the tenant's own log, newest first, for roles with <c>audit: read</c>. Reading it is itself an act
/// and has its entry, which the next page or the next call shows.
/// </summary>
internal static class ReadAudit
{
    private const string Action = "audit.read";

    public static async Task HandleAsync(
        HttpContext context, Authentication authentication, TenantDatabase database, Sealing sealing, Denials denials)
    {
        var cancellationToken = context.RequestAborted;
        if (await authentication.TenantAsync(context) is not { } call)
        {
            return;
        }

        if (!Permissions.ReadsAudit(call.App, call.Context.Actor))
        {
            await denials.RecordAsync(call, "not-found", Action, null, cancellationToken);
            await ProblemResults.NotFoundAsync(context, cancellationToken);
            return;
        }

        var faults = new List<Fault>();
        if (AuditQuery.Parse(context.Request.Query, faults) is not { } query)
        {
            await ProblemResults.WriteAsync(
                context,
                StatusCodes.Status400BadRequest,
                "invalid-parameter",
                "Some parameters are unknown or invalid.",
                faults,
                cancellationToken);
            return;
        }

        var binding = query.Digest(call.Context.Actor.Id);
        if (!TryOpenCursor(sealing, call, query, binding, out var after))
        {
            await ProblemResults.WriteAsync(
                context,
                StatusCodes.Status400BadRequest,
                "invalid-cursor",
                "The cursor belongs to another query or another reader.",
                [new Fault("invalid-cursor", "Start again without it.", Parameter: "after")],
                cancellationToken);
            return;
        }

        var page = new AuditPage(query.Limit);
        var reading = new AuditEvent(Action) { Records = AuditRecords.CountAndDigest };
        await database.RunAsync(
            call.Context, new TenantWork().Read(query.ToSql(after), reading, page.Add), cancellationToken);
        await WriteAsync(context, page, sealing, call, binding, cancellationToken);
    }

    private static bool TryOpenCursor(
        Sealing sealing, TenantCall call, AuditQuery query, byte[] binding, out Guid? after)
    {
        after = null;
        if (query.After is not { } cursor)
        {
            return true;
        }

        var sealedId = new byte[Base64Url.GetMaxDecodedLength(cursor.Length)];
        if (Base64Url.DecodeFromChars(cursor, sealedId, out _, out var length) != OperationStatus.Done
            || !sealing.TryOpen(
                call.Tenant.Id, SealPurpose.Cursor, sealedId.AsSpan(0, length), binding, out var id)
            || id.Length != 16)
        {
            return false;
        }

        after = new Guid(id);
        return true;
    }

    private static async Task WriteAsync(
        HttpContext context,
        AuditPage page,
        Sealing sealing,
        TenantCall call,
        byte[] binding,
        CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        await using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("data");
            foreach (var body in page.Bodies)
            {
                json.WriteRawValue(body, skipInputValidation: true);
            }

            json.WriteEndArray();
            if (page.HasMore)
            {
                var cursor = sealing.Seal(call.Tenant.Id, SealPurpose.Cursor, page.Last.ToByteArray(), binding);
                json.WriteString("next", Base64Url.EncodeToString(cursor));
            }
            else
            {
                json.WriteNull("next");
            }

            json.WriteEndObject();
        }

        var response = context.Response;
        response.ContentType = "application/json";
        response.ContentLength = buffer.WrittenCount;
        response.Headers.CacheControl = "no-store";
        await response.Body.WriteAsync(buffer.WrittenMemory, cancellationToken);
    }
}

/// <summary>A page while it is collected: one entry more than asked for says that there are more.</summary>
internal sealed class AuditPage(int limit)
{
    public List<string> Bodies { get; } = new(limit);

    public Guid Last { get; private set; }

    public bool HasMore { get; private set; }

    public void Add(Row row)
    {
        if (Bodies.Count == limit)
        {
            HasMore = true;
            return;
        }

        Last = row.Uuid(0);
        Bodies.Add(row.Text(1));
    }
}
