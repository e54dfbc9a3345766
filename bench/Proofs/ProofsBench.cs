using System.Globalization;
using System.Security.Cryptography;
using Bulkhead.Bench.Measure;
using Bulkhead.Kernel.Proofs;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Bench.Proofs;

/// <summary>Commitments and proofs beside the multiples of points that libcrypto cannot be spared, on one thread.</summary>
internal static class ProofsBench
{
    private const string Attribute = "bytesExported";
    private const string Tenant = "0198c0de-0000-7000-8000-000000000001";
    private const ulong Bound = 1UL << 40;

    private const int BytesGoal = 700;

    /// <summary>In a second of one core: verify in under 3 ms.</summary>
    private const double VerifyGoal = 1000 / 3.0;

    public static async Task<IReadOnlyList<Measured>> RunAsync(
        BenchOptions options, int postmaster, Action<string> progress, CancellationToken cancellationToken)
    {
        var measured = new List<Measured>();
        foreach (var group in (Group[])[Commitments(), Ranges(), Totals()])
        {
            measured.Add(await Interleaved.RunAsync(group, options with { Concurrency = 1 }, postmaster, progress, cancellationToken));
        }

        return measured;
    }

    private static Group Commitments()
    {
        var blinding = Pedersen.NewBlinding();
        return new(
            "Commitments",
            "One caller. Bare: one call of libcrypto for value · G + blinding · H, and its compressed form. Bulkhead: tables for both "
            + "points, all values in the same time. Opening one anew is the same work as making it. Each number up to 25: of a page whose "
            + "records are counted by the act's own statement, all of them together.",
            [
                Call("bare, one call", null, () =>
                {
                    var commitment = new byte[CurvePoint.Length];
                    var value = Scalar.From(123_456_789UL);
                    CurvePoint[] points = [Generators.Ours.Blinding];
                    Scalar[] scalars = [blinding];
                    return () =>
                    {
                        using var sum = P256.Sum(value, points, scalars);
                        sum.Write(commitment);
                    };
                }),
                Call("Bulkhead, committed", "bare, one call", () =>
                {
                    var commitment = new byte[CurvePoint.Length];
                    return () => Pedersen.Commit(123_456_789, blinding, commitment);
                }),
                Call("Bulkhead, blinding drawn and committed", "bare, one call", () =>
                {
                    var commitment = new byte[CurvePoint.Length];
                    return () => Pedersen.Commit(123_456_789, Pedersen.NewBlinding(), commitment);
                }),
                Call("Bulkhead, each number up to 25", "bare, one call", () => () => Pedersen.CommitUpTo(25, blinding)),
                Call("Bulkhead, each number up to 200", "bare, one call", () => () => Pedersen.CommitUpTo(200, blinding)),
            ]);
    }

    private static Group Ranges()
    {
        var generators = Generators.Ours;
        var blinding = Pedersen.NewBlinding();
        var commitment = Pedersen.CommitScalar(generators, Scalar.From(123_456_789UL), blinding);
        var prover = new RangeProver(generators, RandomNumberGenerator.Fill);
        var proof = prover.Prove(new Transcript(generators), commitment, 123_456_789, blinding);
        CurvePoint[] points = [.. generators.Left, .. generators.Right, .. generators.Left[..13]];
        var scalars = points.Select(_ => Scalar.Random()).ToArray();
        return new(
            "Range proofs of 64 bits",
            string.Create(
                CultureInfo.InvariantCulture,
                $"One caller. A proof has {proof.Length} bytes, of {BytesGoal} at most: ")
            + (proof.Length <= BytesGoal ? "reached" : "**missed**")
            + ". Bare: one multiplication of 141 points in one call, and 141 calls. 64 verified together: one sum, and the "
            + "time is of all of them. Goal: a proof verified in under 3 ms.",
            [
                Call("bare, 141 points in one call", null, () => () => P256.Sum(Scalar.One, points, scalars).Dispose()),
                Call("bare, 141 calls", "bare, 141 points in one call", () => () =>
                {
                    for (var i = 0; i < points.Length; i++)
                    {
                        P256.Sum(Scalar.Zero, points.AsSpan(i, 1), scalars.AsSpan(i, 1)).Dispose();
                    }
                }),
                Call("Bulkhead, verified", "bare, 141 points in one call", () => () =>
                    RequireHolds(Batch(generators, commitment, proof, 1))) with { PerCoreGoal = VerifyGoal },
                Call("Bulkhead, 64 verified together", "bare, 141 points in one call", () => () =>
                    RequireHolds(Batch(generators, commitment, proof, RangeBatch.Most))),
                Call("Bulkhead, proven", "bare, 141 points in one call", () => () =>
                    prover.Prove(new Transcript(generators), commitment, 123_456_789, blinding)),
            ]);
    }

