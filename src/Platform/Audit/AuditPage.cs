using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>A page while it is collected, in the direction of the reading: one entry more than asked for says that there are more.</summary>
internal sealed class AuditPage(AuditQuery query, bool continues)
{
    private readonly List<(Guid Id, string Body)> _entries = new(query.Limit);
    private bool _hasMore;
    private Guid? _rest;

    /// <summary>What was looked at may have run out before the page was full.</summary>
    public bool IsShort => !_hasMore;

    public void Add(Row row)
    {
        if (_entries.Count == query.Limit)
        {
            _hasMore = true;
            return;
        }

        _entries.Add((row.Uuid(0), row.Text(1)));
    }

    public void AddRest(Row row) => _rest = row.Uuid(0);

    public async Task WriteAsync(HttpContext context, Func<Guid, string> cursor, CancellationToken cancellationToken)
    {
        var onward = _hasMore ? _entries[^1].Id : _rest;
        var back = continues && _entries.Count > 0 ? _entries[0].Id : (Guid?)null;
        var (next, previous) = query.Before is null ? (onward, back) : (back, onward);
        if (query.Before is not null)
        {
            _entries.Reverse();
        }

        var buffer = new ArrayBufferWriter<byte>(4096);
        await using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("data");
            foreach (var (_, body) in _entries)
            {
                json.WriteRawValue(body, skipInputValidation: true);
            }

            json.WriteEndArray();
            Cursor(json, "next", next);
            Cursor(json, "previous", previous);
            json.WriteEndObject();
        }

        var response = context.Response;
        response.ContentType = "application/json";
        response.ContentLength = buffer.WrittenCount;
        response.Headers.CacheControl = "no-store";
        await response.Body.WriteAsync(buffer.WrittenMemory, cancellationToken);

        void Cursor(Utf8JsonWriter json, string name, Guid? id)
        {
            if (id is { } there)
            {
                json.WriteString(name, cursor(there));
            }
            else
            {
                json.WriteNull(name);
            }
        }
    }

    /// <summary>Sealed for its tenant, and bound to reader and query.</summary>
    public static string Seal(Sealing sealing, TenantCall call, byte[] binding, Guid id) =>
        Base64Url.EncodeToString(sealing.Seal(call.Tenant.Id, SealPurpose.Cursor, id.ToByteArray(), binding));

    public static bool TryOpen(Sealing sealing, TenantCall call, byte[] binding, string? cursor, out Guid? opened)
    {
        opened = null;
        if (cursor is null)
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

        opened = new Guid(id);
        return true;
    }
}
