using System.Text;

namespace Bulkhead.Verify;

/// <summary>Files that are read whole: notes, policies, proofs.</summary>
internal static class SmallFile
{
    private const int Largest = 1 << 20;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static string Text(string file)
    {
        if (new FileInfo(file).Length > Largest)
        {
            throw new UnreadableException($"{file} is larger than 1 MiB");
        }

        try
        {
            return Strict.GetString(File.ReadAllBytes(file));
        }
        catch (DecoderFallbackException)
        {
            throw new UnreadableException($"{file} is not UTF-8");
        }
    }

    public static string[] Lines(string file) => Text(file).Split('\n');
}
