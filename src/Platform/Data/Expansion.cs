using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>
/// A relation that a read follows by one level, under the target's own permissions and audit classes.
/// </summary>
internal sealed class Expansion
{
    private Expansion(string name, RecordShape shape)
    {
        Name = name;
        Json = JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
        Shape = shape;
    }

    public string Name { get; }

    public JsonEncodedText Json { get; }

    /// <summary>Of the records that are embedded.</summary>
    public RecordShape Shape { get; }

    /// <summary>The reference of this entity that is followed; null when the expansion is an inverse.</summary>
    public RecordField? Reference { get; private init; }

    /// <summary>The field of the other entity that refers to this one; null when a reference is followed.</summary>
    public RecordField? Inverse { get; private init; }

    /// <summary>Null when there is none of the name, or none for the actor: the two cannot be told apart.</summary>
    public static Expansion? Find(EntityView view, Actor actor, EntityViews views, string name)
    {
        if (view.Searchable(name) is { Model.Reference: { } reference } field)
        {
            return views.For(view.App, actor, view.App.ByName[reference.Target]) is { } target
                && target.Allows(EntityActions.Read)
                ? new(name, target.Whole) { Reference = field }
                : null;
        }

        foreach (var inverse in view.Entity.Inverses)
        {
            if (inverse.Name == name)
            {
                return views.For(view.App, actor, view.App.ByName[inverse.Entity]) is { } source
                    && source.Allows(EntityActions.List)
                    && source.Searchable(inverse.Field) is { } back
                    ? new(name, source.Whole) { Inverse = back }
                    : null;
            }
        }

        return null;
    }
}

/// <summary>
/// The embedded records of one answer. Their statements run before the page's, so that the page's rows can be written
/// straight into the answer when they come.
/// </summary>
internal sealed class ExpandedRecords(ImmutableArray<Expansion> expansions, OpenedRecord?[] opened, DataLimits limits) : IDisposable
{
    private readonly JsonBuffer _buffer = JsonBuffer.Rent();
    private readonly Dictionary<Guid, Slice>[] _references = [.. expansions.Select(_ => new Dictionary<Guid, Slice>())];
    private readonly Dictionary<Guid, Members>[] _inverses =
        [.. expansions.Select(_ => new Dictionary<Guid, Members>())];

    /// <summary>With the tenant's keys of every entity of which sealed fields are embedded.</summary>
    public static async ValueTask<ExpandedRecords> PrepareAsync(
        DataApi api, TenantCall call, ImmutableArray<Expansion> expansions, CancellationToken cancellationToken)
    {
        var opened = new OpenedRecord?[expansions.Length];
        for (var i = 0; i < opened.Length; i++)
        {
            var shape = expansions[i].Shape;
            opened[i] = await api.OpenerAsync(call, shape.View, !shape.Envelopes.IsEmpty, cancellationToken);
        }

        return new(expansions, opened, api.Limits);
    }

    /// <summary>The embedded records are larger than an answer may be; what is here is not whole.</summary>
    public bool IsTooLarge { get; private set; }

    /// <param name="source">From, where, order and limit of the page.</param>
    /// <param name="page">Records that it has at most.</param>
    public void AddTo(TenantWork work, Sql source, int page)
    {
        for (var i = 0; i < expansions.Length; i++)
        {
            var index = i;
            var expansion = expansions[i];
            if (expansion.Reference is { } reference)
            {
                Read(work, expansion, References(expansion, reference, source), page, row => TakeReference(index, row));
            }
            else
            {
                Read(work, expansion, Inverses(expansion, source), page * limits.MaxExpanded, row => TakeInverse(index, row));
            }
        }
    }

    /// <summary>False when the field is not expanded.</summary>
    public bool TryWriteReference(Utf8JsonWriter json, RecordField field, Guid id)
    {
        for (var i = 0; i < expansions.Length; i++)
        {
            if (expansions[i].Reference == field)
            {
                if (_references[i].TryGetValue(id, out var slice))
                {
                    Write(json, slice);
                }
                else
                {
                    json.WriteNullValue();
                }

                return true;
            }
        }

        return false;
    }

