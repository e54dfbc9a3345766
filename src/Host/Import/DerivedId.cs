using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Host.Import;

/// <summary>
/// Ids for rows that have none: a UUID of version 8 (RFC 9562 section 5.8) from SHA-256 over app, collection, the
/// values of the named columns and the ordinal among the file's rows with the same values. So identical rows stay
/// distinct, and a second run over the same file derives the same ids. Not secret: who knows the values can derive the id.
/// </summary>
/// <remarks>Keeps about 40 bytes per distinct set of values until the end of the file.</remarks>
internal sealed class DerivedId(string app, string into)
{
    private readonly Dictionary<UInt128, int> _seen = [];
    private readonly ArrayBufferWriter<byte> _text = new(1024);

    /// <summary>Call once per row, in the order of the file.</summary>
    public Guid Next(ReadOnlySpan<string> values)
    {
        _text.ResetWrittenCount();
        Append("bulkhead import id 1");
        Append(app);
        Append(into);
        foreach (var value in values)
        {
            Append(value);
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(_text.WrittenSpan, hash);
        var key = BinaryPrimitives.ReadUInt128BigEndian(hash);
        var ordinal = _seen.TryGetValue(key, out var seen) ? seen : 0;
        _seen[key] = ordinal + 1;

        BinaryPrimitives.WriteInt32BigEndian(_text.GetSpan(4), ordinal);
        _text.Advance(4);
        SHA256.HashData(_text.WrittenSpan, hash);
        return Version8(hash);
    }

    /// <param name="hash">At least 16 bytes; the version and variant bits are overwritten.</param>
    public static Guid Version8(Span<byte> hash)
    {
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }

    /// <summary>Length first, so that no two lists of values give the same bytes.</summary>
    private void Append(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        BinaryPrimitives.WriteInt32BigEndian(_text.GetSpan(4), length);
        _text.Advance(4);
        Encoding.UTF8.GetBytes(value, _text.GetSpan(length));
        _text.Advance(length);
    }
}
