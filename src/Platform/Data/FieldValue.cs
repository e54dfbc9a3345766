using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>A value of a field, typed and without boxing; null keeps its type, because a parameter needs one.</summary>
internal readonly struct FieldValue : IEquatable<FieldValue>
{
    private readonly FieldType _type;
    private readonly bool _given;
    private readonly string? _text;
    private readonly Guid _uuid;
    private readonly decimal _decimal;
    private readonly long _number;

    private FieldValue(FieldType type, bool given, string? text = null, Guid uuid = default, decimal number = 0,
        long bits = 0)
    {
        _type = type;
        _given = given;
        _text = text;
        _uuid = uuid;
        _decimal = number;
        _number = bits;
    }

    public FieldType Type => _type;

    public bool IsNull => !_given;

    public static FieldValue Null(FieldType type) => new(type, false);

    /// <param name="type">Text, enum, or json in canonical text.</param>
    public static FieldValue Text(FieldType type, string value) => new(type, true, text: value);

    public static FieldValue Uuid(FieldType type, Guid value) => new(type, true, uuid: value);

    public static FieldValue Integer(long value) => new(FieldType.Integer, true, bits: value);

    /// <param name="value">Without trailing zeros: PostgreSQL keeps the digits that it is given.</param>
    public static FieldValue Decimal(decimal value) => new(FieldType.Decimal, true, number: value);

    public static FieldValue Boolean(bool value) => new(FieldType.Boolean, true, bits: value ? 1 : 0);

    public static FieldValue Date(DateOnly value) => new(FieldType.Date, true, bits: value.DayNumber);

    /// <summary>An instant in UTC, cut to microseconds as PostgreSQL keeps them.</summary>
    public static FieldValue Timestamp(DateTime utc) =>
        new(FieldType.Timestamp, true, bits: utc.Ticks - (utc.Ticks % TimeSpan.TicksPerMicrosecond));

    public string AsText => _text!;

    public Guid AsUuid => _uuid;

    public long AsInteger => _number;

    public decimal AsDecimal => _decimal;

    public bool AsBoolean => _number != 0;

    public DateOnly AsDate => DateOnly.FromDayNumber((int)_number);

    public DateTime AsTimestamp => new(_number, DateTimeKind.Utc);

    public static FieldValue From(Row row, int column, FieldType type)
    {
        if (row.IsNull(column))
        {
            return Null(type);
        }

        return type switch
        {
            FieldType.Text or FieldType.Enum => Text(type, row.Text(column)),
            FieldType.Json => Text(type, CanonicalJson.FromStored(row.Text(column))),
            FieldType.Integer => Integer(row.Integer(column)),
            FieldType.Decimal => Decimal(row.Decimal(column)),
            FieldType.Boolean => Boolean(row.Boolean(column)),
            FieldType.Date => Date(row.Date(column)),
            FieldType.Timestamp => Timestamp(row.Timestamp(column)),
            _ => Uuid(type, row.Uuid(column)),
        };
    }

    /// <summary>A value that is not null, as an envelope holds it.</summary>
    public static FieldValue FromSealed(FieldType type, ReadOnlySpan<byte> value) => type switch
    {
        FieldType.Text or FieldType.Enum or FieldType.Json => Text(type, Encoding.UTF8.GetString(value)),
        FieldType.Integer => Integer(BinaryPrimitives.ReadInt64BigEndian(value)),
        FieldType.Decimal => Decimal(decimal.Parse(Encoding.UTF8.GetString(value), NumberStyles.Number, CultureInfo.InvariantCulture)),
        FieldType.Boolean => Boolean(value[0] != 0),
        FieldType.Date => Date(DateOnly.FromDayNumber(BinaryPrimitives.ReadInt32BigEndian(value))),
        FieldType.Timestamp => Timestamp(new DateTime(BinaryPrimitives.ReadInt64BigEndian(value), DateTimeKind.Utc)),
        _ => Uuid(type, new Guid(value, bigEndian: true)),
    };

    /// <summary>Adds the value to an envelope; null adds nothing.</summary>
    public void AddTo(SealedContentWriter content, ReadOnlySpan<byte> name)
    {
        if (!_given)
        {
            return;
        }

        var type = SchemaSteps.Type(_type);
        switch (_type)
        {
            case FieldType.Text or FieldType.Enum or FieldType.Json:
                content.AddText(name, type, _text!);
                break;
            case FieldType.Decimal:
                content.AddText(name, type, _decimal.ToString(CultureInfo.InvariantCulture));
                break;
            case FieldType.Boolean:
                content.Add(name, type, [(byte)_number]);
                break;
            case FieldType.Date:
                content.AddNumber(name, type, (int)_number);
                break;
            case FieldType.Integer or FieldType.Timestamp:
                content.AddNumber(name, type, _number);
                break;
            default:
                Span<byte> uuid = stackalloc byte[16];
                _uuid.TryWriteBytes(uuid, bigEndian: true, out _);
                content.Add(name, type, uuid);
                break;
        }
    }

    /// <summary>What a blind index is made of; the value is not null.</summary>
    public byte[] ToIndexed() => Encoding.UTF8.GetBytes($"{(int)SchemaSteps.Type(_type)}:{ToCanonicalText()}");

    public SqlValue ToSql() => _type switch
    {
        FieldType.Text or FieldType.Enum => SqlValue.Text(_text),
        FieldType.Json => SqlValue.Json(_text),
        FieldType.Integer => SqlValue.Integer(_given ? _number : null),
        FieldType.Decimal => SqlValue.Decimal(_given ? _decimal : null),
        FieldType.Boolean => SqlValue.Boolean(_given ? AsBoolean : null),
        FieldType.Date => SqlValue.Date(_given ? AsDate : null),
        FieldType.Timestamp => SqlValue.Timestamp(_given ? new DateTimeOffset(AsTimestamp) : null),
        _ => SqlValue.Uuid(_given ? _uuid : null),
    };

    public void WriteTo(Utf8JsonWriter json)
    {
        if (!_given)
        {
            json.WriteNullValue();
            return;
        }

        switch (_type)
        {
            case FieldType.Json:
                json.WriteRawValue(_text!, skipInputValidation: true);
                break;
            case FieldType.Integer:
                json.WriteNumberValue(_number);
                break;
            case FieldType.Decimal:
                json.WriteNumberValue(_decimal);
                break;
            case FieldType.Boolean:
                json.WriteBooleanValue(AsBoolean);
                break;
            case FieldType.Date:
                Instants.Write(json, AsDate);
                break;
            case FieldType.Timestamp:
                Instants.Write(json, AsTimestamp);
                break;
            case FieldType.Uuid or FieldType.Reference:
                json.WriteStringValue(_uuid);
                break;
            default:
                json.WriteStringValue(_text);
                break;
        }
    }

    /// <summary>The text that <see cref="FieldSyntax"/> reads back to the same value; null for null.</summary>
    public string? ToCanonicalText() => !_given ? null : _type switch
    {
        FieldType.Integer => _number.ToString(CultureInfo.InvariantCulture),
        FieldType.Decimal => _decimal.ToString(CultureInfo.InvariantCulture),
        FieldType.Boolean => AsBoolean ? "true" : "false",
        FieldType.Date => AsDate.ToString("O", CultureInfo.InvariantCulture),
        FieldType.Timestamp => Instants.Format(AsTimestamp),
        FieldType.Uuid or FieldType.Reference => _uuid.ToString(),
        _ => _text,
    };

    public bool Equals(FieldValue other) =>
        _type == other._type && _given == other._given && _text == other._text && _uuid == other._uuid
        && _decimal == other._decimal && _number == other._number;

    public override bool Equals(object? obj) => obj is FieldValue other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(_type, _given, _text, _uuid, _decimal, _number);
}
