using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// One commitment is to a number below the statement's bound: a range proof that it is a number of 64 bits, and unless the bound is 2^64,
/// another that bound - 1 - number is one. Both together, since each alone lets a negative number through.
/// </summary>
internal static class BoundProof
{
    public static int LengthOf(Statement statement) => statement.RangeProofs * RangeProof.Length;

    /// <param name="transcript">Has the statement and says which commitment this is.</param>
    public static void Prove(
        RangeProver prover,
        Generators generators,
        Statement statement,
        Transcript transcript,
        ulong value,
        in Scalar blinding,
        Span<byte> destination)
    {
        using var commitment = Pedersen.CommitScalar(generators, Scalar.From(value), blinding);
        prover.Prove(Part(transcript, "value"u8), commitment, value, blinding).CopyTo(destination);
        if (statement.RangeProofs > 1)
        {
            using var distance = Distance(statement, commitment);
            prover.Prove(Part(transcript, "distance"u8), distance, (ulong)(statement.Number - 1) - value, -blinding)
                .CopyTo(destination[RangeProof.Length..]);
        }
    }

    /// <summary>Adds what is to be checked to the batch; false for bytes that are no proof.</summary>
    public static bool TryAdd(
        RangeBatch batch, Statement statement, Transcript transcript, CurvePoint commitment, ReadOnlySpan<byte> proof)
    {
        if (!batch.TryAdd(Part(transcript, "value"u8), commitment, proof[..RangeProof.Length]))
        {
            return false;
        }

        if (statement.RangeProofs == 1)
        {
            return true;
        }

        using var distance = Distance(statement, commitment);
        return batch.TryAdd(Part(transcript, "distance"u8), distance, proof[RangeProof.Length..]);
    }

    private static Transcript Part(Transcript transcript, ReadOnlySpan<byte> part)
    {
        var own = transcript.Fork();
        own.Append("part"u8, part);
        return own;
    }

    /// <summary>(bound - 1) · G - commitment.</summary>
    private static CurvePoint Distance(Statement statement, CurvePoint commitment)
    {
        var distance = CurvePoint.Infinity();
        P256.MultiplyGenerator(Scalar.From(statement.Number - 1), distance);
        distance.Subtract(commitment);
        return distance;
    }
}
