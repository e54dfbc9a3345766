using System.Security.Cryptography;
using Bulkhead.Kernel.Proofs;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Tests.Unit.Proofs;

/// <summary>What is not true is not proven, and a proof has one writing.</summary>
public sealed class SoundnessTests
{
    private const string Order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    private static readonly TrialLog Log = TrialLog.Of(500, 0, 12, 88);
    private static readonly Statement Total = Statement.Total(Log.Range, TrialLog.Attribute, 600);
    private static readonly Statement Below = Statement.TotalBelow(Log.Range, TrialLog.Attribute, 1000);
    private static readonly byte[] TotalBytes = TotalProof.Prove(Total, Log.Opening());
    private static readonly byte[] BelowBytes = TotalBelowProof.Prove(Below, Log.Opening());

    [Theory]
    [InlineData(599)]
    [InlineData(601)]
    [InlineData(0)]
    public void A_wrong_total_is_neither_proven_nor_verified(int total)
    {
        var wrong = Statement.Total(Log.Range, TrialLog.Attribute, (UInt128)total);
        Assert.Throws<ArgumentException>(() => TotalProof.Prove(wrong, Log.Opening()));
        Assert.Equal(ProofVerdict.DoesNotHold, TotalProof.Verify(wrong, Log.Commitments(), TotalBytes));

        // A prover who does not ask: other values with the blindings of the commitments.
        var value = (ulong)Math.Max(0, 500 - 600 + total);
        var lied = Log with { Acts = [Log.Acts[0] with { Value = value }, .. Log.Acts.Skip(1)] };
        var claimed = Statement.Total(Log.Range, TrialLog.Attribute, lied.Total);
        Assert.Equal(ProofVerdict.DoesNotHold, TotalProof.Verify(claimed, Log.Commitments(), TotalProof.Prove(claimed, lied.Opening())));
    }

    [Fact]
    public void A_negative_number_is_in_no_range()
    {
        var blinding = Pedersen.NewBlinding();
        foreach (var value in new[] { -Scalar.One, Scalar.From(UInt128.One << 64), -Scalar.From(ulong.MaxValue) })
        {
            var commitment = Pedersen.CommitScalar(Generators.Ours, value, blinding);

            // The nearest that a prover has: the number's lowest 64 bits.
            var bytes = new byte[32];
            value.Write(bytes);
            var bits = BitConverter.ToUInt64([.. bytes.AsEnumerable().Reverse().Take(8)]);
            var proof = Range(commitment, bits, blinding);
            using var batch = new RangeBatch(Generators.Ours);
            Assert.True(batch.TryAdd(new Transcript(Generators.Ours), commitment, proof));
            Assert.False(batch.Holds());
        }
    }

    [Fact]
    public void A_negative_total_is_not_below_a_bound_and_a_total_at_the_bound_is_not()
    {
        // 5 and -6: the distance to the bound alone would hold.
        var (first, second) = (Pedersen.NewBlinding(), Pedersen.NewBlinding());
        var log = TrialLog.Of(5, 0) with
        {
            Acts =
            [
                new(10, 5, first),
                new(13, 0, second) { Commitment = Pedersen.CommitScalar(Generators.Ours, -Scalar.From(6), second).ToBytes() },
            ],
        };
        var proof = TotalBelowProof.Prove(Below, log.Opening());
        Assert.Equal(ProofVerdict.DoesNotHold, TotalBelowProof.Verify(Below, log.Commitments(), proof));

        // Both parts are needed: a proof with the right distance and a part for another value, and the other way round.
        var higher = TrialLog.Of(1000);
        var lied = higher with { Acts = [higher.Acts[0] with { Value = 999 }] };
        proof = TotalBelowProof.Prove(Below, lied.Opening());
        Assert.Equal(ProofVerdict.DoesNotHold, TotalBelowProof.Verify(Below, higher.Commitments(), proof));
        var wide = Statement.TotalBelow(higher.Range, TrialLog.Attribute, Statement.HighestBound);
        var onlyValue = TotalBelowProof.Prove(wide, higher.Opening());
        Assert.Equal(ProofVerdict.Malformed, TotalBelowProof.Verify(Below, higher.Commitments(), onlyValue));
    }

