using System.Security.Cryptography;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

internal enum ProofVerdict
{
    Holds,

    /// <summary>The bytes are no proof of this kind.</summary>
    Malformed,

    /// <summary>They are a proof, and not of this statement over these commitments.</summary>
    DoesNotHold,
}

/// <summary>
/// The sum of the commitments is one to the total: whoever knows its blinding knows the logarithm to H of what is left when the total is
/// taken off (Schnorr 1991). 67 bytes: version, kind, R, s.
/// </summary>
internal static class TotalProof
{
    public const int Length = ProofHeader.Length + CurvePoint.Length + Scalar.Length;

    public static byte[] Prove(Statement statement, TotalOpening opening) =>
        Prove(Generators.Ours, statement, opening, RandomNumberGenerator.Fill);

    /// <exception cref="ArgumentException">The statement is of another kind or range, or is not true.</exception>
    internal static byte[] Prove(Generators generators, Statement statement, TotalOpening opening, FillRandom fill)
    {
        ProofHeader.Require(statement, StatementKind.Total, opening.Commitments);
        if (opening.Total != statement.Number)
        {
            throw new ArgumentException("The values add up to another total", nameof(statement));
        }

        var proof = new byte[Length];
        var rest = ProofHeader.Write(proof, StatementKind.Total);
        var transcript = statement.Begin(generators);
        opening.Commitments.AppendTo(transcript);
        using var nonces = new ProverNonces(transcript, opening.Total, opening.Blinding, fill);
        var nonce = nonces.Next();
        using (var r = CurvePoint.Infinity())
        {
            generators.MultiplyBlinding(nonce, r);
            RangeProver.Put("R"u8, r, transcript, ref rest);
        }

        (nonce + (transcript.Challenge("c"u8) * opening.Blinding)).Write(rest);
        return proof;
    }

    public static ProofVerdict Verify(Statement statement, CoveredCommitments commitments, ReadOnlySpan<byte> proof) =>
        Verify(Generators.Ours, statement, commitments, proof);

    /// <summary>s · H = R + c · (sum - total · G).</summary>
    internal static ProofVerdict Verify(
        Generators generators, Statement statement, CoveredCommitments commitments, ReadOnlySpan<byte> proof)
    {
        ProofHeader.Require(statement, StatementKind.Total, commitments);
        if (proof.Length != Length || !ProofHeader.TryRead(ref proof, StatementKind.Total))
        {
            return ProofVerdict.Malformed;
        }

        using var r = CurvePoint.TryRead(proof[..CurvePoint.Length]);
        if (r is null || !Scalar.TryRead(proof[CurvePoint.Length..], out var s))
        {
            return ProofVerdict.Malformed;
        }

        var transcript = statement.Begin(generators);
        commitments.AppendTo(transcript);
        transcript.Append("R"u8, r);
        var c = transcript.Challenge("c"u8);
        using var difference = P256.Sum(
            -(c * Scalar.From(statement.Number)), [r, commitments.Sum, generators.Blinding], [Scalar.One, c, -s]);
        return difference.IsInfinity ? ProofVerdict.Holds : ProofVerdict.DoesNotHold;
    }
}
