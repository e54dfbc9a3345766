using System.Security.Cryptography;

namespace Bulkhead.Kernel.Proofs;

/// <summary>The sum of the commitments is one to a total below the bound, and the total stays hidden. 1,378 bytes (690 for 2^64).</summary>
internal static class TotalBelowProof
{
    public static int LengthOf(Statement statement) => ProofHeader.Length + BoundProof.LengthOf(statement);

    public static byte[] Prove(Statement statement, TotalOpening opening) =>
        Prove(Generators.Ours, statement, opening, RandomNumberGenerator.Fill);

    /// <exception cref="ArgumentException">The statement is of another kind or range, or is not true.</exception>
    internal static byte[] Prove(Generators generators, Statement statement, TotalOpening opening, FillRandom fill)
    {
        ProofHeader.Require(statement, StatementKind.TotalBelow, opening.Commitments);
        if (opening.Total >= statement.Number)
        {
            throw new ArgumentException("The total is not below the bound", nameof(statement));
        }

        var proof = new byte[LengthOf(statement)];
        var rest = ProofHeader.Write(proof, StatementKind.TotalBelow);
        var transcript = statement.Begin(generators);
        opening.Commitments.AppendTo(transcript);
        BoundProof.Prove(
            new RangeProver(generators, fill), generators, statement, transcript, (ulong)opening.Total, opening.Blinding, rest);
        return proof;
    }

    public static ProofVerdict Verify(Statement statement, CoveredCommitments commitments, ReadOnlySpan<byte> proof) =>
        Verify(Generators.Ours, statement, commitments, proof);

    internal static ProofVerdict Verify(
        Generators generators, Statement statement, CoveredCommitments commitments, ReadOnlySpan<byte> proof)
    {
        ProofHeader.Require(statement, StatementKind.TotalBelow, commitments);
        if (proof.Length != LengthOf(statement) || !ProofHeader.TryRead(ref proof, StatementKind.TotalBelow))
        {
            return ProofVerdict.Malformed;
        }

        var transcript = statement.Begin(generators);
        commitments.AppendTo(transcript);
        using var batch = new RangeBatch(generators);
        return !BoundProof.TryAdd(batch, statement, transcript, commitments.Sum, proof) ? ProofVerdict.Malformed
            : batch.Holds() ? ProofVerdict.Holds
            : ProofVerdict.DoesNotHold;
    }
}
