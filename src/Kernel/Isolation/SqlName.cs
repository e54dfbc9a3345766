using System.Text.RegularExpressions;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// The name of a table, column, schema, constraint or index. The only way a word that is not in our own source
/// gets into a statement, and so it is narrow: <c>[a-z_][a-z0-9_]{0,62}</c>, always quoted.
/// </summary>
public sealed partial class SqlName : IEquatable<SqlName>
{
    private SqlName(string value)
    {
        Value = value;
        Quoted = $"\"{value}\"";
    }

    public string Value { get; }

    internal string Quoted { get; }

    /// <exception cref="ArgumentException">The word is no such name.</exception>
    public static SqlName Of(string value) =>
        IsValid(value) ? new(value) : throw new ArgumentException($"'{value}' is not a name in SQL.", nameof(value));

    public static bool IsValid(string? value) => value is not null && Shape().IsMatch(value);

    public bool Equals(SqlName? other) => other is not null && other.Value == Value;

    public override bool Equals(object? obj) => Equals(obj as SqlName);

    public override int GetHashCode() => Value.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Value;

    [GeneratedRegex("^[a-z_][a-z0-9_]{0,62}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Shape();
}
