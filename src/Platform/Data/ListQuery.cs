using System.Collections.Immutable;

namespace Bulkhead.Platform.Data;

internal enum FilterOperator
{
    Eq,

    /// <summary>Also true where there is no value: a record without a city is not in Boston.</summary>
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    Prefix,
    IsNull,
    IsNotNull,
}

/// <param name="Values">One, or several for <see cref="FilterOperator.In"/>, or none for the null tests.</param>
internal sealed record Filter(RecordField Field, FilterOperator Operator, ImmutableArray<FieldValue> Values);

internal readonly record struct SortKey(RecordField Field, bool Descending);

/// <summary>What is shown of a record, and what is followed from it.</summary>
internal sealed record Selection(RecordShape Shape, ImmutableArray<Expansion> Expansions);

/// <summary>A list request that was checked whole: everything in it exists and is permitted.</summary>
/// <param name="Sort">Ends with the id, in the direction of the key before it.</param>
/// <param name="After">The cursor as it came; opened when the rest is known.</param>
internal sealed record ListQuery(
    EntityView View,
    ImmutableArray<Filter> Filters,
    ImmutableArray<SortKey> Sort,
    int Limit,
    Selection Selection,
    string? After)
{
    /// <summary>
    /// Shows a class whose reads append an entry, or answers a question about one: who may search by a diagnosis learns
    /// it without seeing the field.
    /// </summary>
    public bool IsAudited => Selection.Shape.IsAudited
        || Filters.Any(filter => View.IsAudited(filter.Field)) || Sort.Any(key => View.IsAudited(key.Field));
}