    [Fact]
    public void The_two_parts_of_a_bound_are_not_each_other()
    {
        var exchanged = BelowBytes[..2].Concat(BelowBytes[690..]).Concat(BelowBytes[2..690]).ToArray();
        Assert.Equal(ProofVerdict.DoesNotHold, TotalBelowProof.Verify(Below, Log.Commitments(), exchanged));

        // Half way to the bound, both parts are of equal numbers; yet each is bound to its part.
        var half = TrialLog.Of(500);
        var statement = Statement.TotalBelow(half.Range, TrialLog.Attribute, 1001);
        var proof = TotalBelowProof.Prove(statement, half.Opening());
        var twice = proof[..690].Concat(proof[2..690]).ToArray();
        Assert.Equal(ProofVerdict.DoesNotHold, TotalBelowProof.Verify(statement, half.Commitments(), twice));
    }

    [Fact]
    public void Commitments_that_add_up_to_the_same_are_not_the_same()
    {
        // Two exchanged, and one moved: the sum is the same point.
        var a = Log.Acts;
        TrialLog[] others =
        [
            Log with { Acts = [a[0] with { Commitment = a[1].Commitment }, a[1] with { Commitment = a[0].Commitment }, a[2], a[3]] },
            Log with { Acts = [a[0], a[1], a[2], a[3] with { Position = a[3].Position + 1 }] },
            Log with { Acts = [a[0], a[1], a[2] with { Commitment = Pedersen.TryAdd(a[2].Commitment, a[3].Commitment)! }] },
        ];
        foreach (var other in others)
        {
            Assert.Equal(ProofVerdict.DoesNotHold, TotalProof.Verify(Total, other.Commitments(), TotalBytes));
            Assert.Equal(ProofVerdict.DoesNotHold, TotalBelowProof.Verify(Below, other.Commitments(), BelowBytes));
        }
    }

    [Fact]
    public void An_act_left_out_or_put_in_is_found()
    {
        var fewer = Log with { Acts = [.. Log.Acts.Skip(1)] };
        var more = Log with { Acts = [.. Log.Acts, new(800, 0, Scalar.Zero) { Commitment = Pedersen.Commit(0, Scalar.One) }] };
        foreach (var other in new[] { fewer, more })
        {
            Assert.Equal(ProofVerdict.DoesNotHold, TotalProof.Verify(Total, other.Commitments(), TotalBytes));
            Assert.Equal(ProofVerdict.DoesNotHold, TotalBelowProof.Verify(Below, other.Commitments(), BelowBytes));
        }
    }

    [Fact]
    public void Every_byte_of_a_total_matters() => EveryByte(TotalBytes, p => TotalProof.Verify(Total, Log.Commitments(), p));

    [Fact]
    public void Every_byte_of_a_total_below_a_bound_matters()
    {
        using var commitments = Log.Commitments();
        EveryByte(BelowBytes, p => TotalBelowProof.Verify(Below, commitments, p));
    }

    [Fact]
    public void Truncated_and_extended_proofs_are_malformed()
    {
        foreach (var (proof, verify) in new (byte[], Func<byte[], ProofVerdict>)[]
        {
            (TotalBytes, p => TotalProof.Verify(Total, Log.Commitments(), p)),
            (BelowBytes, p => TotalBelowProof.Verify(Below, Log.Commitments(), p)),
        })
        {
            foreach (var wrong in new[] { [], proof[..1], proof[..2], proof[..33], proof[..^1], [.. proof, 0], [.. proof, .. proof] })
            {
                Assert.Equal(ProofVerdict.Malformed, verify(wrong));
            }
        }
    }

    [Fact]
    public void A_proof_of_one_part_has_no_room_for_another()
    {
        var wide = Statement.TotalBelow(Log.Range, TrialLog.Attribute, Statement.HighestBound);
        var proof = TotalBelowProof.Prove(wide, Log.Opening());
        Assert.Equal(ProofVerdict.Malformed, TotalBelowProof.Verify(wide, Log.Commitments(), [.. proof, 0]));
        Assert.Equal(ProofVerdict.Malformed, TotalBelowProof.Verify(wide, Log.Commitments(), [.. proof, .. proof[2..]]));
    }

