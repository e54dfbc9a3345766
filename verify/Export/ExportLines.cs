using System.Security.Cryptography;

namespace Bulkhead.Verify.Export;

/// <summary>A file line by line, and the SHA-256 of all bytes before the line at hand. Holds one line, never the file.</summary>
internal sealed class ExportLines(Stream stream, int longest = ExportLines.LongestLine) : IDisposable
{
    public const int LongestLine = 16 << 20;

    private readonly IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] buffer = new byte[Math.Min(1 << 20, longest + 1)];
    private int hashed;
    private int start;
    private int next;
    private int filled;
    private bool ended;

    public long Number { get; private set; }

    public long BytesRead { get; private set; }

    /// <summary>The last line has no end: the file was cut, or the line is longer than any may be.</summary>
    public bool IsCut { get; private set; }

    /// <summary>The next line without its end; false at the end of the file, and at a line that has none.</summary>
    public bool Next(out ReadOnlySpan<byte> line)
    {
        start = next;
        var searched = start;
        int end;
        while ((end = buffer.AsSpan(searched, filled - searched).IndexOf((byte)'\n')) < 0)
        {
            searched = filled;
            if (ended || filled - start > longest)
            {
                IsCut = filled > start;
                line = default;
                return false;
            }

            searched -= Refill();
        }

        Number++;
        next = searched + end + 1;
        line = buffer.AsSpan(start, next - 1 - start);
        return true;
    }

    /// <summary>SHA-256 of all bytes before the line that Next gave last.</summary>
    public string DigestBefore()
    {
        HashTo(start);
        return Convert.ToHexStringLower(sha.GetCurrentHash());
    }

    public void Dispose()
    {
        sha.Dispose();
        stream.Dispose();
    }

    /// <summary>Reads on; returns by how many bytes what is in the buffer was moved down.</summary>
    private int Refill()
    {
        HashTo(start);
        var moved = start;
        buffer.AsSpan(start, filled - start).CopyTo(buffer);
        (filled, start, next, hashed) = (filled - moved, 0, 0, 0);
        if (filled == buffer.Length)
        {
            Array.Resize(ref buffer, Math.Min(buffer.Length * 2, longest + 1));
        }

        var read = filled == buffer.Length ? 0 : stream.Read(buffer, filled, buffer.Length - filled);
        ended = read == 0;
        filled += read;
        BytesRead += read;
        return moved;
    }

    private void HashTo(int end)
    {
        sha.AppendData(buffer, hashed, end - hashed);
        hashed = end;
    }
}
