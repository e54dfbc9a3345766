using System.Security.Cryptography;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>The opening of the commitment at a position of the log.</summary>
internal readonly record struct ActOpening(ulong Position, ulong Value, Scalar Blinding);

/// <summary>A commitment of the log, and the proof that its value is below the bound; null where the bundle has none.</summary>
internal readonly record struct ActProof(ulong Position, ReadOnlyMemory<byte> Commitment, ReadOnlyMemory<byte>? Proof);

/// <summary>
/// Every single value is below the bound. A proof for each act, which says nothing of any other, so proving and verifying go through a
/// stream and keep no more than one batch of it.
/// </summary>
internal static class EachBelowProof
{
    public static int LengthOf(Statement statement) => ProofHeader.Length + BoundProof.LengthOf(statement);

    public static IEnumerable<(ulong Position, byte[] Proof)> Prove(Statement statement, IEnumerable<ActOpening> openings) =>
        Prove(Generators.Ours, statement, openings, RandomNumberGenerator.Fill);

    /// <exception cref="ArgumentException">The statement is of another kind, or is not true of an act.</exception>
    internal static IEnumerable<(ulong Position, byte[] Proof)> Prove(
        Generators generators, Statement statement, IEnumerable<ActOpening> openings, FillRandom fill)
    {
        ProofHeader.Require(statement, StatementKind.EachBelow, null);
        var begun = statement.Begin(generators);
        var prover = new RangeProver(generators, fill);
        var next = statement.Range.From;
        foreach (var act in openings)
        {
            if (act.Value >= statement.Number || act.Position < next || act.Position >= statement.Range.To)
            {
                throw new ArgumentException(
                    "An act's value is not below the bound, or acts do not come in the order of their positions, within the range",
                    nameof(openings));
            }

            next = act.Position + 1;
            var proof = new byte[LengthOf(statement)];
            var rest = ProofHeader.Write(proof, StatementKind.EachBelow);
            BoundProof.Prove(prover, generators, statement, At(begun, act.Position), act.Value, act.Blinding, rest);
            yield return (act.Position, proof);
        }
    }

    /// <summary>The first position that fails, or none. Every act that has the attribute must come: the log says which have it.</summary>
    public static (ProofVerdict Verdict, ulong? Position) Verify(Statement statement, IEnumerable<ActProof> acts) =>
        Verify(Generators.Ours, statement, acts);

    internal static (ProofVerdict Verdict, ulong? Position) Verify(
        Generators generators, Statement statement, IEnumerable<ActProof> acts)
    {
        ProofHeader.Require(statement, StatementKind.EachBelow, null);
        var begun = statement.Begin(generators);
        var next = statement.Range.From;
        foreach (var chunk in acts.Chunk(RangeBatch.Most / statement.RangeProofs))
        {
            using var batch = new RangeBatch(generators);
            foreach (var act in chunk)
            {
                if (act.Position < next || act.Position >= statement.Range.To || !TryAdd(batch, statement, begun, act))
                {
                    return (ProofVerdict.Malformed, act.Position);
                }

                next = act.Position + 1;
            }

            if (!batch.Holds())
            {
                return (ProofVerdict.DoesNotHold, FirstFailing(generators, statement, begun, chunk));
            }
        }

        return (ProofVerdict.Holds, null);
    }

    private static ulong FirstFailing(Generators generators, Statement statement, Transcript begun, ActProof[] chunk)
    {
        foreach (var act in chunk)
        {
            using var single = new RangeBatch(generators);
            if (!TryAdd(single, statement, begun, act) || !single.Holds())
            {
                return act.Position;
            }
        }

        throw new InvalidOperationException("A batch fails of which every proof holds");
    }

    private static bool TryAdd(RangeBatch batch, Statement statement, Transcript begun, ActProof act)
    {
        if (act.Proof is not { } bytes || bytes.Length != LengthOf(statement))
        {
            return false;
        }

        var proof = bytes.Span;
        using var commitment = CurvePoint.TryRead(act.Commitment.Span);
        return ProofHeader.TryRead(ref proof, StatementKind.EachBelow)
            && commitment is not null
            && BoundProof.TryAdd(batch, statement, At(begun, act.Position), commitment, proof);
    }

    private static Transcript At(Transcript begun, ulong position)
    {
        var transcript = begun.Fork();
        transcript.Append("position"u8, position);
        return transcript;
    }
}
