using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;

namespace Bulkhead.Host.Import;

/// <summary>Rows of a file as the body of one import request.</summary>
/// <param name="Ndjson">One record a line; empty when all rows of the chunk are bad.</param>
/// <param name="Lines">For each record the physical line of the file on which its row starts.</param>
/// <param name="Rejects">Faults found before sending, by line.</param>
/// <param name="RejectedRows">Rows with at least one fault.</param>
/// <param name="Consumed">Bytes of the file up to the end of the chunk, about.</param>
internal sealed record ImportChunk(
    ReadOnlyMemory<byte> Ndjson,
    ImmutableArray<long> Lines,
    ImmutableArray<Reject> Rejects,
    int RejectedRows,
    long Consumed);

/// <param name="Column">Name of the column in the header; empty when the row as a whole is at fault.</param>
internal sealed record Reject(long Line, string Column, string Code, string Reason);

/// <summary>Turns a CSV file into chunks of records, a row at a time: memory holds one chunk, not the file.</summary>
internal sealed class CsvChunks
{
    /// <summary>What the server takes in one request.</summary>
    public const int MaxLines = 1_000;

    /// <summary>Half of what the server takes, in bytes, since the last row may be long.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    private readonly FileMapping _file;
    private readonly CsvRows _rows;
    private readonly DerivedId? _derived;
    private readonly int[] _idColumns;
    private readonly int[] _valueColumns;
    private readonly string[] _idValues;
    private readonly ArrayBufferWriter<byte> _row = new(4096);
    private readonly ArrayBufferWriter<byte> _body = new(64 * 1024);
    private readonly ImmutableArray<long>.Builder _lines = ImmutableArray.CreateBuilder<long>();
    private readonly ImmutableArray<Reject>.Builder _rejects = ImmutableArray.CreateBuilder<Reject>();
    private int _rejectedRows;

    /// <param name="header">As <see cref="CheckHeader"/> found it without fault.</param>
    private CsvChunks(string app, FileMapping file, CsvRows rows, List<string> header)
    {
        _file = file;
        _rows = rows;
        _derived = file.Id.Derived ? new DerivedId(app, file.Into) : null;
        _idColumns = [.. file.Id.Columns.Select(column => header.IndexOf(column.Name))];
        _idValues = new string[_idColumns.Length];
        _valueColumns = [.. file.Columns.Select(column => header.IndexOf(column.Column))];
    }

    /// <summary>Every column of the header is mapped or ignored, and every column of the mapping is there.</summary>
    public static ImmutableArray<MappingFault> CheckHeader(FileMapping file, Stream csv)
    {
        using var rows = new CsvRows(csv);
        if (!rows.Read() || rows.Fault is not null)
        {
            return [new MappingFault(file.Place, "no-header", $"{file.File} has no header.")];
        }

        var faults = ImmutableArray.CreateBuilder<MappingFault>();
        var header = rows.Fields;
        foreach (var twice in header.GroupBy(name => name).Where(group => group.Count() > 1))
        {
            faults.Add(new MappingFault(
                file.Place, "duplicate-column", $"{file.File} has the column {twice.Key} more than once."));
        }

        var named = file.Columns.Select(column => new PlacedName(column.Column, column.Place))
            .Concat(file.Id.Columns).Concat(file.Ignore).ToList();
        foreach (var absent in named.Where(name => !header.Contains(name.Name)))
        {
            faults.Add(new MappingFault(
                absent.Place, "unknown-column", $"{file.File} has no column {absent.Name}."));
        }

        // A column that only an id is derived from is spoken of, hence used.
        foreach (var unused in header.Except(named.Select(name => name.Name)))
        {
            faults.Add(new MappingFault(
                file.Place, "unmapped-column", $"The column {unused} of {file.File} is neither mapped nor ignored."));
        }

        return faults.ToImmutable();
    }

    /// <param name="csv">At its beginning; <see cref="CheckHeader"/> has found no fault.</param>
    public static IEnumerable<ImportChunk> Read(string app, FileMapping file, Stream csv)
    {
        using var rows = new CsvRows(csv);
        if (!rows.Read())
        {
            yield break;
        }

        var chunks = new CsvChunks(app, file, rows, [.. rows.Fields]);
        while (rows.Read())
        {
            chunks.AddRow();
            if (chunks.IsFull)
            {
                yield return chunks.Take();
            }
        }

        if (chunks._lines.Count > 0 || chunks._rejects.Count > 0)
        {
            yield return chunks.Take();
        }
    }

    private bool IsFull =>
        _lines.Count >= MaxLines || _rejectedRows >= MaxLines || _body.WrittenCount >= MaxBytes;

    private void AddRow()
    {
        var before = _rejects.Count;
        if (_rows.Fault is { } broken)
        {
            RejectField("", broken);
        }
        else
        {
            WriteRecord();
        }

        if (_rejects.Count > before)
        {
            _rejectedRows++;
            return;
        }

        _body.Write(_row.WrittenSpan);
        _body.Write("\n"u8);
        _lines.Add(_rows.Line);
    }

    private void WriteRecord()
    {
        _row.ResetWrittenCount();
        using var writer = new Utf8JsonWriter(_row);
        writer.WriteStartObject();
        WriteId(writer);
        for (var i = 0; i < _valueColumns.Length; i++)
        {
            var column = _file.Columns[i];
            var text = _rows.Fields[_valueColumns[i]];
            if (column.NullValues.Contains(text))
            {
                continue;
            }

            writer.WritePropertyName(column.Field);
            if (FieldConversion.Write(writer, column, text) is { } code)
            {
                writer.WriteNullValue();
                RejectField(column.Column, code);
            }
        }

        foreach (var constant in _file.Constants)
        {
            writer.WritePropertyName(constant.Field);
            writer.WriteRawValue(constant.Json);
        }

        writer.WriteEndObject();
    }

    private void WriteId(Utf8JsonWriter writer)
    {
        for (var i = 0; i < _idColumns.Length; i++)
        {
            _idValues[i] = _rows.Fields[_idColumns[i]];
        }

        if (_derived is not null)
        {
            writer.WriteString("id", _derived.Next(_idValues));
        }
        else if (_idValues[0].Length == 0)
        {
            RejectField(_file.Id.Columns[0].Name, "id-missing");
        }
        else if (Guid.TryParseExact(_idValues[0], "D", out var id))
        {
            writer.WriteString("id", id);
        }
        else
        {
            RejectField(_file.Id.Columns[0].Name, "invalid-uuid");
        }
    }

    private void RejectField(string column, string code) =>
        _rejects.Add(new Reject(_rows.Line, column, code, FieldConversion.Reason(code)));

    private ImportChunk Take()
    {
        var chunk = new ImportChunk(
            _body.WrittenSpan.ToArray(), _lines.ToImmutable(), _rejects.ToImmutable(), _rejectedRows, _rows.Consumed);
        _body.ResetWrittenCount();
        _lines.Clear();
        _rejects.Clear();
        _rejectedRows = 0;
        return chunk;
    }
}