    [Fact]
    public void Scalars_have_one_writing_and_infinity_is_no_part()
    {
        // Each scalar's place, with the scalar plus the order where that fits: s = 0 … is written as the order too.
        foreach (var place in (int[])[132, 164, 196, 624, 656])
        {
            var over = BelowBytes.ToArray();
            Convert.FromHexString(Order).CopyTo(over, 2 + place);
            Assert.Equal(ProofVerdict.Malformed, TotalBelowProof.Verify(Below, Log.Commitments(), over));
            over.AsSpan(2 + place, 32).Clear();
            Assert.Equal(ProofVerdict.DoesNotHold, TotalBelowProof.Verify(Below, Log.Commitments(), over));
        }

        foreach (var place in Enumerable.Range(0, 4).Select(i => i * 33).Concat(Enumerable.Range(0, 12).Select(i => 228 + (i * 33))))
        {
            var infinite = BelowBytes.ToArray();
            infinite.AsSpan(2 + place, 33).Clear();
            Assert.Equal(ProofVerdict.Malformed, TotalBelowProof.Verify(Below, Log.Commitments(), infinite));
        }

        var total = TotalBytes.ToArray();
        Convert.FromHexString(Order).CopyTo(total, 35);
        Assert.Equal(ProofVerdict.Malformed, TotalProof.Verify(Total, Log.Commitments(), total));
        total = TotalBytes.ToArray();
        total.AsSpan(2, 33).Clear();
        Assert.Equal(ProofVerdict.Malformed, TotalProof.Verify(Total, Log.Commitments(), total));
    }

    [Fact]
    public void Commitments_are_taken_in_order_within_the_range_and_once()
    {
        var commitment = Log.Acts[0].Commitment;
        using var commitments = new CoveredCommitments(Log.Range);
        Assert.False(commitments.TryAdd(9, commitment));
        Assert.True(commitments.TryAdd(20, commitment));
        Assert.False(commitments.TryAdd(20, commitment));
        Assert.False(commitments.TryAdd(19, commitment));
        Assert.False(commitments.TryAdd(900, commitment));
        Assert.False(commitments.TryAdd(30, new byte[33]));
        Assert.False(commitments.TryAdd(30, commitment.AsSpan(1)));
        Assert.Equal(1UL, commitments.Count);
        Assert.Equal(commitment, commitments.Sum.ToBytes());
        using var opening = new TotalOpening(Log.Range);
        Assert.Throws<ArgumentException>(() => opening.Add(9, commitment, 1, Scalar.One));
        Assert.Throws<ArgumentException>(() => opening.Add(10, commitment.AsSpan(1), 1, Scalar.One));
    }

    [Fact]
    public void Commitments_of_another_range_are_not_taken()
    {
        var other = new LogRange(Log.Range.Tenant, Log.Range.Origin, Log.Range.Older, Log.Range.Newer, 10, 899);
        Assert.Throws<ArgumentException>(() => TotalProof.Verify(Total, new CoveredCommitments(other), TotalBytes));
        Assert.Throws<ArgumentException>(() => TotalBelowProof.Verify(Below, new CoveredCommitments(other), BelowBytes));
        Assert.Throws<ArgumentException>(() => TotalProof.Prove(Total, new TotalOpening(other)));
    }

    [Fact]
    public void The_act_whose_proof_fails_or_misses_is_named()
    {
        var log = TrialLog.Of(1, 2, 3, 4);
        var statement = Statement.EachBelow(log.Range, TrialLog.Attribute, Statement.HighestBound);
        var acts = log.WithProofs(EachBelowProof.Prove(statement, log.Openings())).ToArray();
        var exchanged = acts.ToArray();
        (exchanged[1], exchanged[2]) = (acts[1] with { Proof = acts[2].Proof }, acts[2] with { Proof = acts[1].Proof });
        Assert.Equal((ProofVerdict.DoesNotHold, 13UL), EachBelowProof.Verify(statement, exchanged));
        Assert.Equal((ProofVerdict.Malformed, 16UL), EachBelowProof.Verify(statement, [acts[0], acts[1], acts[2] with { Proof = null }]));
        Assert.Equal(
            (ProofVerdict.Malformed, 16UL),
            EachBelowProof.Verify(statement, [acts[0], acts[1], acts[2] with { Proof = acts[2].Proof!.Value[..^1] }]));
        Assert.Equal(
            (ProofVerdict.Malformed, 16UL),
            EachBelowProof.Verify(statement, [acts[0], acts[1], acts[2] with { Commitment = new byte[33] }]));
        Assert.Equal((ProofVerdict.Malformed, 10UL), EachBelowProof.Verify(statement, [acts[1], acts[0]]));
        Assert.Equal((ProofVerdict.DoesNotHold, 900 - 1UL), EachBelowProof.Verify(statement, [acts[1], acts[3] with { Position = 899 }]));
        Assert.Equal((ProofVerdict.Malformed, 900UL), EachBelowProof.Verify(statement, [acts[3] with { Position = 900 }]));
        Assert.Throws<ArgumentException>(() =>
            EachBelowProof.Prove(Statement.EachBelow(log.Range, TrialLog.Attribute, 4), log.Openings()).Count());
        Assert.Throws<ArgumentException>(() => EachBelowProof.Prove(statement, log.Openings().Reverse()).Count());
    }

