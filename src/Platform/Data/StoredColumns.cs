using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Platform.Data;

/// <summary>
/// How the fields of an entity lie in its table: those in the clear each in a column, then the envelopes, then the blind indexes of
/// sealed fields that may be searched.
/// </summary>
internal sealed class StoredColumns
{
    private readonly ImmutableArray<RecordField> _clear;
    private readonly ImmutableArray<Envelope> _envelopes;
    private readonly ImmutableArray<RecordField> _indexed;

    public StoredColumns(ImmutableArray<RecordField> fields, ImmutableArray<Envelope> envelopes)
    {
        _clear = [.. fields.Where(field => !field.IsSealed)];
        _envelopes = envelopes;
        _indexed = [.. fields.Where(field => field is { IsSealed: true, Model.BlindIndex: not null })];
        Names =
        [
            .. _clear.Select(field => field.Column),
            .. envelopes.Select(envelope => envelope.Column),
            .. _indexed.Select(field => field.Model!.BlindIndex!),
        ];
    }

    /// <summary>Without those that every table has.</summary>
    public ImmutableArray<SqlName> Names { get; }

    /// <summary>A record cannot be stored or shown whole without its keys.</summary>
    public bool NeedKeys => !_envelopes.IsEmpty;

    /// <summary>Values of the columns in their order, after the arguments that come first.</summary>
    /// <param name="keys">Null only where nothing is sealed.</param>
    public SqlValue[] Of(RecordValues record, RecordKeys? keys, params ReadOnlySpan<SqlValue> first)
    {
        var values = new SqlValue[first.Length + Names.Length];
        first.CopyTo(values);
        var place = first.Length;
        foreach (var field in _clear)
        {
            values[place++] = record.Values[field.Index].ToSql();
        }

        var content = _envelopes.IsEmpty ? null : new SealedContentWriter();
        foreach (var envelope in _envelopes)
        {
            values[place++] = SqlValue.Bytes(envelope.Seal(keys!, record.Id, record.Values, content!));
        }

        foreach (var field in _indexed)
        {
            values[place++] = SqlValue.Bytes(Index(field, record.Values[field.Index], keys!));
        }

        return values;
    }

    /// <summary>Values of the columns in their order, each of all lines.</summary>
    public SqlValue[] Of(IReadOnlyList<ImportLine> lines, RecordKeys? keys)
    {
        var values = new List<SqlValue>(Names.Length);
        values.AddRange(_clear.Select(field => OfLines(field, lines)));
        var content = new SealedContentWriter();
        foreach (var envelope in _envelopes)
        {
            values.Add(SqlValue.BytesArray([.. lines.Select(line => envelope.Seal(keys!, line.Id, line.Values, content))]));
        }

        foreach (var field in _indexed)
        {
            values.Add(Indexed(field, lines, keys));
        }

        return [.. values];
    }

    private static SqlValue OfLines(RecordField field, IReadOnlyList<ImportLine> lines)
    {
        var values = new FieldValue[lines.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = lines[i].Values[field.Index];
        }

        return FieldArrays.ToSql(field.Type, values);
    }

    /// <summary>What an index of the table holds of a field, of all lines.</summary>
    public static SqlValue Indexed(RecordField field, IReadOnlyList<ImportLine> lines, RecordKeys? keys) => field.IsSealed
        ? SqlValue.BytesArray([.. lines.Select(line => Index(field, line.Values[field.Index], keys!))])
        : OfLines(field, lines);

    /// <summary>The columns that a change of fields changes: an envelope is sealed anew as a whole.</summary>
    public IEnumerable<(SqlName Column, SqlValue Value)> Changed(
        RecordValues record, ImmutableArray<RecordField> changed, RecordKeys? keys)
    {
        foreach (var field in changed.Where(field => !field.IsSealed))
        {
            yield return (field.Column, record.Values[field.Index].ToSql());
        }

        var content = new SealedContentWriter();
        foreach (var envelope in _envelopes.Where(envelope => envelope.Fields.Any(field => changed.Any(c => c.Index == field.Index))))
        {
            yield return (envelope.Column, SqlValue.Bytes(envelope.Seal(keys!, record.Id, record.Values, content)));
        }

        foreach (var field in _indexed.Where(field => changed.Any(c => c.Index == field.Index)))
        {
            yield return (field.Model!.BlindIndex!, SqlValue.Bytes(Index(field, record.Values[field.Index], keys!)));
        }
    }

    private static byte[]? Index(RecordField field, FieldValue value, RecordKeys keys) => value.IsNull
        ? null
        : keys.Index(field.Name, value.ToIndexed(), field.Model!.BlindIndexLength);
}
