using System.Buffers.Binary;
using System.Security.Cryptography;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// The commitments that a total is made of, one after the other in the order of their positions, and nothing of them kept but what a proof
/// needs: how many, a digest over all, their sum. A million takes no more memory than one.
/// </summary>
internal sealed class CoveredCommitments(LogRange range) : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private ulong _next = range.From;

    public LogRange Range => range;

    public ulong Count { get; private set; }

    /// <summary>The sum of the points: a commitment to the total.</summary>
    public CurvePoint Sum { get; } = CurvePoint.Infinity();

    /// <summary>False, and nothing is taken, for what is no commitment or does not come behind the last one within the range.</summary>
    public bool TryAdd(ulong position, ReadOnlySpan<byte> commitment)
    {
        using var point = CurvePoint.TryRead(commitment);
        if (point is null || !TryHash(position, commitment))
        {
            return false;
        }

        Sum.Add(point);
        return true;
    }

    /// <summary>Counts and digests only: for the prover, who has the sum's opening and needs no point of it.</summary>
    internal bool TryHash(ulong position, ReadOnlySpan<byte> commitment)
    {
        if (position < _next || position >= range.To)
        {
            return false;
        }

        Span<byte> at = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(at, position);
        _hash.AppendData(at);
        _hash.AppendData(commitment);
        _next = position + 1;
        Count++;
        return true;
    }

    internal void AppendTo(Transcript transcript)
    {
        transcript.Append("count"u8, Count);
        transcript.Append("commitments"u8, _hash.GetCurrentHash());
    }

    public void Dispose()
    {
        _hash.Dispose();
        Sum.Dispose();
    }
}

/// <summary>What the prover knows of the same commitments: the sums of the values and of the blindings.</summary>
internal sealed class TotalOpening(LogRange range) : IDisposable
{
    internal CoveredCommitments Commitments { get; } = new(range);

    public UInt128 Total { get; private set; }

    internal Scalar Blinding { get; private set; }

    /// <exception cref="ArgumentException">The position is outside of the range, or not behind the last one.</exception>
    public void Add(ulong position, ReadOnlySpan<byte> commitment, ulong value, in Scalar blinding)
    {
        if (commitment.Length != CurvePoint.Length || !Commitments.TryHash(position, commitment))
        {
            throw new ArgumentException("Commitments come in the order of their positions, within the range", nameof(position));
        }

        // Fewer than 2^64 numbers below 2^64: the sum stays below 2^128.
        Total += value;
        Blinding += blinding;
    }

    public void Dispose()
    {
        Blinding = default;
        Commitments.Dispose();
    }
}