    [Fact]
    public void One_bad_proof_among_many_makes_the_batch_fail()
    {
        var blinding = Pedersen.NewBlinding();
        var good = Pedersen.CommitScalar(Generators.Ours, Scalar.From(7), blinding);
        var bad = Pedersen.CommitScalar(Generators.Ours, Scalar.From(8), blinding);
        var proof = Range(good, 7, blinding);
        using var batch = new RangeBatch(Generators.Ours);
        Assert.True(batch.Holds());
        for (var i = 0; i < RangeBatch.Most - 1; i++)
        {
            Assert.True(batch.TryAdd(new Transcript(Generators.Ours), good, proof));
        }

        Assert.True(batch.Holds());
        Assert.True(batch.TryAdd(new Transcript(Generators.Ours), bad, proof));
        Assert.False(batch.Holds());
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.TryAdd(new Transcript(Generators.Ours), good, proof));
    }

    /// <summary>Two errors that cancel each other if both equations had the same weight, or all proofs had.</summary>
    [Fact]
    public void Errors_do_not_cancel_each_other_across_proofs()
    {
        var blinding = Pedersen.NewBlinding();
        var commitment = Pedersen.CommitScalar(Generators.Ours, Scalar.From(7), blinding);
        var proof = Range(commitment, 7, blinding);

        // a and b are the last scalars, in no challenge: one proof with mu's equation off by what another makes good.
        Assert.True(Scalar.TryRead(proof.AsSpan(656), out var right));
        byte[] Moved(Scalar by)
        {
            var moved = proof.ToArray();
            (right + by).Write(moved.AsSpan(656));
            return moved;
        }

        using var batch = new RangeBatch(Generators.Ours);
        Assert.True(batch.TryAdd(new Transcript(Generators.Ours), commitment, Moved(Scalar.One)));
        Assert.True(batch.TryAdd(new Transcript(Generators.Ours), commitment, Moved(-Scalar.One)));
        Assert.False(batch.Holds());
    }

    [Fact]
    public void Nonces_differ_by_statement_and_secret_even_if_the_generator_repeats()
    {
        var first = new Transcript(Generators.Ours);
        var second = new Transcript(Generators.Ours);
        second.Append("kind"u8, [1]);
        static Scalar Nonce(Transcript transcript, ulong value, Scalar blinding) =>
            new ProverNonces(transcript, value, blinding, bytes => bytes.Clear()).Next();
        Scalar[] nonces =
        [
            Nonce(first, 1, Scalar.One), Nonce(second, 1, Scalar.One), Nonce(first, 2, Scalar.One), Nonce(first, 1, -Scalar.One),
            new ProverNonces(first, 1, Scalar.One, bytes => bytes.Fill(1)).Next(),
        ];
        Assert.Equal(nonces.Length, nonces.Distinct().Count());
        Assert.NotEqual(TotalProof.Prove(Total, Log.Opening()), TotalBytes);
    }

    private static byte[] Range(CurvePoint commitment, ulong value, Scalar blinding) =>
        new RangeProver(Generators.Ours, RandomNumberGenerator.Fill).Prove(new Transcript(Generators.Ours), commitment, value, blinding);

    private static void EveryByte(byte[] proof, Func<byte[], ProofVerdict> verify)
    {
        Assert.Equal(ProofVerdict.Holds, verify(proof));
        for (var i = 0; i < proof.Length; i++)
        {
            var flipped = proof.ToArray();
            flipped[i] ^= (byte)(1 << (i % 8));
            Assert.True(verify(flipped) != ProofVerdict.Holds, $"byte {i}");
        }

        for (var bit = 0; bit < 8; bit++)
        {
            foreach (var i in new[] { 0, 1, 2, 34, 35, proof.Length - 1 })
            {
                var flipped = proof.ToArray();
                flipped[i] ^= (byte)(1 << bit);
                Assert.True(verify(flipped) != ProofVerdict.Holds, $"byte {i}, bit {bit}");
            }
        }
    }
}
