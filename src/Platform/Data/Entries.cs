using System.Collections.Immutable;

namespace Bulkhead.Platform.Data;

/// <summary>
/// Details of audit entries: ordered by the bytes of their names, as canonical JSON (RFC 8785) wants them.
/// </summary>
internal static class Entries
{
    public static ImmutableSortedDictionary<string, string> NoDetails { get; } =
        ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    public static ImmutableSortedDictionary<string, string> Detail(string name, string value) =>
        NoDetails.Add(name, value);
}
