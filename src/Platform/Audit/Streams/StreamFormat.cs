using System.Collections.Frozen;
using Bulkhead.Kernel.Audit.Streams;

namespace Bulkhead.Platform.Audit.Streams;

/// <summary>How an entry is told to a collector. A format is added here and nowhere else; a stream names one when it is added.</summary>
internal static class StreamFormat
{
    /// <summary>The entry as it was sealed: canonical JSON, of which the leaf is the hash.</summary>
    public const string Json = "json";

    private static readonly FrozenDictionary<string, Func<StreamedEntry, string>> Formats =
        new Dictionary<string, Func<StreamedEntry, string>> { [Json] = entry => entry.Body }.ToFrozenDictionary();

    public static IEnumerable<string> Names => Formats.Keys.Order(StringComparer.Ordinal);

    /// <summary>Null where there is none of the name.</summary>
    public static Func<StreamedEntry, string>? Find(string name) => Formats.GetValueOrDefault(name);
}
