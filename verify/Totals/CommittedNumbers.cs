using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Bulkhead.Verify.Totals;

/// <summary>The commitments that a statement is about, by rising position; of all of them it keeps their number, their sum and one digest.</summary>
internal sealed class CommittedNumbers : IDisposable
{
    private readonly IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public ulong Count { get; private set; }

    public Point Sum { get; private set; } = Point.Infinity;

    /// <summary>The bytes are those of the point.</summary>
    public void Add(ulong position, ReadOnlySpan<byte> bytes, Point point)
    {
        Span<byte> before = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(before, position);
        sha.AppendData(before);
        sha.AppendData(bytes);
        Sum += point;
        Count++;
    }

    public void AppendTo(Transcript transcript)
    {
        transcript.Append("count", Count);
        transcript.Append("commitments", sha.GetCurrentHash());
    }

    public void Dispose() => sha.Dispose();
}
