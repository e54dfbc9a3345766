using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using static Bulkhead.Platform.Apps.ManifestFaultCode;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// Reads a default into the canonical text of the field's type: what PostgreSQL takes and what JSON shows.
/// </summary>
internal static partial class ManifestDefaults
{
    internal const int MaxJsonBytes = 64 * 1024;

    internal static string? Read(ManifestNode node, FieldDraft field, ManifestFaults faults)
    {
        if (node is ScalarNode { IsNull: true })
        {
            faults.Add(node, InvalidDefault, "A default is a value: leave the key out when there is none.");
            return null;
        }

        var (value, problem) = field.Type switch
        {
            FieldType.Json => Json(node),
            null or FieldType.Reference => (null, null),
            _ when node is not ScalarNode => (null, $"The default is a single value, not {node.Kind}."),
            _ => Scalar((ScalarNode)node, field),
        };
        if (problem is not null)
        {
            faults.Add(node, InvalidDefault, problem);
        }

        return value;
    }

    private static (string? Value, string? Problem) Scalar(ScalarNode node, FieldDraft field) => field.Type switch
    {
        FieldType.Text => Text(node, field),
        FieldType.Enum => Enum(node, field),
        FieldType.Integer => Integer(node, field),
        FieldType.Decimal => Decimal(node, field),
        FieldType.Boolean => node.IsBoolean
            ? (node.Value.ToLowerInvariant(), null)
            : (null, "The default is true or false."),
        FieldType.Date => DateOnly.TryParseExact(
            node.Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _)
            ? (node.Value, null)
            : (null, "The default is a date: 2026-01-31."),
        FieldType.Timestamp => Timestamp(node),
        FieldType.Uuid => Guid.TryParseExact(node.Value, "D", out var id)
            ? (id.ToString("D"), null)
            : (null, "The default is a UUID: 8-4-4-4-12 hexadecimal digits."),
        _ => throw new ArgumentOutOfRangeException(nameof(field)),
    };

    private static (string?, string?) Text(ScalarNode node, FieldDraft field)
    {
        if (node.IsBoolean || node.IsNumber)
        {
            return (null, $"The default is text: put \"{node.Value}\" into quotes.");
        }

        var length = ManifestText.Scalars(node.Value);
        var max = field.MaxLength ?? ManifestLimits.TextLength;
        return length < (field.MinLength ?? 0) || length > max
            ? (null, $"The default has {length} characters, and the field takes {field.MinLength ?? 0} to {max}.")
            : (node.Value, null);
    }

    private static (string?, string?) Enum(ScalarNode node, FieldDraft field) =>
        field.Values.IsEmpty || field.Values.Contains(node.Value, StringComparer.Ordinal)
            ? (node.Value, null)
            : (null, $"The default is none of the values.{ManifestText.DidYouMean(node.Value, field.Values)}");

    private static (string?, string?) Integer(ScalarNode node, FieldDraft field) =>
        !node.IsNumber || !ManifestText.TryInteger(node.Value, out var number)
            ? (null, "The default is a whole number of 64 bits.")
            : OutsideOf(field, number) is { } problem
                ? (null, problem)
                : (number.ToString(CultureInfo.InvariantCulture), null);

    private static (string?, string?) Decimal(ScalarNode node, FieldDraft field)
    {
        if (!node.IsNumber || !ManifestText.TryDecimal(node.Value, out var number))
        {
            return (null, "The default is a decimal number of at most 28 digits.");
        }

        number = WithoutTrailingZeros(number);
        if (field.Scale is { } scale && number.Scale > scale)
        {
            return (null, $"The default has {number.Scale} digits after the point, and the field takes {scale}.");
        }

        return OutsideOf(field, number) is { } problem
            ? (null, problem)
            : (number.ToString(CultureInfo.InvariantCulture), null);
    }

    private static string? OutsideOf(FieldDraft field, decimal number) =>
        number < field.Min ? $"The default lies below the minimum, {Shown(field.Min.Value)}."
        : number > field.Max ? $"The default lies above the maximum, {Shown(field.Max.Value)}."
        : null;

    private static (string?, string?) Timestamp(ScalarNode node) =>
        TimestampShape().IsMatch(node.Value)
        && DateTimeOffset.TryParse(
            node.Value, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out var at)
            ? (at.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture), null)
            : (null, "The default is an instant (RFC 3339): 2026-01-31T09:30:00Z.");

    private static (string?, string?) Json(ManifestNode node)
    {
        var buffer = new ArrayBufferWriter<byte>();
        string? problem = null;
        using (var json = new Utf8JsonWriter(buffer))
        {
            Write(json, node, ref problem);
        }

        return problem is not null ? (null, problem)
            : buffer.WrittenCount > MaxJsonBytes ? (null, "A JSON value has at most 64 KiB.")
            : (Encoding.UTF8.GetString(buffer.WrittenSpan), null);
    }

    private static void Write(Utf8JsonWriter json, ManifestNode node, ref string? problem)
    {
        switch (node)
        {
            case MappingNode mapping:
                json.WriteStartObject();
                foreach (var (key, value) in mapping.Entries)
                {
                    json.WritePropertyName(Storable(key.Value, ref problem));
                    Write(json, value, ref problem);
                }

                json.WriteEndObject();
                break;
            case SequenceNode sequence:
                json.WriteStartArray();
                foreach (var item in sequence.Items)
                {
                    Write(json, item, ref problem);
                }

                json.WriteEndArray();
                break;
            case ScalarNode scalar:
                WriteScalar(json, scalar, ref problem);
                break;
        }
    }

    private static void WriteScalar(Utf8JsonWriter json, ScalarNode scalar, ref string? problem)
    {
        if (scalar.IsNull)
        {
            json.WriteNullValue();
        }
        else if (scalar.IsBoolean)
        {
            json.WriteBooleanValue(scalar.Value[0] is 't' or 'T');
        }
        else if (!scalar.IsNumber)
        {
            json.WriteStringValue(Storable(scalar.Value, ref problem));
        }
        else if (ManifestText.TryDecimal(scalar.Value, out var number))
        {
            json.WriteNumberValue(number);
        }
        else
        {
            json.WriteNumberValue(0);
            problem = $"{ManifestText.Shown(scalar.Value)} is no number that JSON and a decimal hold.";
        }
    }

    /// <summary>The writer would throw on half a surrogate; the reader has already recorded that fault.</summary>
    private static string Storable(string value, ref string? problem)
    {
        if (ManifestText.IsStorable(value))
        {
            return value;
        }

        problem = "Text holds neither U+0000 nor half of a surrogate pair.";
        return "";
    }

    internal static string Shown(decimal number) => WithoutTrailingZeros(number).ToString(CultureInfo.InvariantCulture);

    private static decimal WithoutTrailingZeros(decimal number) => number / 1.0000000000000000000000000000m;

    [GeneratedRegex(
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,6})?(Z|[-+][0-9]{2}:[0-9]{2})\\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex TimestampShape();
}
