using System.Buffers.Binary;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>Up to 256 leaves as tlog-tiles serves them: each after its length, two bytes, big endian.</summary>
public static class EntryBundle
{
    /// <summary>Bytes: no longer entry can be served, so none may be logged.</summary>
    public const int MaxEntryLength = ushort.MaxValue;

    private const int PrefixLength = 2;

    /// <exception cref="ArgumentException">None or too many, or one is too long.</exception>
    public static byte[] Write(IReadOnlyList<byte[]> entries)
    {
        if (entries.Count is 0 or > Tiles.Width || entries.Any(entry => entry.Length > MaxEntryLength))
        {
            throw new ArgumentException($"A bundle has 1 to {Tiles.Width} entries of at most {MaxEntryLength} bytes.", nameof(entries));
        }

        var bundle = new byte[entries.Sum(entry => PrefixLength + entry.Length)];
        var rest = bundle.AsSpan();
        foreach (var entry in entries)
        {
            BinaryPrimitives.WriteUInt16BigEndian(rest, (ushort)entry.Length);
            entry.CopyTo(rest[PrefixLength..]);
            rest = rest[(PrefixLength + entry.Length)..];
        }

        return bundle;
    }

    /// <summary>The entries; null when they are not as many as the path says, or bytes are missing or left over.</summary>
    /// <param name="width">1 to 256.</param>
    public static List<ReadOnlyMemory<byte>>? Read(ReadOnlyMemory<byte> bundle, int width)
    {
        var entries = new List<ReadOnlyMemory<byte>>();
        while (entries.Count < Math.Min(width, Tiles.Width))
        {
            if (bundle.Length < PrefixLength || bundle.Length - PrefixLength < BinaryPrimitives.ReadUInt16BigEndian(bundle.Span))
            {
                return null;
            }

            var length = BinaryPrimitives.ReadUInt16BigEndian(bundle.Span);
            entries.Add(bundle.Slice(PrefixLength, length));
            bundle = bundle[(PrefixLength + length)..];
        }

        return bundle.IsEmpty && entries.Count == width ? entries : null;
    }
}
