using System.Buffers;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>The sealed fields of the row at hand, opened; used for one row after another, and zeroed at the end.</summary>
internal sealed class OpenedRecord(EntityView view, RecordKeys keys) : IDisposable
{
    private readonly byte[]?[] _contents = new byte[]?[view.Envelopes.Length];
    private readonly Slice[] _values = new Slice[view.All.Length];

    /// <summary>Opens the envelopes of a row; one that the row does not have holds nothing.</summary>
    /// <exception cref="TenantFault">An envelope was changed, or belongs to another row.</exception>
    public void Open(Row row, ImmutableArray<EnvelopeColumn> columns)
    {
        foreach (var (envelope, column) in columns)
        {
            foreach (var field in envelope.Fields)
            {
                _values[field.Index] = default;
            }

            if (!row.IsNull(column))
            {
                Open(envelope, row.Uuid(0), row.Bytes(column));
            }
        }
    }

    public bool IsNull(RecordField field) => _values[field.Index].Content is null;

    public FieldValue Of(RecordField field)
    {
        var slice = _values[field.Index];
        return slice.Content is null ? FieldValue.Null(field.Type) : FieldValue.FromSealed(field.Type, slice.Span);
    }

    /// <summary>Writes a value that is not null and not masked.</summary>
    public void WriteTo(Utf8JsonWriter json, RecordField field)
    {
        var slice = _values[field.Index];
        switch (field.Type)
        {
            case FieldType.Text or FieldType.Enum:
                json.WriteStringValue(slice.Span);
                break;
            case FieldType.Json:
                json.WriteRawValue(slice.Span, skipInputValidation: true);
                break;
            default:
                FieldValue.FromSealed(field.Type, slice.Span).WriteTo(json);
                break;
        }
    }

    public void Dispose()
    {
        foreach (var content in _contents)
        {
            if (content is not null)
            {
                CryptographicOperations.ZeroMemory(content);
                ArrayPool<byte>.Shared.Return(content);
            }
        }
    }

    private void Open(Envelope envelope, Guid id, byte[] sealedContent)
    {
        var length = RecordKeys.ContentLength(sealedContent);
        var place = view.Envelopes.IndexOf(envelope);
        if (_contents[place] is not { } content || content.Length < length)
        {
            if (_contents[place] is { } small)
            {
                CryptographicOperations.ZeroMemory(small);
                ArrayPool<byte>.Shared.Return(small);
            }

            content = _contents[place] = ArrayPool<byte>.Shared.Rent(Math.Max(length, 256));
        }

        if (!keys.Open(envelope.Class, id, sealedContent, content.AsSpan(0, length), view.Entity.HasSubjectKey))
        {
            return;
        }

        try
        {
            Take(envelope, content, length);
        }
        catch (TenantFault fault) when (fault.Place is null)
        {
            throw new TenantFault(fault.Kind, fault) { Place = keys.PlaceOf(id) };
        }
    }

    private void Take(Envelope envelope, byte[] content, int length)
    {
        var fields = new SealedContent(content.AsSpan(0, length));
        var next = 0;
        while (fields.Read())
        {
            var index = envelope.IndexOf(fields.Name, next);
            if (index >= 0 && fields.Type == SchemaSteps.Type(envelope.Fields[index].Type))
            {
                _values[envelope.Fields[index].Index] = new(content, fields.Start, fields.Value.Length);
                next = index + 1;
            }
        }
    }

    private readonly record struct Slice(byte[]? Content, int Start, int Length)
    {
        public ReadOnlySpan<byte> Span => Content.AsSpan(Start, Length);
    }
}
