namespace Bulkhead.Verify.Totals;

/// <summary>Does a proof hold for a statement over these commitments? Each answer is what is wrong, or null. docs/formats/total-proof.md, 4 and 6.</summary>
internal static class TotalProof
{
    private const byte Version = 1;
    private const int Prefix = 2;
    private const int SizeOfTotal = Prefix + Point.Size + Field.Size;

    private const string NoSuchForm = "it holds something that is no point of the curve, or no number below the group's order";

    public static string? Fault(Statement statement, CommittedNumbers numbers, ReadOnlySpan<byte> proof)
    {
        var transcript = statement.Begin();
        numbers.AppendTo(transcript);
        return statement.Kind == TotalKind.Total
            ? FaultOfTotal(statement, transcript, numbers.Sum, proof)
            : FaultOfRange(statement, transcript, numbers.Sum, proof);
    }

    /// <summary>Of kinds below and each: adds what is infinity if it holds to a sum.</summary>
    public static string? AddRange(MultiSum sum, Statement statement, Transcript transcript, Point committed, ReadOnlySpan<byte> proof)
    {
        var bounded = statement.Number < Statement.LargestBound;
        if (FaultOfPrefix(statement, proof, Prefix + (bounded ? 2 : 1) * RangeProof.Size) is { } fault)
        {
            return fault;
        }

        return Part(sum, transcript, "value", committed, proof.Slice(Prefix, RangeProof.Size))
            && (!bounded || Part(sum, transcript, "distance", Distance(statement, committed), proof[(Prefix + RangeProof.Size)..]))
                ? null : NoSuchForm;
    }

    /// <summary>One by one, once it is known that something is wrong: which of both parts does not hold.</summary>
    public static string? FaultOfRange(Statement statement, Transcript transcript, Point committed, ReadOnlySpan<byte> proof)
    {
        var sum = new MultiSum();
        if (AddRange(sum, statement, transcript, committed, proof) is { } fault)
        {
            return fault;
        }

        if (sum.Value().IsInfinity)
        {
            return null;
        }

        var value = new MultiSum();
        Part(value, transcript, "value", committed, proof.Slice(Prefix, RangeProof.Size));
        return value.Value().IsInfinity
            ? "its second half does not show that the bound is above: the number is not below it, or this is the proof of another statement"
            : "its first half does not show a number from 0 to 2^64 - 1: it is negative or too large, or this is the proof of another statement";
    }

    private static string? FaultOfTotal(Statement statement, Transcript transcript, Point committed, ReadOnlySpan<byte> proof)
    {
        if (FaultOfPrefix(statement, proof, SizeOfTotal) is { } fault)
        {
            return fault;
        }

        var r = proof.Slice(Prefix, Point.Size);
        if (Point.Read(r) is not { } pointR || RangeProof.Scalar(proof[(Prefix + Point.Size)..]) is not { } s)
        {
            return NoSuchForm;
        }

        transcript.Append("R", r);
        var c = transcript.Challenge("c");
        var sum = new MultiSum { G = c * (System.Numerics.BigInteger)statement.Number, H = s };
        sum.Add(-1, pointR);
        sum.Add(-c, committed);
        return sum.Value().IsInfinity ? null : "the total is another, or this is the proof of another statement";
    }

    private static string? FaultOfPrefix(Statement statement, ReadOnlySpan<byte> proof, int size) =>
        proof.Length != size ? $"it has {proof.Length} bytes, and one of this statement has {size}"
            : proof[0] != Version || proof[1] != (byte)statement.Kind ? "it is not of version 1, or is one of another kind" : null;

    private static bool Part(MultiSum sum, Transcript transcript, string part, Point committed, ReadOnlySpan<byte> proof)
    {
        var fork = transcript.Fork();
        fork.Append("part", part);
        return RangeProof.AddTo(sum, fork, committed, proof);
    }

    private static Point Distance(Statement statement, Point committed)
    {
        var bound = new MultiSum { G = (System.Numerics.BigInteger)(statement.Number - 1) };
        bound.Add(-1, committed);
        return bound.Value();
    }
}
