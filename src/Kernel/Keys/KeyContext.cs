using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// What a key or a ciphertext is bound to: parts, each with its length before it (4 bytes, big endian), so that no two lists of
/// parts are the same bytes.
/// </summary>
internal sealed class KeyContext
{
    private readonly ArrayBufferWriter<byte> _bytes = new(128);

    public KeyContext(string label) => Add(label);

    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    public ReadOnlyMemory<byte> Memory => _bytes.WrittenMemory;

    public KeyContext Add(string part)
    {
        var length = Encoding.UTF8.GetByteCount(part);
        BinaryPrimitives.WriteInt32BigEndian(_bytes.GetSpan(4), length);
        _bytes.Advance(4);
        Encoding.UTF8.GetBytes(part, _bytes.GetSpan(length));
        _bytes.Advance(length);
        return this;
    }

    public KeyContext Add(Guid part)
    {
        BinaryPrimitives.WriteInt32BigEndian(_bytes.GetSpan(4), 16);
        _bytes.Advance(4);
        part.TryWriteBytes(_bytes.GetSpan(16), bigEndian: true, out _);
        _bytes.Advance(16);
        return this;
    }

    public KeyContext Add(int part)
    {
        BinaryPrimitives.WriteInt64BigEndian(_bytes.GetSpan(8), (4L << 32) | (uint)part);
        _bytes.Advance(8);
        return this;
    }
}