    public void WriteInverses(Utf8JsonWriter json, Guid id)
    {
        for (var i = 0; i < expansions.Length; i++)
        {
            if (expansions[i].Inverse is null)
            {
                continue;
            }

            var members = _inverses[i].GetValueOrDefault(id);
            json.WritePropertyName(expansions[i].Json);
            json.WriteStartObject();
            json.WriteStartArray("data"u8);
            if (members is not null)
            {
                foreach (var slice in members.Slices)
                {
                    Write(json, slice);
                }
            }

            json.WriteEndArray();
            json.WriteBoolean("truncated"u8, members?.IsTruncated ?? false);
            json.WriteEndObject();
        }
    }

    public void Dispose()
    {
        _buffer.Dispose();
        foreach (var record in opened)
        {
            record?.Dispose();
        }
    }

    private static void Read(TenantWork work, Expansion expansion, Sql query, int most, RowSink sink)
    {
        if (expansion.Shape.IsAudited)
        {
            work.Read(
                query,
                new AuditEvent("data.read")
                {
                    Entity = expansion.Shape.View.Entity.Name,
                    Details = Entries.Detail("expand", expansion.Name),
                    Numbers = expansion.Shape.View.Read(most),
                },
                sink);
        }
        else
        {
            work.Read(query, sink);
        }
    }

    private static Sql References(Expansion expansion, RecordField reference, Sql source) => Sql.Of($"""
        select {expansion.Shape.Columns} from {expansion.Shape.View.Table}
        where id = any(array(select p.{reference.Column} from (select {reference.Column}{source}) p))
        """);

    // One record more than is shown is counted, and cut before the entry is made: the log names what was shown.
    private Sql Inverses(Expansion expansion, Sql source) => Sql.Of($"""
        select c.* from (select id as _parent{source}) p cross join lateral (
        select x.*, p._parent, count(*) over () as _total from (
        select {expansion.Shape.Columns} from {expansion.Shape.View.Table}
        where {expansion.Inverse!.Column} = p._parent order by id limit {SqlValue.Integer(limits.MaxExpanded + 1)}) x
        order by x.id limit {SqlValue.Integer(limits.MaxExpanded)}) c order by c._parent, c.id
        """);

    private void TakeReference(int index, Row row)
    {
        if (Embed(index, row) is { } slice)
        {
            _references[index][row.Uuid(0)] = slice;
        }
    }

    private void TakeInverse(int index, Row row)
    {
        var shape = expansions[index].Shape;
        if (Embed(index, row) is not { } slice)
        {
            return;
        }

        var column = shape.ColumnCount;
        var parent = row.Uuid(column);
        if (!_inverses[index].TryGetValue(parent, out var members))
        {
            members = new Members { IsTruncated = row.Integer(column + 1) > limits.MaxExpanded };
            _inverses[index].Add(parent, members);
        }

        members.Slices.Add(slice);
    }

    private Slice? Embed(int index, Row row)
    {
        var shape = expansions[index].Shape;
        var start = _buffer.EndValue();
        if (start > limits.MaxAnswerBytes)
        {
            IsTooLarge = true;
            return null;
        }

        opened[index]?.Open(row, shape.Envelopes);
        shape.Write(_buffer.Writer, row, opened[index]);
        return new(start, _buffer.EndValue() - start);
    }

    private void Write(Utf8JsonWriter json, Slice slice) =>
        json.WriteRawValue(_buffer.Written.Span.Slice(slice.Start, slice.Length), skipInputValidation: true);

    private readonly record struct Slice(int Start, int Length);

    private sealed class Members
    {
        public List<Slice> Slices { get; } = [];

        public bool IsTruncated { get; init; }
    }
}
