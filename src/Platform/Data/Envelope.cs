using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>The sealed fields of one data class of an entity, which lie in one column together.</summary>
internal sealed class Envelope
{
    private readonly ImmutableArray<byte[]> _names;

    /// <param name="hasSubject">What is in it is about persons who have keys.</param>
    public Envelope(DataClass dataClass, ImmutableArray<RecordField> fields, bool hasSubject)
    {
        Class = ManifestWords<DataClass>.WordOf(dataClass);
        Column = SealedFieldDefinition.EnvelopeOf(Class);
        Read = hasSubject ? Sql.Of($"{SubjectKey.Beside(Column)} as {Column}") : Sql.Name(Column);
        Fields = fields;
        _names = [.. fields.Select(field => System.Text.Encoding.UTF8.GetBytes(field.Name))];
    }

    /// <summary>As the keys know it.</summary>
    public string Class { get; }

    public SqlName Column { get; }

    /// <summary>What a query names so that the envelope can be opened.</summary>
    public Sql Read { get; }

    /// <summary>In the order of the manifest.</summary>
    public ImmutableArray<RecordField> Fields { get; }

    /// <param name="values">Of the whole record, by place.</param>
    /// <param name="subjectKey">Wrapped, of the record's person; null where it has none.</param>
    public byte[] Seal(
        RecordKeys keys, Guid id, ReadOnlySpan<FieldValue> values, SealedContentWriter content, byte[]? subjectKey)
    {
        for (var i = 0; i < Fields.Length; i++)
        {
            values[Fields[i].Index].AddTo(content, _names[i]);
        }

        // Also when nothing has a value: whether there is one is nobody's business.
        var envelope = keys.Seal(Class, id, content.Finish(), subjectKey);
        content.Clear();
        return envelope;
    }

    /// <summary>Place in <see cref="Fields"/> of the field of the name, looked for from a place on; -1 for none.</summary>
    public int IndexOf(ReadOnlySpan<byte> name, int from)
    {
        for (var i = 0; i < _names.Length; i++)
        {
            var place = (from + i) % _names.Length;
            if (name.SequenceEqual(_names[place]))
            {
                return place;
            }
        }

        return -1;
    }
}

/// <summary>An envelope in the rows of a query.</summary>
internal readonly record struct EnvelopeColumn(Envelope Envelope, int Column);
