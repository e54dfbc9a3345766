using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>The body of a write, checked whole: every fault is told, each with a JSON pointer (RFC 6901).</summary>
internal ref struct RecordBody
{
    private readonly EntityView _view;
    private readonly BodyKind _kind;
    private readonly DataLimits _limits;
    private readonly List<Fault> _faults;
    private readonly bool[] _given;
    private readonly FieldValue[] _values;
    private Utf8JsonReader _reader;
    private Guid? _id;
    private bool _idSeen;

    private RecordBody(ReadOnlySpan<byte> json, EntityView view, BodyKind kind, DataLimits limits, List<Fault> faults)
    {
        _view = view;
        _kind = kind;
        _limits = limits;
        _faults = faults;
        _given = new bool[view.All.Length];
        _values = new FieldValue[view.All.Length];
        _reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = limits.MaxDepth });
    }

    /// <summary>Null when there are faults. A create's absent fields have their defaults.</summary>
    public static CheckedBody? Read(
        ReadOnlySpan<byte> json, EntityView view, BodyKind kind, DataLimits limits, out List<Fault> faults)
    {
        faults = [];
        var body = new RecordBody(json, view, kind, limits, faults);
        try
        {
            if (!Utf8.IsValid(json))
            {
                throw new JsonException();
            }

            body.Read();
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // The reader throws the latter on an escaped half of a surrogate pair, which is well-formed and no text.
            faults.Clear();
            faults.Add(
                new("malformed-json", $"The body is not well-formed JSON of at most {limits.MaxDepth} levels.", ""));
        }

        return faults.Count > 0 ? null : new(body._id, body._given, body._values);
    }

    private void Read()
    {
        _reader.Read();
        if (_reader.TokenType != JsonTokenType.StartObject)
        {
            _reader.Skip();
            End();
            Refuse("wrong-type", "", "The body is a JSON object.");
            return;
        }

        Span<char> buffer = stackalloc char[64];
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            if (_faults.Count >= _limits.MaxFaults)
            {
                return;
            }

            // A name longer than any field's is unknown, whatever it says.
            var name = _reader.ValueSpan.Length > buffer.Length ? [] : buffer[..CopyName(buffer)];
            ReadMember(name);
        }

        End();
        if (_kind != BodyKind.Patch)
        {
            Complete();
        }
    }

    private void End()
    {
        if (_reader.Read())
        {
            throw new JsonException();
        }
    }

    private readonly int CopyName(Span<char> buffer)
    {
        try
        {
            return _reader.CopyString(buffer);
        }
        catch (InvalidOperationException)
        {
            return 0;
        }
    }

    private void ReadMember(scoped ReadOnlySpan<char> name)
    {
        if (name is "id")
        {
            ReadId();
            return;
        }

        var index = _view.IndexOf(name);
        var field = index < 0 ? null : _view.All[index];
        var isWritable = field is not null && _view.Permissions.Writable.Contains(field.Name);
        if (!isWritable)
        {
            RefuseMember(name, field);
            return;
        }

        var pointer = "/" + field!.Name;
        if (_given[index])
        {
            SkipValue();
            Refuse("duplicate-name", pointer, "The name stands twice in the object.");
            return;
        }

        _given[index] = true;
        _reader.Read();
        if (_reader.TokenType == JsonTokenType.Null)
        {
            _values[index] = FieldValue.Null(field.Type);
            if (field.Required)
            {
                Refuse("required", pointer, "The field must have a value.");
            }
        }
        else
        {
            _values[index] = ReadValue(field, pointer);
        }
    }

    private void RefuseMember(scoped ReadOnlySpan<char> name, RecordField? field)
    {
        var pointer = Pointer();
        SkipValue();
        if (name is "createdAt" or "updatedAt" || (field is not null && _view.Readable(field.Name) is not null))
        {
            Refuse("read-only-field", pointer, "The field may be read but not written.");
        }
        else
        {
            Refuse("unknown-field", pointer, "There is no such field.");
        }
    }

    private void ReadId()
    {
        if (_kind == BodyKind.Patch)
        {
            SkipValue();
            Refuse("read-only-field", "/id", "An id never changes.");
            return;
        }

        if (_idSeen)
        {
            SkipValue();
            Refuse("duplicate-name", "/id", "The name stands twice in the object.");
            return;
        }

        _idSeen = true;
        _reader.Read();
        if (_reader.TokenType == JsonTokenType.String && _reader.TryGetGuid(out var id) && id != Guid.Empty)
        {
            _id = id;
        }
        else
        {
            _reader.Skip();
            Refuse("invalid-id", "/id", "The id is a UUID as text, and not all zeros.");
        }
    }

    private FieldValue ReadValue(RecordField field, string pointer)
    {
        switch (field.Type)
        {
            case FieldType.Text or FieldType.Enum or FieldType.Date or FieldType.Timestamp
                or FieldType.Uuid or FieldType.Reference:
                return ReadText(field, pointer);
            case FieldType.Integer or FieldType.Decimal:
                return ReadNumber(field, pointer);
            case FieldType.Boolean when _reader.TokenType is JsonTokenType.True or JsonTokenType.False:
                return FieldValue.Boolean(_reader.GetBoolean());
            case FieldType.Json:
                return ReadJson(pointer);
            default:
                return WrongType(field, pointer);
        }
    }

    private FieldValue ReadText(RecordField field, string pointer)
    {
        if (_reader.TokenType != JsonTokenType.String)
        {
            return WrongType(field, pointer);
        }

        string text;
        try
        {
            text = _reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return Refuse("invalid-format", pointer, "The text holds half of a surrogate pair.");
        }

        if (!FieldSyntax.TryParse(field.Type, field.Values, text, out var value))
        {
            return field.Type == FieldType.Enum
                ? Refuse("not-in-values", pointer, "The value is not one of the declared values.")
                : Refuse("invalid-format", pointer, $"The value is not {FieldSyntax.Describe(field.Type)}.");
        }

        if (field.Type == FieldType.Text)
        {
            CheckLength(field.Model!, text, pointer);
        }

        return value;
    }

    private readonly void CheckLength(FieldModel model, string text, string pointer)
    {
        var max = Math.Min(model.MaxLength ?? _limits.MaxTextLength, _limits.MaxTextLength);
        var min = model.MinLength ?? 0;

        // UTF-16 units are never fewer than scalar values: most texts need no counting.
        if (text.Length <= max && text.Length >= min && min == 0)
        {
            return;
        }

        var length = 0;
        foreach (var _ in text.EnumerateRunes())
        {
            length++;
        }

        if (length > max)
        {
            Refuse("too-long", pointer, $"At most {max} characters.");
        }
        else if (length < min)
        {
            Refuse("too-short", pointer, $"At least {min} characters.");
        }
    }

    private FieldValue ReadNumber(RecordField field, string pointer)
    {
        if (_reader.TokenType != JsonTokenType.Number)
        {
            return WrongType(field, pointer);
        }

        var model = field.Model!;
        if (field.Type == FieldType.Integer)
        {
            return !_reader.TryGetInt64(out var integer)
                ? Refuse("wrong-type", pointer, $"The value is not {FieldSyntax.Describe(field.Type)}.")
                : InRange(model, integer, pointer) ? FieldValue.Integer(integer) : default;
        }

        Span<char> text = stackalloc char[100];
        var length = _reader.ValueSpan.Length;
        if (length > text.Length
            || Encoding.ASCII.GetChars(_reader.ValueSpan, text) != length
            || !Decimals.TryParse(text[..length], out var number))
        {
            return Refuse("out-of-range", pointer, "The value has more than 28 digits.");
        }

        if (model.Scale is { } scale && number.Scale > scale)
        {
            return Refuse("too-many-decimals", pointer, $"At most {scale} digits after the point.");
        }

        return InRange(model, number, pointer) ? FieldValue.Decimal(number) : default;
    }

    private readonly bool InRange(FieldModel model, decimal number, string pointer)
    {
        if (number >= (model.Min ?? decimal.MinValue) && number <= (model.Max ?? decimal.MaxValue))
        {
            return true;
        }

        Refuse("out-of-range", pointer, (model.Min, model.Max) switch
        {
            ({ } min, { } max) => $"From {Decimals.Normalize(min)} to {Decimals.Normalize(max)}.",
            ({ } min, null) => $"At least {Decimals.Normalize(min)}.",
            _ => $"At most {Decimals.Normalize(model.Max!.Value)}.",
        });
        return false;
    }

    private FieldValue ReadJson(string pointer)
    {
        var canonical = CanonicalJson.Of(ref _reader, _limits.MaxJsonBytes, out var fault);
        return canonical is not null
            ? FieldValue.Text(FieldType.Json, canonical)
            : Refuse(fault!, pointer, fault switch
            {
                "too-long" => $"At most {_limits.MaxJsonBytes} bytes of JSON.",
                "duplicate-name" => "A name stands twice in an object of the value.",
                "out-of-range" => "A number in the value has too many digits.",
                _ => "A text in the value holds U+0000 or half of a surrogate pair.",
            });
    }

    private FieldValue WrongType(RecordField field, string pointer)
    {
        _reader.Skip();
        return Refuse("wrong-type", pointer, $"The value is not {FieldSyntax.Describe(field.Type)}.");
    }

    private readonly void Complete()
    {
        if (_kind == BodyKind.Import && !_idSeen)
        {
            Refuse("required", "/id", "A line of an import has an id.");
        }

        for (var i = 0; i < _given.Length; i++)
        {
            if (_given[i])
            {
                continue;
            }

            _values[i] = _view.Defaults[i];
            var field = _view.All[i];
            if (!field.Required || !_values[i].IsNull)
            {
                continue;
            }

            if (_view.Permissions.Writable.Contains(field.Name) || _view.Readable(field.Name) is not null)
            {
                Refuse("required", "/" + field.Name, "The field must have a value.");
            }
            else
            {
                // The name of a field that the actor does not see is not told.
                Refuse("required", "", "A required field cannot be written with the actor's roles.");
            }
        }
    }

    private void SkipValue()
    {
        _reader.Read();
        _reader.Skip();
    }

    /// <summary>Of the member at hand, escaped (RFC 6901 section 3), at most 200 bytes of its name.</summary>
    private readonly string Pointer()
    {
        var raw = _reader.ValueSpan;
        var name = Encoding.UTF8.GetString(raw.Length > 200 ? raw[..200] : raw);
        return "/" + name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
    }

    private readonly FieldValue Refuse(string code, string pointer, string detail)
    {
        _faults.Add(new Fault(code, detail, pointer));
        return default;
    }
}
