using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Kernel.Isolation;

/// <summary>A numbered file under <c>schema/</c>, as it was built into the program.</summary>
internal sealed record Script(int Number, string Name, string Text)
{
    public byte[] Digest => SHA256.HashData(Encoding.UTF8.GetBytes(Text));

    /// <summary>The scripts of a folder (<c>control</c>, <c>guard</c>, <c>tenant</c>) in order.</summary>
    public static ImmutableArray<Script> Of(string folder)
    {
        var assembly = typeof(Script).Assembly;
        var prefix = $"schema/{folder}/";
        return
        [
            .. assembly.GetManifestResourceNames()
                .Where(n => n.StartsWith(prefix, StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
                .Select(n => new Script(
                    int.Parse(n.AsSpan(prefix.Length, 4), System.Globalization.CultureInfo.InvariantCulture),
                    n[prefix.Length..],
                    Read(assembly, n))),
        ];
    }

    private static string Read(System.Reflection.Assembly assembly, string name)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
