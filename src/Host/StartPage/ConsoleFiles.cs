using System.Collections.Frozen;
using System.Security.Cryptography;

namespace Bulkhead.Host.StartPage;

/// <summary>A file of <c>console/</c>, in the program itself: what is served is what was built.</summary>
internal sealed record ConsoleFile(byte[] Content, string MediaType, string ETag);

/// <summary>
/// The console's files, read once. A name that is not one of theirs is nothing: no path is ever built from a
/// request.
/// </summary>
internal static class ConsoleFiles
{
    private const string Prefix = "console/";

    public static FrozenDictionary<string, ConsoleFile> All { get; } = Load();

    private static FrozenDictionary<string, ConsoleFile> Load()
    {
        var assembly = typeof(ConsoleFiles).Assembly;
        var files = new Dictionary<string, ConsoleFile>(StringComparer.Ordinal);
        foreach (var name in assembly.GetManifestResourceNames())
        {
            if (name.StartsWith(Prefix, StringComparison.Ordinal)
                && MediaType(Path.GetExtension(name)) is { } mediaType)
            {
                using var stream = assembly.GetManifestResourceStream(name)!;
                var content = new byte[stream.Length];
                stream.ReadExactly(content);
                var digest = Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 12));
                files[name[Prefix.Length..]] = new(content, mediaType, $"\"{digest}\"");
            }
        }

        return files.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static string? MediaType(string extension) => extension switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        ".woff2" => "font/woff2",
        _ => null,
    };
}
