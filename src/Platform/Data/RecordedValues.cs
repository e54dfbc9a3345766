using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Platform.Apps;
using KernelJson = Bulkhead.Kernel.Audit.CanonicalJson;

namespace Bulkhead.Platform.Data;

/// <summary>
/// What the entry of a change has digests of: of each field of a class that the app has recorded, the value before and after, as the API
/// shows it, in canonical JSON.
/// </summary>
internal static class RecordedValues
{
    /// <summary>UTF-16 characters of one entry's values, before and after together; fields that do not fit are left out.</summary>
    public const int Most = 1024 * 1024;

    /// <param name="before">Null for a creation.</param>
    /// <param name="after">Null for a deletion.</param>
    /// <param name="person">Whom the record is about, where persons have keys.</param>
    /// <returns>Null when there is nothing to record, or nobody's key to seal it under.</returns>
    public static ChangedValues? Of(
        EntityView view, IEnumerable<RecordField> fields, FieldValue[]? before, FieldValue[]? after, Person? person)
    {
        if (view.Entity.HasSubjectKey && person is not { IsErased: false })
        {
            return null;
        }

        var changed = ImmutableArray.CreateBuilder<ChangedValue>();
        var length = 0;
        foreach (var field in fields)
        {
            if (view.App.RecordedValues.Contains(field.Class))
            {
                var (old, now) = (Text(before, field), Text(after, field));
                var more = (old?.Length ?? 0) + (now?.Length ?? 0);
                if ((old is not null || now is not null) && length + more <= Most)
                {
                    length += more;
                    changed.Add(new(field.Name, old, now));
                }
            }
        }

        return changed.Count == 0 ? null : new(changed.ToImmutable(), person?.Id, person?.Wrapped);
    }

    private static string? Text(FieldValue[]? values, RecordField field)
    {
        if (values is null || values[field.Index] is not { IsNull: false } value)
        {
            return null;
        }

        return value.Type switch
        {
            FieldType.Integer => value.AsInteger.ToString(CultureInfo.InvariantCulture),
            FieldType.Decimal => value.AsDecimal.ToString(CultureInfo.InvariantCulture),
            FieldType.Boolean => value.AsBoolean ? "true" : "false",
            FieldType.Json => Sorted(value.AsText),
            _ => KernelJson.Quote(value.ToCanonicalText()!),
        };
    }

    private static string Sorted(string json)
    {
        using var document = JsonDocument.Parse(json);
        var text = new StringBuilder(json.Length);
        Append(text, document.RootElement);
        return text.ToString();
    }

    private static void Append(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                text.Append('{');
                // Names by their UTF-16 units, as RFC 8785 section 3.2.3 has it.
                foreach (var (i, member) in value.EnumerateObject().OrderBy(m => m.Name, StringComparer.Ordinal).Index())
                {
                    text.Append(i > 0 ? "," : "").Append(KernelJson.Quote(member.Name)).Append(':');
                    Append(text, member.Value);
                }

                text.Append('}');
                break;
            case JsonValueKind.Array:
                text.Append('[');
                foreach (var (i, item) in value.EnumerateArray().Index())
                {
                    text.Append(i > 0 ? "," : "");
                    Append(text, item);
                }

                text.Append(']');
                break;
            case JsonValueKind.String:
                text.Append(KernelJson.Quote(value.GetString()!));
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }
}
