using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Apps;

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

    // Fields, sealed or not, of unique indexes that hold a sealed one.
    private readonly ImmutableArray<RecordField> _constrained;

    public StoredColumns(EntityModel entity, ImmutableArray<RecordField> fields, ImmutableArray<Envelope> envelopes)
    {
        _clear = [.. fields.Where(field => !field.IsSealed)];
        _envelopes = envelopes;
        _indexed = [.. fields.Where(field => field is { IsSealed: true, Model.BlindIndex: not null })];
        _constrained =
        [
            .. entity.Indexes.Where(index => index.Unique && index.Fields.Any(name => entity.ByName[name].IsSealed))
                .SelectMany(index => index.Fields).Distinct().Select(name => fields.Single(field => field.Name == name)),
        ];
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
    /// <param name="person">Null where the record has none with a key.</param>
    public SqlValue[] Of(RecordValues record, RecordKeys? keys, Person? person, params ReadOnlySpan<SqlValue> first)
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
            values[place++] = SqlValue.Bytes(envelope.Seal(keys!, record.Id, record.Values, content!, person?.Wrapped));
        }

        foreach (var field in _indexed)
        {
            values[place++] = SqlValue.Bytes(Index(field, record.Values[field.Index], keys!));
        }

        return values;
    }

    /// <summary>Values of the columns in their order, each of all lines.</summary>
    /// <param name="persons">Of the lines, in their order; a line without one is not sealed, for it cannot be stored.</param>
    public SqlValue[] Of(IReadOnlyList<ImportLine> lines, RecordKeys? keys, Person?[]? persons)
    {
        var values = new List<SqlValue>(Names.Length);
        values.AddRange(_clear.Select(field => OfLines(field, lines)));
        var content = new SealedContentWriter();
        foreach (var envelope in _envelopes)
        {
            values.Add(SqlValue.BytesArray([.. lines.Select((line, i) => persons is null || persons[i] is not null
                ? envelope.Seal(keys!, line.Id, line.Values, content, persons?[i]?.Wrapped)
                : null)]));
        }

        foreach (var field in _indexed)
        {
            values.Add(SqlValue.BytesArray([.. lines.Select(line => Index(field, line.Values[field.Index], keys!))]));
        }

        return [.. values];
    }

    /// <summary>
    /// What blind indexes are set to after the record is written, in the same transaction and one after the other: while values lie under
    /// several index keys, that is what keeps them unique. Empty otherwise.
    /// </summary>
    public IEnumerable<IReadOnlyList<(SqlName Column, SqlValue Value)>> Afterwards(RecordValues record, RecordKeys? keys)
    {
        var indexes = Unique(keys).Where(field => !record.Values[field.Index].IsNull)
            .Select(field => (Column: field.Model!.BlindIndex!, Values: keys!.UniqueIndexes(field.Name, record.Values[field.Index].ToIndexed())))
            .ToList();
        for (var step = 1; indexes.Count > 0 && step < indexes[0].Values.Length; step++)
        {
            yield return [.. indexes.Select(index => (index.Column, SqlValue.Bytes(index.Values[step])))];
        }
    }

    /// <summary>The same, each of all lines.</summary>
    public IEnumerable<IReadOnlyList<(SqlName Column, SqlValue Value)>> Afterwards(IReadOnlyList<ImportLine> lines, RecordKeys? keys)
    {
        var steps = new List<List<(SqlName, SqlValue)>>();
        foreach (var field in Unique(keys))
        {
            var values = lines.Select(line => line.Values[field.Index])
                .Select(value => value.IsNull ? null : keys!.UniqueIndexes(field.Name, value.ToIndexed())).ToList();
            var count = values.Max(value => value?.Length ?? 0);
            for (var step = 1; step < count; step++)
            {
                while (steps.Count < step)
                {
                    steps.Add([]);
                }

                steps[step - 1].Add((field.Model!.BlindIndex!, SqlValue.BytesArray([.. values.Select(value => value?[step])])));
            }
        }

        return steps;
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

    /// <summary>What an index of the table may hold of a field, of all lines: under each key that is in use.</summary>
    public static IReadOnlyList<SqlValue> Indexed(RecordField field, IReadOnlyList<ImportLine> lines, RecordKeys? keys)
    {
        if (!field.IsSealed)
        {
            return [OfLines(field, lines)];
        }

        var values = lines.Select(line => line.Values[field.Index])
            .Select(value => value.IsNull ? null : keys!.Indexes(field.Name, value.ToIndexed(), field.Model!.BlindIndexLength)).ToList();
        var count = Math.Max(1, values.Max(value => value?.Length ?? 0));
        return [.. Enumerable.Range(0, count).Select(key => SqlValue.BytesArray([.. values.Select(value => value?[key])]))];
    }

    /// <summary>The columns that a change of fields changes: an envelope is sealed anew as a whole.</summary>
    public IEnumerable<(SqlName Column, SqlValue Value)> Changed(
        RecordValues record, ImmutableArray<RecordField> changed, RecordKeys? keys, Person? person)
    {
        foreach (var field in changed.Where(field => !field.IsSealed))
        {
            yield return (field.Column, record.Values[field.Index].ToSql());
        }

        var content = new SealedContentWriter();
        foreach (var envelope in _envelopes.Where(envelope => envelope.Fields.Any(field => changed.Any(c => c.Index == field.Index))))
        {
            yield return (envelope.Column, SqlValue.Bytes(envelope.Seal(keys!, record.Id, record.Values, content, person?.Wrapped)));
        }

        // All that are unique, together: so a row's are always under one key, and an index over several fields compares them.
        var isConstrained = IsConstrained(changed);
        var unique = isConstrained ? Unique(keys).ToList() : [];
        foreach (var field in _indexed.Where(field => unique.Contains(field) || changed.Any(c => c.Index == field.Index)))
        {
            yield return (field.Model!.BlindIndex!, SqlValue.Bytes(Index(field, record.Values[field.Index], keys!)));
        }
    }

    /// <summary>The change touches what a unique index over sealed values holds.</summary>
    public bool IsConstrained(ImmutableArray<RecordField> changed) => changed.Any(_constrained.Contains);

    private IEnumerable<RecordField> Unique(RecordKeys? keys) =>
        keys is { HasSeveralIndexKeys: true } ? _indexed.Where(IsUnique) : [];

    private static bool IsUnique(RecordField field) => field.Model!.BlindIndexLength == RecordKeys.UniqueLength;

    private static byte[]? Index(RecordField field, FieldValue value, RecordKeys keys) => value.IsNull ? null
        : IsUnique(field) ? keys.UniqueIndexes(field.Name, value.ToIndexed())[0]
        : keys.Index(field.Name, value.ToIndexed(), field.Model!.BlindIndexLength);
}
