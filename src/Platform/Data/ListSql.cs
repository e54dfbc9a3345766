using System.Collections.Immutable;
using System.Text;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Platform.Data;

/// <summary>A list request as SQL.</summary>
/// <param name="Page">
/// The shape's columns, then keys that the shape does not show, then (audited only) the count with one more.
/// </param>
/// <param name="Source">From, where, order and limit of exactly the page: what expansions start from.</param>
/// <param name="KeyColumns">Column of each sort key in <paramref name="Page"/>.</param>
/// <param name="TotalColumn">
/// Column of the number of rows that the page and one more row hold; -1 where the extra row itself comes back. An
/// audited read must not name a record that is not shown, so there the extra row is counted and cut.
/// </param>
/// <param name="Envelopes">What must be opened of a row: to show it, or to see whether it is what was searched for.</param>
internal sealed record ListSql(
    Sql Page, Sql Source, ImmutableArray<int> KeyColumns, int TotalColumn, ImmutableArray<EnvelopeColumn> Envelopes)
{
    private static readonly ImmutableArray<SortKey> ById = [new(RecordField.Id, false)];

    /// <summary>Arguments of <see cref="Page"/>, where it has slots.</summary>
    public SqlValue[]? Arguments { get; private init; }

    /// <summary>The first page of an unfiltered list by id; slots: the page's size plus one, the page's size.</summary>
    public static ListSql FirstPage(RecordShape shape)
    {
        var inner = Sql.Of($"select {shape.Columns} from {shape.View.Table} order by id limit {new SqlSlot(0)}");
        var page = shape.IsAudited ? Counted(inner, ById, Sql.Of($"{new SqlSlot(1)}")) : inner;
        return new(page.Kept(), Sql.Empty, [0], shape.IsAudited ? shape.ColumnCount : -1, shape.Envelopes);
    }

    /// <param name="after">Values of the sort keys of the last record before the page; null for the first page.</param>
    /// <param name="keys">For filters on sealed fields; null where nothing is sealed.</param>
    public static ListSql Compile(ListQuery query, ImmutableArray<FieldValue>? after, RecordKeys? keys)
    {
        var shape = query.Selection.Shape;
        if (after is null && query.Filters.IsEmpty && query.Selection.Expansions.IsEmpty
            && query.Sort is [{ Descending: false } key]
            && key.Field == RecordField.Id)
        {
            return shape.FirstPage with
            {
                Arguments = [SqlValue.Integer(query.Limit + 1), SqlValue.Integer(query.Limit)],
            };
        }

        var columns = new List<Sql> { shape.Columns };
        var next = shape.ColumnCount;
        var keyColumns = ImmutableArray.CreateBuilder<int>(query.Sort.Length);
        foreach (var sort in query.Sort)
        {
            var shown = shape.ColumnOf(sort.Field);
            if (shown < 0)
            {
                columns.Add(Sql.Name(sort.Field.Column));
                keyColumns.Add(next++);
            }
            else
            {
                keyColumns.Add(shown);
            }
        }

        var envelopes = shape.Envelopes.ToBuilder();
        foreach (var envelope in query.View.Envelopes)
        {
            if (query.Filters.Any(filter => envelope.Fields.Contains(filter.Field))
                && !shape.Envelopes.Any(shown => shown.Envelope == envelope))
            {
                columns.Add(envelope.Read);
                envelopes.Add(new(envelope, next++));
            }
        }

        var order = Order(query.Sort);
        var from = Sql.Of($" from {query.View.Table}{Where(query, after, keys)} order by {order} limit ");
        var inner = Sql.Of($"select {Sql.Join(", ", columns)}{from}{SqlValue.Integer(query.Limit + 1)}");
        var page = query.IsAudited ? Counted(inner, query.Sort, Sql.Of($"{SqlValue.Integer(query.Limit)}")) : inner;
        var source = Sql.Of($"{from}{SqlValue.Integer(query.Limit)}");
        return new(page, source, keyColumns.MoveToImmutable(), query.IsAudited ? next : -1, envelopes.ToImmutable());
    }

    /// <summary>
    /// The smallest text above every text with the prefix, in code point order, which is the order of collation C and
    /// UTF-8; null when there is none.
    /// </summary>
    public static string? AfterPrefix(string prefix)
    {
        var runes = prefix.EnumerateRunes().ToArray();
        for (var last = runes.Length - 1; last >= 0; last--)
        {
            var value = runes[last].Value;
            if (value == 0x10FFFF)
            {
                continue;
            }

            // Surrogates are no characters: the one after U+D7FF is U+E000.
            var higher = new StringBuilder();
            for (var i = 0; i < last; i++)
            {
                higher.Append(runes[i].ToString());
            }

            return higher.Append(new Rune(value == 0xD7FF ? 0xE000 : value + 1).ToString()).ToString();
        }

        return null;
    }

    private static Sql Counted(Sql page, ImmutableArray<SortKey> sort, Sql limit) =>
        Sql.Of($"select p.*, count(*) over () as _total from ({page}) p order by {Order(sort)} limit {limit}");

    private static Sql Where(ListQuery query, ImmutableArray<FieldValue>? after, RecordKeys? keys)
    {
        var conditions = new List<Sql>(query.Filters.Length + 1);
        foreach (var filter in query.Filters)
        {
            conditions.Add(filter.Field.IsSealed ? Blind(filter, keys!) : Condition(filter));
        }

        if (after is { } values)
        {
            conditions.Add(Keyset.After(query.Sort, values));
        }

        return conditions.Count == 0 ? Sql.Empty : Sql.Of($" where {Sql.Join(" and ", conditions)}");
    }

    // Ascending puts what has no value last and descending puts it first: PostgreSQL's own order, so that one index
    // serves both ways.
    private static Sql Order(ImmutableArray<SortKey> keys) => Sql.Join(
        ", ", keys.Select(key => key.Descending ? Sql.Of($"{key.Field.Column} desc") : Sql.Name(key.Field.Column)));

    private static Sql Condition(Filter filter)
    {
        var column = filter.Field.Column;
        return filter.Operator switch
        {
            FilterOperator.Eq => Sql.Of($"{column} = {filter.Values[0].ToSql()}"),
            FilterOperator.Ne when filter.Field.Required => Sql.Of($"{column} <> {filter.Values[0].ToSql()}"),
            FilterOperator.Ne => Sql.Of($"{column} is distinct from {filter.Values[0].ToSql()}"),
            FilterOperator.Gt => Sql.Of($"{column} > {filter.Values[0].ToSql()}"),
            FilterOperator.Gte => Sql.Of($"{column} >= {filter.Values[0].ToSql()}"),
            FilterOperator.Lt => Sql.Of($"{column} < {filter.Values[0].ToSql()}"),
            FilterOperator.Lte => Sql.Of($"{column} <= {filter.Values[0].ToSql()}"),
            FilterOperator.In =>
                Sql.Of($"{column} = any({FieldArrays.ToSql(filter.Field.Type, filter.Values.AsSpan())})"),
            FilterOperator.Prefix => Prefix(column, filter.Values[0].AsText),
            FilterOperator.IsNull => Sql.Of($"{column} is null"),
            FilterOperator.IsNotNull => Sql.Of($"{column} is not null"),
            _ => throw new ArgumentOutOfRangeException(nameof(filter)),
        };
    }

    /// <summary>Finds every row that has one of the values, and now and then another: the page looks after opening.</summary>
    private static Sql Blind(Filter filter, RecordKeys keys)
    {
        var column = filter.Field.Model!.BlindIndex!;
        return filter.Operator switch
        {
            FilterOperator.IsNull => Sql.Of($"{column} is null"),
            FilterOperator.IsNotNull => Sql.Of($"{column} is not null"),
            FilterOperator.Eq or FilterOperator.In => Sql.Of(
                $"{column} = any({SqlValue.BytesArray([.. filter.Values.SelectMany(value => Indexes(filter.Field, value, keys))])})"),
            _ => throw new ArgumentOutOfRangeException(nameof(filter)),
        };
    }

    private static byte[][] Indexes(RecordField field, FieldValue value, RecordKeys keys) =>
        keys.Indexes(field.Name, value.ToIndexed(), field.Model!.BlindIndexLength);

    // A range, not LIKE: it uses the index, and its operators are leakproof, so that the policy does not keep it from
    // the index.
    private static Sql Prefix(SqlName column, string prefix) => AfterPrefix(prefix) is { } end
        ? Sql.Of($"{column} >= {SqlValue.Text(prefix)} and {column} < {SqlValue.Text(end)}")
        : Sql.Of($"{column} >= {SqlValue.Text(prefix)}");
}
