using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>Many values of one field as one parameter.</summary>
internal static class FieldArrays
{
    public static SqlValue ToSql(FieldType type, ReadOnlySpan<FieldValue> values)
    {
        switch (type)
        {
            case FieldType.Text or FieldType.Enum:
                return SqlValue.Texts(Map<string?>(values, static value => value.IsNull ? null : value.AsText));
            case FieldType.Json:
                return SqlValue.Jsons(Map<string?>(values, static value => value.IsNull ? null : value.AsText));
            case FieldType.Integer:
                return SqlValue.Integers(Map<long?>(values, static value => value.IsNull ? null : value.AsInteger));
            case FieldType.Decimal:
                return SqlValue.Decimals(Map<decimal?>(values, static value => value.IsNull ? null : value.AsDecimal));
            case FieldType.Boolean:
                return SqlValue.Booleans(Map<bool?>(values, static value => value.IsNull ? null : value.AsBoolean));
            case FieldType.Date:
                return SqlValue.Dates(Map<DateOnly?>(values, static value => value.IsNull ? null : value.AsDate));
            case FieldType.Timestamp:
                return SqlValue.Timestamps(
                    Map<DateTime?>(values, static value => value.IsNull ? null : value.AsTimestamp));
            default:
                return SqlValue.Uuids(Map<Guid?>(values, static value => value.IsNull ? null : value.AsUuid));
        }
    }

    private static T[] Map<T>(ReadOnlySpan<FieldValue> values, Func<FieldValue, T> of)
    {
        var mapped = new T[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            mapped[i] = of(values[i]);
        }

        return mapped;
    }
}
