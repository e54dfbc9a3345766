using System.Globalization;

namespace Bulkhead.Verify;

/// <summary>So many of something, as people write it.</summary>
internal static class Plural
{
    public static string Words(long count, string one, string? many = null) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? one : many ?? one + "s")}");

    public static string Words(ulong count, string one, string? many = null) => Words((long)count, one, many);
}
