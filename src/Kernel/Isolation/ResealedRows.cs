using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Kernel.Isolation;

/// <summary>Rows of one tenant sealed anew: reads what <see cref="Columns"/> names, and collects what the staging columns get.</summary>
internal sealed class ResealedRows
{
    /// <summary>Content held in memory at once, whatever the number of rows.</summary>
    private const int MaxBytes = 16 * 1024 * 1024;

    private readonly ResealShape _shape;
    private readonly SealedContentWriter _content = new();
    private readonly ImmutableArray<byte[]> _names;
    private readonly List<Guid> _ids = [];
    private readonly List<Guid> _versions = [];
    private readonly List<byte[]?>[] _staged;
    private int _bytes;

    public ResealedRows(ResealShape shape)
    {
        _shape = shape;
        _names = [.. shape.Change.To.Select(f => Encoding.UTF8.GetBytes(f.Field.Name))];
        _staged = [.. shape.Staged.Select(_ => new List<byte[]?>())];
        Columns =
        [
            .. shape.Read.Select(SealedFieldDefinition.EnvelopeOf), .. shape.Columns.Select(f => f.Column!),
        ];
    }

    /// <summary>What a row must have read of it, in this order.</summary>
    public ImmutableArray<SqlName> Columns { get; }

    public int Count => _ids.Count;

    /// <summary>No more rows are to be added before these are written.</summary>
    public bool IsFull => _bytes >= MaxBytes;

    public Guid[] Ids => [.. _ids];

    public Guid[] Versions => [.. _versions];

    /// <summary>In the order of <see cref="ResealShape.Staged"/>.</summary>
    public IEnumerable<byte[]?[]> Staged => _staged.Select(values => values.ToArray());

    /// <param name="first">Where <see cref="Columns"/> begin in the row.</param>
    /// <exception cref="TenantFault">An envelope does not open.</exception>
    /// <param name="subjectKey">Wrapped, of the person that the row is about; null where it is about none that has one.</param>
    public void Add(Row row, Guid id, Guid version, int first, RecordKeys keys, byte[]? subjectKey)
    {
        var values = new byte[]?[_shape.Change.To.Length];
        for (var i = 0; i < _shape.Read.Length; i++)
        {
            if (!row.IsNull(first + i))
            {
                Open(_shape.Read[i], id, [.. subjectKey ?? [], .. row.Bytes(first + i)], keys, subjectKey is not null, values);
            }
        }

        for (var i = 0; i < _shape.Columns.Length; i++)
        {
            var field = _shape.Columns[i];
            var column = first + _shape.Read.Length + i;
            if (!row.IsNull(column))
            {
                values[_shape.Change.To.IndexOf(field)] =
                    SealedValue.Of(row, column, field.Field.Type, _shape.Change.CanonicalJson);
            }
        }

        for (var i = 0; i < values.Length; i++)
        {
            if (_shape.Change.To[i] is { Kept: null, Column: null, Default: { } text } field)
            {
                values[i] = SealedValue.Of(text, field.Field.Type);
            }
        }

        _ids.Add(id);
        _versions.Add(version);
        if (subjectKey is [])
        {
            // Erased: there is no key to seal under, and nothing of the person may come back from a column in the clear.
            foreach (var staged in _staged)
            {
                staged.Add(null);
            }
        }
        else
        {
            Stage(id, values, keys, subjectKey);
        }

        foreach (var value in values)
        {
            _bytes += value?.Length ?? 0;
            CryptographicOperations.ZeroMemory(value);
        }
    }

    private void Open(string dataClass, Guid id, byte[] envelope, RecordKeys keys, bool isOfPerson, byte[]?[] values)
    {
        var opened = new byte[RecordKeys.ContentLength(envelope)];
        if (!keys.Open(dataClass, id, envelope, opened, isOfPerson))
        {
            return;
        }

        var fields = new SealedContent(opened);
        while (fields.Read())
        {
            for (var i = 0; i < values.Length; i++)
            {
                var to = _shape.Change.To[i];
                if (to.Kept?.DataClass == dataClass && to.Field.Type == fields.Type && fields.Name.SequenceEqual(_names[i]))
                {
                    values[i] = fields.Value.ToArray();
                }
            }
        }

        CryptographicOperations.ZeroMemory(opened);
    }

    private void Stage(Guid id, byte[]?[] values, RecordKeys keys, byte[]? subjectKey)
    {
        var place = 0;
        foreach (var envelope in _shape.Envelopes)
        {
            foreach (var field in envelope.Fields)
            {
                var i = _shape.Change.To.IndexOf(field);
                if (values[i] is { } value)
                {
                    _content.Add(_names[i], field.Field.Type, value);
                }
            }

            var sealedAnew = keys.Seal(envelope.DataClass, id, _content.Finish(), subjectKey);
            _content.Clear();
            _staged[place++].Add(sealedAnew);
            _bytes += sealedAnew.Length;
        }

        foreach (var index in _shape.Indexes)
        {
            var field = index.Field.Field;
            var value = values[_shape.Change.To.IndexOf(index.Field)];
            _staged[place++].Add(
                value is null ? null : keys.Index(field.Name, SealedValue.ToIndexed(field.Type, value), field.IndexLength));
        }
    }
}
