using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Platform.Data;

/// <summary>
/// The rows behind a given row in an order of several keys, each with its own direction. Ascending, what has no value
/// comes last; descending, first.
/// </summary>
internal static class Keyset
{
    public static Sql After(ImmutableArray<SortKey> keys, ImmutableArray<FieldValue> values) =>
        IsOneRange(keys, values) ? Range(keys, values) : General(keys, values);

    /// <summary>
    /// One comparison of rows, which an index answers directly. It drops rows that have no value in a key: right when
    /// there are none, and in descending order, where they lie before any value.
    /// </summary>
    private static bool IsOneRange(ImmutableArray<SortKey> keys, ImmutableArray<FieldValue> values)
    {
        for (var i = 0; i < keys.Length; i++)
        {
            if (keys[i].Descending != keys[0].Descending || values[i].IsNull
                || (!keys[i].Descending && !keys[i].Field.Required))
            {
                return false;
            }
        }

        return true;
    }

    private static Sql Range(ImmutableArray<SortKey> keys, ImmutableArray<FieldValue> values)
    {
        var columns = Sql.Join(", ", keys.Select(key => Sql.Name(key.Field.Column)));
        var row = Sql.Join(", ", values.Select(value => Sql.Of($"{value.ToSql()}")));
        return keys[0].Descending ? Sql.Of($"({columns}) < ({row})") : Sql.Of($"({columns}) > ({row})");
    }

    private static Sql General(ImmutableArray<SortKey> keys, ImmutableArray<FieldValue> values)
    {
        // From the last key to the first: behind in this key, or equal in it and behind in the rest.
        Sql? rest = null;
        for (var i = keys.Length - 1; i >= 0; i--)
        {
            var behind = Behind(keys[i], values[i]);
            var equal = rest is null ? null : Sql.Of($"({Equal(keys[i], values[i])} and {rest})");
            rest = (behind, equal) switch
            {
                (null, null) => Sql.Of($"false"),
                (null, { } next) => next,
                ({ } first, null) => first,
                ({ } first, { } next) => Sql.Of($"({first} or {next})"),
            };
        }

        return Bound(keys[0], values[0]) is { } bound ? Sql.Of($"({bound} and {rest!})") : rest!;
    }

    /// <summary>Null when nothing lies behind: ascending, behind no value there is nothing.</summary>
    private static Sql? Behind(SortKey key, FieldValue value)
    {
        var column = key.Field.Column;
        return (key.Descending, value.IsNull) switch
        {
            (false, true) => null,
            (true, true) => Sql.Of($"{column} is not null"),
            (true, false) => Sql.Of($"{column} < {value.ToSql()}"),
            (false, false) when key.Field.Required => Sql.Of($"{column} > {value.ToSql()}"),
            _ => Sql.Of($"({column} > {value.ToSql()} or {column} is null)"),
        };
    }

    private static Sql Equal(SortKey key, FieldValue value) => value.IsNull
        ? Sql.Of($"{key.Field.Column} is null")
        : Sql.Of($"{key.Field.Column} = {value.ToSql()}");

    /// <summary>Implied by the rest; said again because an index can start from it, and not from an OR.</summary>
    private static Sql? Bound(SortKey key, FieldValue value)
    {
        var column = key.Field.Column;
        return (key.Descending, value.IsNull) switch
        {
            (false, true) => Sql.Of($"{column} is null"),
            (true, false) => Sql.Of($"{column} <= {value.ToSql()}"),
            (false, false) when key.Field.Required => Sql.Of($"{column} >= {value.ToSql()}"),
            _ => null,
        };
    }
}
