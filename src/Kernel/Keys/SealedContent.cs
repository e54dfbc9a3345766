using System.Numerics;
using System.Text;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// What is in an envelope: the fields of one data class of one row that have a value. For each: length of the name (1 byte), name
/// (UTF-8), type (1 byte, <see cref="ColumnType"/>), length of the value (7 bits a byte, least first), value. Zero bytes fill up to a
/// multiple of 32, so that a length tells little. Values: texts and JSON in UTF-8; decimals as their text; integers and timestamps
/// (100 ns since 0001-01-01 UTC) in 8 bytes, dates (days since then) in 4, booleans in 1, UUIDs in 16, all big endian.
/// </summary>
public ref struct SealedContent(ReadOnlySpan<byte> content)
{
    private readonly int _length = content.Length;
    private ReadOnlySpan<byte> _rest = content;

    public ReadOnlySpan<byte> Name { get; private set; }

    public ColumnType Type { get; private set; }

    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>Where the value begins in the content.</summary>
    public readonly int Start => _length - _rest.Length - Value.Length;

    /// <summary>Goes to the next field; false when there is none.</summary>
    /// <exception cref="TenantFault">It is no such content (RecordDamaged): it was sealed by something else.</exception>
    public bool Read()
    {
        if (_rest.IsEmpty || _rest[0] == 0)
        {
            return false;
        }

        var name = _rest[0];
        if (_rest.Length < name + 3)
        {
            throw new TenantFault(TenantFaultKind.RecordDamaged);
        }

        Name = _rest.Slice(1, name);
        Type = (ColumnType)_rest[1 + name];
        _rest = _rest[(2 + name)..];
        var length = ReadLength();
        if (length > _rest.Length)
        {
            throw new TenantFault(TenantFaultKind.RecordDamaged);
        }

        Value = _rest[..length];
        _rest = _rest[length..];
        return true;
    }

    private int ReadLength()
    {
        var length = 0L;
        for (var i = 0; i < 5 && i < _rest.Length; i++)
        {
            length |= (long)(_rest[i] & 0x7F) << (7 * i);
            if (_rest[i] < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return length <= int.MaxValue ? (int)length : throw new TenantFault(TenantFaultKind.RecordDamaged);
            }
        }

        throw new TenantFault(TenantFaultKind.RecordDamaged);
    }
}

/// <summary>Writes what <see cref="SealedContent"/> reads. Reused from row to row; zeroes what it held.</summary>
public sealed class SealedContentWriter
{
    private const int Padding = 32;
    private byte[] _buffer = GC.AllocateUninitializedArray<byte>(512, pinned: true);
    private int _length;

    public void Add(ReadOnlySpan<byte> name, ColumnType type, ReadOnlySpan<byte> value)
    {
        if (name.Length is 0 or > 255)
        {
            throw new ArgumentException("A name has 1 to 255 bytes.", nameof(name));
        }

        Reserve(name.Length + value.Length + 7);
        _buffer[_length++] = (byte)name.Length;
        name.CopyTo(_buffer.AsSpan(_length));
        _length += name.Length;
        _buffer[_length++] = (byte)type;
        var left = value.Length;
        while (left >= 0x80)
        {
            _buffer[_length++] = (byte)(left | 0x80);
            left >>= 7;
        }

        _buffer[_length++] = (byte)left;
        value.CopyTo(_buffer.AsSpan(_length));
        _length += value.Length;
    }

    public void AddText(ReadOnlySpan<byte> name, ColumnType type, string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        if (length <= 512)
        {
            Span<byte> utf8 = stackalloc byte[512];
            Add(name, type, utf8[..Encoding.UTF8.GetBytes(text, utf8)]);
        }
        else
        {
            Add(name, type, Encoding.UTF8.GetBytes(text));
        }
    }

    public void AddNumber<T>(ReadOnlySpan<byte> name, ColumnType type, T number)
        where T : IBinaryInteger<T>
    {
        Span<byte> bytes = stackalloc byte[8];
        Add(name, type, bytes[..number.WriteBigEndian(bytes)]);
    }

    /// <summary>What was added, filled up; valid until <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        var padded = Math.Max(Padding, (_length + Padding - 1) / Padding * Padding);
        Reserve(padded - _length);
        _buffer.AsSpan(_length, padded - _length).Clear();
        return _buffer.AsSpan(0, padded);
    }

    public void Clear()
    {
        System.Security.Cryptography.CryptographicOperations.ZeroMemory(_buffer.AsSpan(0, _length));
        _length = 0;
    }

    private void Reserve(int more)
    {
        if (_buffer.Length - _length >= more)
        {
            return;
        }

        var larger = GC.AllocateUninitializedArray<byte>(Math.Max(_buffer.Length * 2, _length + more), pinned: true);
        _buffer.AsSpan(0, _length).CopyTo(larger);
        System.Security.Cryptography.CryptographicOperations.ZeroMemory(_buffer);
        _buffer = larger;
    }
}
