using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Platform.Data;

/// <summary>A record as it is, all of it, whoever may see what: for a change that is decided on it.</summary>
internal sealed class CurrentRecord : IDisposable
{
    private const int OwnColumns = 4;

    private readonly EntityView _view;
    private readonly List<RecordField> _clear;
    private readonly ImmutableArray<EnvelopeColumn> _envelopes;
    private readonly OpenedRecord? _opened;

    /// <param name="opened">Null where nothing of the entity is sealed.</param>
    public CurrentRecord(EntityView view, OpenedRecord? opened)
    {
        _view = view;
        _opened = opened;
        _clear = [.. view.All.Where(field => !field.IsSealed)];
        _envelopes = [.. view.Envelopes.Select((envelope, i) => new EnvelopeColumn(envelope, OwnColumns + _clear.Count + i))];
    }

    /// <summary>Null when there is none.</summary>
    public RecordValues? Values { get; private set; }

    /// <summary>Whom it is about; null where persons have no keys.</summary>
    public Person? Person { get; private set; }

    public Sql Query(Guid id)
    {
        var columns = Sql.Join(
            "",
            _clear.Select(field => Sql.Name(field.Column)).Concat(_view.Envelopes.Select(envelope => envelope.Read))
                .Concat(_view.Entity.HasSubjectKey ? [Sql.Name(SubjectKey.Column), SubjectKey.OfRow] : [])
                .Select(column => Sql.Of($", {column}")));
        return Sql.Of($"select id, version, created_at, updated_at{columns} from {_view.Table} where id = {SqlValue.Uuid(id)}");
    }

    public void Take(Row row)
    {
        _opened?.Open(row, _envelopes);
        var values = new FieldValue[_view.All.Length];
        foreach (var field in _view.All)
        {
            values[field.Index] = field.IsSealed
                ? _opened!.Of(field)
                : FieldValue.From(row, OwnColumns + _clear.IndexOf(field), field.Type);
        }

        Values = new(row.Uuid(0), row.Uuid(1), row.Timestamp(2), row.Timestamp(3), values);
        if (_view.Entity.HasSubjectKey)
        {
            var last = OwnColumns + _clear.Count + _view.Envelopes.Length;
            Person = Person.Of(row.Uuid(last), row.Bytes(last + 1));
        }
    }

    public void Dispose() => _opened?.Dispose();
}
