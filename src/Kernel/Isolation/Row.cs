using System.Text.Json;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>The current row of an answer. Valid only inside the <see cref="RowSink"/> that it was handed to.</summary>
public readonly struct Row
{
    private readonly NpgsqlDataReader _reader;

    internal Row(NpgsqlDataReader reader) => _reader = reader;

    public bool IsNull(int column) => _reader.IsDBNull(column);

    public Guid Uuid(int column) => _reader.GetGuid(column);

    public string Text(int column) => _reader.GetString(column);

    public long Integer(int column) => _reader.GetInt64(column);

    public decimal Decimal(int column) => _reader.GetDecimal(column);

    public bool Boolean(int column) => _reader.GetBoolean(column);

    public DateOnly Date(int column) => _reader.GetFieldValue<DateOnly>(column);

    /// <summary>An instant in UTC, to the microsecond.</summary>
    public DateTime Timestamp(int column) => _reader.GetDateTime(column);

    public byte[] Bytes(int column) => _reader.GetFieldValue<byte[]>(column);

    public string[] Texts(int column) => _reader.GetFieldValue<string[]>(column);

    public Guid[] Uuids(int column) => _reader.GetFieldValue<Guid[]>(column);

    /// <summary>A JSON document, written as it stands.</summary>
    public void WriteJson(int column, Utf8JsonWriter writer) =>
        writer.WriteRawValue(_reader.GetFieldValue<ReadOnlyMemory<byte>>(column).Span, skipInputValidation: true);
}

/// <summary>Takes the rows of one statement in order. It runs before the commit: nothing it collects may be sent yet.</summary>
public delegate void RowSink(Row row);
