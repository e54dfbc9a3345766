using Npgsql;
using NpgsqlTypes;

namespace Bulkhead.Kernel.Isolation;

/// <summary>A value in a statement. Always a bound parameter, never text of the statement.</summary>
public readonly struct SqlValue
{
    private readonly NpgsqlDbType _type;
    private readonly object? _value;

    private SqlValue(NpgsqlDbType type, object? value)
    {
        _type = type;
        _value = value;
    }

    public static SqlValue Uuid(Guid? value) => new(NpgsqlDbType.Uuid, value);

    public static SqlValue Text(string? value) => new(NpgsqlDbType.Text, value);

    public static SqlValue Integer(long? value) => new(NpgsqlDbType.Bigint, value);

    public static SqlValue Decimal(decimal? value) => new(NpgsqlDbType.Numeric, value);

    public static SqlValue Boolean(bool? value) => new(NpgsqlDbType.Boolean, value);

    public static SqlValue Date(DateOnly? value) => new(NpgsqlDbType.Date, value);

    /// <summary>An instant; PostgreSQL keeps microseconds, so the caller truncates to them.</summary>
    public static SqlValue Timestamp(DateTimeOffset? value) => new(NpgsqlDbType.TimestampTz, value?.UtcDateTime);

    /// <summary>A JSON document as text.</summary>
    public static SqlValue Json(string? value) => new(NpgsqlDbType.Jsonb, value);

    public static SqlValue Bytes(byte[]? value) => new(NpgsqlDbType.Bytea, value);

    public static SqlValue BytesArray(byte[]?[] values) => new(NpgsqlDbType.Array | NpgsqlDbType.Bytea, values);

    public static SqlValue Uuids(Guid[] values) => new(NpgsqlDbType.Array | NpgsqlDbType.Uuid, values);

    public static SqlValue Uuids(Guid?[] values) => new(NpgsqlDbType.Array | NpgsqlDbType.Uuid, values);

    public static SqlValue Texts(string?[] values) => new(NpgsqlDbType.Array | NpgsqlDbType.Text, values);

    public static SqlValue Integers(long?[] values) => new(NpgsqlDbType.Array | NpgsqlDbType.Bigint, values);

    public static SqlValue Decimals(decimal?[] values) => new(NpgsqlDbType.Array | NpgsqlDbType.Numeric, values);

    public static SqlValue Booleans(bool?[] values) => new(NpgsqlDbType.Array | NpgsqlDbType.Boolean, values);

    public static SqlValue Dates(DateOnly?[] values) => new(NpgsqlDbType.Array | NpgsqlDbType.Date, values);

    public static SqlValue Timestamps(DateTime?[] utcValues) =>
        new(NpgsqlDbType.Array | NpgsqlDbType.TimestampTz, utcValues);

    /// <summary>JSON documents as text; PostgreSQL parses each.</summary>
    public static SqlValue Jsons(string?[] values) => new(NpgsqlDbType.Array | NpgsqlDbType.Jsonb, values);

    internal NpgsqlParameter ToParameter() => _value switch
    {
        null => new NpgsqlParameter { NpgsqlDbType = _type, Value = DBNull.Value },
        Guid v => new NpgsqlParameter<Guid> { NpgsqlDbType = _type, TypedValue = v },
        string v => new NpgsqlParameter<string> { NpgsqlDbType = _type, TypedValue = v },
        long v => new NpgsqlParameter<long> { NpgsqlDbType = _type, TypedValue = v },
        decimal v => new NpgsqlParameter<decimal> { NpgsqlDbType = _type, TypedValue = v },
        bool v => new NpgsqlParameter<bool> { NpgsqlDbType = _type, TypedValue = v },
        DateOnly v => new NpgsqlParameter<DateOnly> { NpgsqlDbType = _type, TypedValue = v },
        DateTime v => new NpgsqlParameter<DateTime> { NpgsqlDbType = _type, TypedValue = v },
        byte[] v => new NpgsqlParameter<byte[]> { NpgsqlDbType = _type, TypedValue = v },
        _ => new NpgsqlParameter { NpgsqlDbType = _type, Value = _value },
    };
}
