using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// Names in the database, made from names of the manifest. Tables, indexes and keys share one namespace in PostgreSQL:
/// only generated names hold two underscores in a row, so that no entity can be named into an index.
/// </summary>
internal static class SqlNaming
{
    /// <summary>PostgreSQL cuts longer names silently, and two could become one.</summary>
    private const int MaxLength = 63;

    private const int DigestLength = 10;

    internal static SqlName Table(string entity) => Fitting(Snake(entity));

    internal static SqlName Column(string field, FieldType type) =>
        Fitting(type == FieldType.Reference ? Snake(field) + "_id" : Snake(field));

    /// <summary>Begins with an underscore, as no column of a field does.</summary>
    internal static SqlName BlindIndex(SqlName column) => Fitting($"_bx_{column}");

    internal static SqlName Index(SqlName table, IEnumerable<SqlName> columns, bool unique) =>
        Fitting($"{(unique ? "uq" : "ix")}__{table}__{string.Join("__", columns)}");

    internal static SqlName ForeignKey(SqlName table, SqlName column) => Fitting($"fk__{table}__{column}");

    private static string Snake(string name)
    {
        var text = new StringBuilder(name.Length + 8);
        foreach (var c in name)
        {
            if (char.IsAsciiLetterUpper(c))
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }

    private static SqlName Fitting(string name)
    {
        if (name.Length <= MaxLength)
        {
            return SqlName.Of(name);
        }

        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
        return SqlName.Of($"{name[..(MaxLength - DigestLength - 2)]}__{digest[..DigestLength]}");
    }
}
