using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Tests.System.Keys;

/// <summary>A word that stands nowhere by chance, and every form in which its bytes may lie somewhere.</summary>
internal sealed class PlantedWord
{
    // No run of it stands twice, so that no compression hides it.
    public PlantedWord(string mark) => Text = mark + RandomNumberGenerator.GetHexString(24);

    public string Text { get; }

    public IEnumerable<(string Form, byte[] Bytes)> Forms => FormsOf(Text);

    /// <summary>UTF-8, UTF-16 of both orders, hexadecimal of it in both cases, and base64 whatever stands before it.</summary>
    public static IEnumerable<(string Form, byte[] Bytes)> FormsOf(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        yield return ("UTF-8", utf8);
        yield return ("UTF-16", Encoding.Unicode.GetBytes(text));
        yield return ("UTF-16 big endian", Encoding.BigEndianUnicode.GetBytes(text));
        yield return ("hexadecimal", Encoding.ASCII.GetBytes(Convert.ToHexString(utf8)));
        yield return ("lower hexadecimal", Encoding.ASCII.GetBytes(Convert.ToHexString(utf8).ToLowerInvariant()));
        for (var before = 0; before < 3; before++)
        {
            // Characters that hold bits of what stands before or behind are left out.
            var whole = Convert.ToBase64String([.. new byte[before], .. utf8]).TrimEnd('=');
            var first = ((before * 8) + 5) / 6;
            var last = (before + utf8.Length) * 8 / 6;
            yield return ($"base64 after {before}", Encoding.ASCII.GetBytes(whole[first..last]));
        }
    }

    /// <summary>Each file that holds one of the patterns, with what it holds.</summary>
    public static IEnumerable<string> FoundIn(IEnumerable<string> files, IReadOnlyCollection<(string Form, byte[] Bytes)> patterns)
    {
        foreach (var file in files)
        {
            foreach (var found in FoundIn(file, patterns))
            {
                yield return found;
            }
        }
    }

    private static IEnumerable<string> FoundIn(string file, IReadOnlyCollection<(string Form, byte[] Bytes)> patterns)
    {
        byte[] content;
        try
        {
            content = File.ReadAllBytes(file);
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            // A file of the server's that it removed since the folder was listed.
            yield break;
        }

        foreach (var (form, bytes) in patterns)
        {
            if (content.AsSpan().IndexOf(bytes) is >= 0 and var at)
            {
                yield return $"{form} in {file} at {at}";
            }
        }
    }

    /// <summary>All regular files below a folder; sockets and links are none.</summary>
    public static IEnumerable<string> FilesOf(string folder) =>
        new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories)
            .Where(file => file.LinkTarget is null && (file.Attributes & (FileAttributes.Device | FileAttributes.ReparsePoint)) == 0
                && file.UnixFileMode != UnixFileMode.None && !file.Name.StartsWith(".s.", StringComparison.Ordinal))
            .Select(file => file.FullName);
}
