using System.Text;

namespace Bulkhead.Host.Import;

/// <summary>
/// Reads CSV (RFC 4180, UTF-8 with or without a byte order mark) row by row and gets over broken rows: a quote that is
/// never closed costs its own line, not the rest of the file. Rows end with LF or CRLF; blank lines are skipped; a
/// quote inside an unquoted field is an ordinary character.
/// </summary>
internal sealed class CsvRows : IDisposable
{
    /// <summary>Longest row, in UTF-16 code units. Also bounds what an unclosed quote makes us scan.</summary>
    public const int MaxRowLength = 256 * 1024;

    /// <summary>Stands in a value for bytes that are not UTF-8. A noncharacter: no real text holds it.</summary>
    public const char NotUtf8 = '\uFFFF';

    private readonly StreamReader _reader;

    // Four rows long, so that what a refill moves is small against what it reads.
    private readonly char[] _buffer = new char[4 * MaxRowLength];
    private readonly List<string> _fields = [];
    private int _position;
    private int _end;
    private bool _atEnd;
    private long _nextLine = 1;
    private int? _fieldCount;

    public CsvRows(Stream stream)
    {
        var encoding = Encoding.GetEncoding(
            "utf-8", EncoderFallback.ExceptionFallback, new DecoderReplacementFallback(NotUtf8.ToString()));
        _reader = new StreamReader(stream, encoding, detectEncodingFromByteOrderMarks: false, bufferSize: 64 * 1024);
    }

    /// <summary>1-based physical line on which the row starts; quoted line breaks count.</summary>
    public long Line { get; private set; }

    /// <summary>Bytes of the file up to the end of the row; not exact with a byte order mark.</summary>
    public long Consumed { get; private set; }

    /// <summary>Fields of the row; incomplete when <see cref="Fault"/> is set.</summary>
    public IReadOnlyList<string> Fields => _fields;

    /// <summary>
    /// Null for a whole row, else <c>unclosed-quote</c>, <c>bad-quote</c>, <c>row-too-long</c>, or <c>field-count</c>
    /// when it has more or fewer fields than the first row.
    /// </summary>
    public string? Fault { get; private set; }

    /// <returns>False at the end of the file.</returns>
    public bool Read()
    {
        while (true)
        {
            Refill();
            if (_position == _end)
            {
                return false;
            }

            Line = _nextLine;
            _fields.Clear();
            var start = _position;
            Fault = ReadRow();
            if (Fault is null && _fieldCount is not null && _fields.Count != _fieldCount && !IsBlank(start))
            {
                Fault = EndRow(start, "field-count");
            }

            var row = _buffer.AsSpan(start, _position - start);
            _nextLine += row.Count('\n');
            Consumed += Encoding.UTF8.GetByteCount(row);
            if (Fault == "row-too-long" && _position == _end && _buffer[_end - 1] != '\n')
            {
                SkipLine();
            }

            if (Fault is not null || !IsBlank(start))
            {
                _fieldCount ??= _fields.Count;
                return true;
            }
        }
    }

    public void Dispose() => _reader.Dispose();

    /// <summary>Afterwards the buffer holds a whole row of the greatest length, or all that is left.</summary>
    private void Refill()
    {
        if (_atEnd || _end - _position >= MaxRowLength)
        {
            return;
        }

        _buffer.AsSpan(_position, _end - _position).CopyTo(_buffer);
        _end -= _position;
        _position = 0;
        while (_end < _buffer.Length)
        {
            var read = _reader.Read(_buffer, _end, _buffer.Length - _end);
            if (read == 0)
            {
                _atEnd = true;
                return;
            }

            _end += read;
        }
    }

    private string? ReadRow()
    {
        var start = _position;
        var limit = Math.Min(_end, start + MaxRowLength);
        var isLast = _atEnd && limit == _end;
        string? fault = null;
        var at = start;
        while (true)
        {
            if (at < limit && _buffer[at] == '"')
            {
                at = ReadQuoted(at + 1, limit);
                if (at < 0)
                {
                    return Abandon(start, "unclosed-quote");
                }

                if (at < limit && !EndsField(at, limit))
                {
                    fault = "bad-quote";
                    at = NextDelimiter(at, limit);
                }
            }
            else
            {
                var next = NextDelimiter(at, limit);
                var length = next - at;
                var endsLine = next < limit ? _buffer[next] == '\n' : isLast;
                if (endsLine && length > 0 && _buffer[next - 1] == '\r')
                {
                    length--;
                }

                _fields.Add(new string(_buffer, at, length));
                at = next;
            }

            if (at >= limit)
            {
                if (!isLast)
                {
                    return Abandon(start, "row-too-long");
                }

                _position = limit;
                return fault is null ? null : EndRow(start, fault);
            }

            if (_buffer[at] == ',')
            {
                at++;
                continue;
            }

            _position = _buffer[at] == '\r' ? Math.Min(at + 2, limit) : at + 1;
            return fault is null ? null : EndRow(start, fault);
        }
    }

    /// <returns>The position after the closing quote, or -1 when there is none within the greatest length.</returns>
    private int ReadQuoted(int at, int limit)
    {
        StringBuilder? unescaped = null;
        var from = at;
        while (true)
        {
            var quote = _buffer.AsSpan(at, limit - at).IndexOf('"');
            if (quote < 0)
            {
                return -1;
            }

            quote += at;
            if (quote + 1 < limit && _buffer[quote + 1] == '"')
            {
                (unescaped ??= new StringBuilder()).Append(_buffer, from, quote + 1 - from);
                at = from = quote + 2;
                continue;
            }

            var rest = new string(_buffer, from, quote - from);
            _fields.Add(unescaped is null ? rest : unescaped.Append(rest).ToString());
            return quote + 1;
        }
    }

    private bool EndsField(int at, int limit) =>
        _buffer[at] is ',' or '\n' || (_buffer[at] == '\r' && (at + 1 >= limit || _buffer[at + 1] == '\n'));

    private int NextDelimiter(int at, int limit)
    {
        var found = _buffer.AsSpan(at, limit - at).IndexOfAny(',', '\n');
        return found < 0 ? limit : at + found;
    }

    private bool IsBlank(int start) =>
        _fields.Count == 1 && _fields[0].Length == 0 && _position - start <= 2 && _buffer[start] != '"';

    /// <summary>
    /// A broken row that goes over several lines may have swallowed whole rows with a stray quote: only its first line
    /// is given up. What really was part of it is rejected line by line.
    /// </summary>
    private string EndRow(int start, string fault)
    {
        var length = _position - start;
        var inner = _buffer.AsSpan(start, length).IndexOf('\n');
        return inner >= 0 && inner < length - 1 ? Abandon(start, fault) : fault;
    }

    /// <summary>Gives the row up and goes on with the physical line after its first one.</summary>
    private string Abandon(int start, string fault)
    {
        _fields.Clear();
        var newline = _buffer.AsSpan(start, _end - start).IndexOf('\n');
        _position = newline < 0 ? _end : start + newline + 1;
        return newline < 0 && !_atEnd ? "row-too-long" : fault;
    }

    /// <summary>Drops the rest of a line that is longer than the buffer.</summary>
    private void SkipLine()
    {
        while (!_atEnd)
        {
            _position = _end;
            Refill();
            var newline = _buffer.AsSpan(_position, _end - _position).IndexOf('\n');
            if (newline >= 0)
            {
                _position += newline + 1;
                _nextLine++;
                return;
            }

            _position = _end;
        }
    }
}
