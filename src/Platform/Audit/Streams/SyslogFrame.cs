using System.Globalization;
using System.Text;
using Bulkhead.Kernel.Audit.Streams;

namespace Bulkhead.Platform.Audit.Streams;

/// <summary>An entry as a message of RFC 5424, in the frame of RFC 5425 (octets counted).</summary>
internal static class SyslogFrame
{
    // Facility 13, log audit.
    private const int Audit = 13 * 8;
    private const int Notice = 5;
    private const int Warning = 4;
    private const int MaxMessageId = 32;

    /// <param name="text">The entry in the stream's format. It is MSG-ANY of RFC 5424: UTF-8 without the mark, on which JSON parsers stumble.</param>
    public static byte[] Of(StreamedEntry entry, string tenant, string text)
    {
        var priority = Audit + (entry.Result == "ok" ? Notice : Warning);
        // 32473 is the enterprise number for documentation (RFC 5612): the product has none of its own.
        var message = Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"<{priority}>1 {entry.At:yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'} - bulkhead - {MessageId(entry.Action)} [bulkhead@32473 tenant=\"{Value(tenant)}\" position=\"{entry.Position}\" leaf=\"{Convert.ToBase64String(entry.Leaf)}\"{Commitments(entry)}] {text}"));
        return [.. Encoding.ASCII.GetBytes(message.Length.ToString(CultureInfo.InvariantCulture) + " "), .. message];
    }

    private static string Commitments(StreamedEntry entry) =>
        entry.Commitments.Length == 0 ? "" : $" commitments=\"{Value(entry.Commitments)}\"";

    /// <summary>1 to 32 printable characters of ASCII.</summary>
    private static string MessageId(string action)
    {
        var id = new string([.. action.Where(c => c is > ' ' and < '\u007f').Take(MaxMessageId)]);
        return id.Length == 0 ? "-" : id;
    }

    /// <summary>In a PARAM-VALUE three characters are escaped.</summary>
    private static string Value(string text) => text
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("]", "\\]", StringComparison.Ordinal);
}
