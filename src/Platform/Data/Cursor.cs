using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;

namespace Bulkhead.Platform.Data;

/// <summary>
/// The place where a list goes on: the sort keys of the last record shown, sealed for the tenant and bound to actor,
/// roles, app version and query. It tells its bearer nothing and opens for nobody else.
/// </summary>
internal static class Cursor
{
    /// <summary>Null when the keys are longer than <see cref="DataLimits.MaxCursorBytes"/>.</summary>
    public static string? Seal(
        Sealing sealing, TenantCall call, ListQuery query, ImmutableArray<FieldValue> keys, DataLimits limits)
    {
        var payload = new ArrayBufferWriter<byte>(128);
        using (var json = new Utf8JsonWriter(payload))
        {
            json.WriteStartArray();
            foreach (var key in keys)
            {
                json.WriteStringValue(key.ToCanonicalText());
            }

            json.WriteEndArray();
        }

        return payload.WrittenCount > limits.MaxCursorBytes
            ? null
            : Base64Url.EncodeToString(
                sealing.Seal(call.Tenant.Id, SealPurpose.Cursor, payload.WrittenSpan, Binding(call, query)));
    }

    /// <summary>Null when the cursor is not one of this tenant, actor and query.</summary>
    public static ImmutableArray<FieldValue>? Open(Sealing sealing, TenantCall call, ListQuery query, string cursor)
    {
        if (!Base64Url.IsValid(cursor)
            || !sealing.TryOpen(
                call.Tenant.Id, SealPurpose.Cursor, Base64Url.DecodeFromChars(cursor), Binding(call, query),
                    out var payload))
        {
            return null;
        }

        return Read(query.Sort, payload);
    }

    /// <summary>A digest of all that a cursor must not be carried to; the page's size may change.</summary>
    public static byte[] Binding(TenantCall call, ListQuery query)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            json.WriteStringValue(call.Context.Actor.Kind.ToString());
            json.WriteStringValue(call.Context.Actor.Id);
            Write(json, call.Context.Actor.Roles);
            json.WriteStringValue(call.App.Label);
            json.WriteStringValue(query.View.Entity.Name);
            json.WriteStartArray();
            foreach (var filter in query.Filters)
            {
                json.WriteStringValue(filter.Field.Name);
                json.WriteNumberValue((int)filter.Operator);
                Write(json, filter.Values.Select(value => value.ToCanonicalText()));
            }

            json.WriteEndArray();
            Write(json, query.Sort.Select(key => (key.Descending ? "-" : "+") + key.Field.Name));
            Write(json, query.Selection.Shape.Fields.Select(field => field.Name));
            Write(json, query.Selection.Expansions.Select(expansion => expansion.Name));
            json.WriteEndArray();
        }

        return SHA256.HashData(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter json, IEnumerable<string?> words)
    {
        json.WriteStartArray();
        foreach (var word in words)
        {
            json.WriteStringValue(word);
        }

        json.WriteEndArray();
    }

    private static ImmutableArray<FieldValue>? Read(ImmutableArray<SortKey> sort, byte[] payload)
    {
        var keys = ImmutableArray.CreateBuilder<FieldValue>(sort.Length);
        var json = new Utf8JsonReader(payload);
        json.Read();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray && keys.Count < sort.Length)
        {
            var field = sort[keys.Count].Field;
            if (json.TokenType == JsonTokenType.Null)
            {
                keys.Add(FieldValue.Null(field.Type));
            }
            else if (FieldSyntax.TryParse(field.Type, field.Values, json.GetString()!, out var value))
            {
                keys.Add(value);
            }
            else
            {
                return null;
            }
        }

        return keys.Count == sort.Length ? keys.MoveToImmutable() : null;
    }
}
