using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>Which filters and sort keys a list takes, by type of field.</summary>
internal static class OpenApiOperators
{
    public const string Equal = "eq";
    public const string In = "in";
    public const string Null = "null";

    private static readonly string[] Ordered = [Equal, "ne", "gt", "gte", "lt", "lte", In, Null];
    private static readonly string[] Texts = [.. Ordered, "prefix"];
    private static readonly string[] Unordered = [Equal, "ne", In, Null];

    /// <summary>Fields that every record has; they are never null.</summary>
    public static readonly (string Name, FieldType Type)[] OwnFields =
        [("id", FieldType.Uuid), ("createdAt", FieldType.Timestamp), ("updatedAt", FieldType.Timestamp)];

    /// <summary>None for a sealed field without a blind index.</summary>
    public static string[] For(FieldModel field) => field switch
    {
        { IsSealed: true, BlindIndex: null } => [],
        { IsSealed: true } => [Equal, In, Null],
        _ => For(field.Type),
    };

    public static string[] For(FieldType type) => type switch
    {
        FieldType.Text => Texts,
        FieldType.Json => [Null],
        FieldType.Boolean => Unordered,
        _ => Ordered,
    };

    public static IEnumerable<string> Sortable(EntityModel entity) =>
        OwnFields.Select(own => own.Name)
            .Concat(entity.Fields.Where(f => f.Type != FieldType.Json && !f.IsSealed).Select(f => f.Name));

    public static string Describe(string operation) => operation switch
    {
        Equal => "Equal. (`.eq` says the same.)",
        "ne" => "Not equal; what has no value is not equal either.",
        "gt" => "Greater than.",
        "gte" => "Greater than or equal.",
        "lt" => "Less than.",
        "lte" => "Less than or equal.",
        In => "One of these; a comma inside a value is written `\\,`.",
        "prefix" => "Begins with.",
        Null => "`true`: has no value. `false`: has one.",
        _ => throw new ArgumentOutOfRangeException(nameof(operation)),
    };
}