    private static Group Totals()
    {
        var range = new LogRange(
            Tenant, "bulkhead.example/log", new(0, new byte[32]), new(1_000_000, new byte[32]), 0, 1_000_000);
        var blinding = Pedersen.NewBlinding();
        var commitment = Pedersen.Commit(1000, blinding);
        var total = Statement.Total(range, Attribute, 1000);
        var below = Statement.TotalBelow(range, Attribute, Bound);
        var commitments = new CoveredCommitments(range);
        commitments.TryAdd(1, commitment);
        var opening = new TotalOpening(range);
        opening.Add(1, commitment, 1000, blinding);
        var totalProof = TotalProof.Prove(total, opening);
        var belowProof = TotalBelowProof.Prove(below, opening);
        return new(
            "Totals",
            string.Create(
                CultureInfo.InvariantCulture,
                $"One caller. A total has {totalProof.Length} bytes, a total below a bound {belowProof.Length}. Added: one commitment of ")
            + "the range, read, digested and added by the verifier, or digested and added with its opening by the prover. Bare: a point "
            + "read and added by libcrypto alone.",
            [
                Call("bare, read and added", null, () =>
                {
                    var point = CurvePoint.Infinity();
                    var sum = CurvePoint.Infinity();
                    return () =>
                    {
                        Libcrypto.Require(Libcrypto.EC_POINT_oct2point(
                            P256.Group, point, commitment, CurvePoint.Length, Workspace.Mine.Context));
                        sum.Add(point);
                    };
                }),
                Call("Bulkhead, verifier adds one", "bare, read and added", () =>
                {
                    var covered = new CoveredCommitments(Everything);
                    ulong position = 0;
                    return () => covered.TryAdd(position++, commitment);
                }),
                Call("Bulkhead, prover adds one", "bare, read and added", () =>
                {
                    var sums = new TotalOpening(Everything);
                    ulong position = 0;
                    return () => sums.Add(position++, commitment, 1000, blinding);
                }),
                Call("total, proven", null, () => () => TotalProof.Prove(total, opening)),
                Call("total, verified", null, () => () => RequireHolds(TotalProof.Verify(total, commitments, totalProof))),
                Call("total below, proven", null, () => () => TotalBelowProof.Prove(below, opening)),
                Call("total below, verified", null, () => () => RequireHolds(TotalBelowProof.Verify(below, commitments, belowProof))),
            ]);
    }

    private static LogRange Everything => new(
        Tenant, "bulkhead.example/log", new(0, new byte[32]), new(ulong.MaxValue, new byte[32]), 0, ulong.MaxValue);

    private static ProofVerdict Batch(Generators generators, CurvePoint commitment, byte[] proof, int times)
    {
        using var batch = new RangeBatch(generators);
        for (var i = 0; i < times; i++)
        {
            batch.TryAdd(new Transcript(generators), commitment, proof);
        }

        return batch.Count == times && batch.Holds() ? ProofVerdict.Holds : ProofVerdict.DoesNotHold;
    }

    private static void RequireHolds(ProofVerdict verdict)
    {
        if (verdict != ProofVerdict.Holds)
        {
            throw new InvalidOperationException("What is measured does not hold.");
        }
    }

    private static Variant Call(string name, string? comparedWith, Func<Action> caller) =>
        new(name, comparedWith, new RepeatedLoad(caller), () => ProcessTime.OfProcess(Environment.ProcessId), InProcess: true);
}
