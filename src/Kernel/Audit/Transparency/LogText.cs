using System.Globalization;
using System.Text;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>What the line formats of transparency logs have in common. Each value has one spelling; every other is refused.</summary>
internal static class LogText
{
    private const int HashText = 44;

    /// <summary>Decimal without leading zeros, up to 2^63 - 1.</summary>
    public static bool TryNumber(ReadOnlySpan<char> text, out long number)
    {
        number = 0;
        return text.Length is > 0 and <= 19 && (text.Length == 1 || text[0] != '0') && !text.ContainsAnyExceptInRange('0', '9')
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>Base64 (RFC 4648 section 4), with padding, without white space and without bits that say nothing.</summary>
    public static byte[]? FromBase64(ReadOnlySpan<char> text)
    {
        var bytes = new byte[(text.Length / 4 * 3) + 3];
        return text.Length % 4 == 0 && Convert.TryFromBase64Chars(text, bytes, out var length)
            && text.SequenceEqual(Convert.ToBase64String(bytes, 0, length))
            ? bytes[..length]
            : null;
    }

    /// <summary>One hash a line; null for what is none.</summary>
    public static byte[]? Hash(ReadOnlySpan<char> line) =>
        line.Length == HashText && FromBase64(line) is { Length: MerkleTree.HashLength } hash ? hash : null;

    /// <summary>Hashes, one a line; null when one is none or they are too many.</summary>
    public static List<byte[]>? Hashes(ReadOnlySpan<string> lines, int atMost)
    {
        var hashes = new List<byte[]>();
        foreach (var line in lines)
        {
            if (hashes.Count == atMost || Hash(line) is not { } hash)
            {
                return null;
            }

            hashes.Add(hash);
        }

        return hashes;
    }

    public static StringBuilder AppendHashes(this StringBuilder text, IEnumerable<byte[]> hashes)
    {
        foreach (var hash in hashes)
        {
            text.Append(Convert.ToBase64String(hash)).Append('\n');
        }

        return text;
    }

    /// <summary>At most so many bytes in UTF-8, every character whole, and no control characters but newlines.</summary>
    public static bool IsPlain(string text, int maxBytes)
    {
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            if (rest[0] < ' ' && rest[0] != '\n')
            {
                return false;
            }

            if (Rune.DecodeFromUtf16(rest, out _, out var consumed) != System.Buffers.OperationStatus.Done)
            {
                return false;
            }

            rest = rest[consumed..];
        }

        return Encoding.UTF8.GetByteCount(text) <= maxBytes;
    }
}
