using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Kernel.Keys;

/// <summary>A value as <see cref="SealedContent"/> holds it, made from a column or a text, and what a blind index is made of.</summary>
public static class SealedValue
{
    private const string InstantFormat = "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'";

    /// <param name="canonicalJson">Gives what jsonb wrote the form that envelopes hold.</param>
    internal static byte[] Of(Row row, int column, ColumnType type, Func<string, string> canonicalJson) => type switch
    {
        ColumnType.Text => Encoding.UTF8.GetBytes(row.Text(column)),
        ColumnType.Json => Encoding.UTF8.GetBytes(canonicalJson(row.Text(column))),
        ColumnType.Integer => Number(row.Integer(column)),
        ColumnType.Decimal => Encoding.UTF8.GetBytes(row.Decimal(column).ToString(CultureInfo.InvariantCulture)),
        ColumnType.Boolean => [row.Boolean(column) ? (byte)1 : (byte)0],
        ColumnType.Date => Day(row.Date(column)),
        ColumnType.Timestamp => Number(row.Timestamp(column).Ticks),
        ColumnType.Uuid => row.Uuid(column).ToByteArray(bigEndian: true),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <param name="text">Canonical, as a manifest's default is.</param>
    public static byte[] Of(string text, ColumnType type) => type switch
    {
        ColumnType.Text or ColumnType.Json or ColumnType.Decimal => Encoding.UTF8.GetBytes(text),
        ColumnType.Integer => Number(long.Parse(text, CultureInfo.InvariantCulture)),
        ColumnType.Boolean => [bool.Parse(text) ? (byte)1 : (byte)0],
        ColumnType.Date => Day(DateOnly.ParseExact(text, "O", CultureInfo.InvariantCulture)),
        ColumnType.Timestamp => Number(DateTime.ParseExact(
            text, InstantFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal).Ticks),
        ColumnType.Uuid => Guid.Parse(text).ToByteArray(bigEndian: true),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>The type's number, a colon and the canonical text: equal values of one type, and no others, have equal bytes.</summary>
    public static byte[] ToIndexed(ColumnType type, ReadOnlySpan<byte> value)
    {
        var text = type switch
        {
            ColumnType.Integer => BinaryPrimitives.ReadInt64BigEndian(value).ToString(CultureInfo.InvariantCulture),
            ColumnType.Boolean => value[0] != 0 ? "true" : "false",
            ColumnType.Date => DateOnly.FromDayNumber(BinaryPrimitives.ReadInt32BigEndian(value)).ToString("O", CultureInfo.InvariantCulture),
            ColumnType.Timestamp =>
                new DateTime(BinaryPrimitives.ReadInt64BigEndian(value), DateTimeKind.Utc).ToString(InstantFormat, CultureInfo.InvariantCulture),
            ColumnType.Uuid => new Guid(value, bigEndian: true).ToString(),
            _ => Encoding.UTF8.GetString(value),
        };
        return Encoding.UTF8.GetBytes($"{(int)type}:{text}");
    }

    private static byte[] Number(long number)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        return bytes;
    }

    private static byte[] Day(DateOnly date)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, date.DayNumber);
        return bytes;
    }
}
