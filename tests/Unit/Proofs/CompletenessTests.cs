using Bulkhead.Kernel.Proofs;
using FsCheck;
using FsCheck.Fluent;

namespace Bulkhead.Tests.Unit.Proofs;

/// <summary>What is true can be proven.</summary>
public sealed class CompletenessTests
{
    private static readonly Gen<ulong> Values = Gen.OneOf(
        Gen.Elements(0UL, 1UL, 2UL, ulong.MaxValue, ulong.MaxValue - 1, 1UL << 63, 1UL << 32),
        Gen.Choose(0, 1_000_000).Select(i => (ulong)i),
        Gen.Choose(int.MinValue, int.MaxValue).Two().Select(p => ((ulong)(uint)p.Item1 << 32) | (uint)p.Item2));

    [Fact]
    public void Any_total_is_proven() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(100),
        Prop.ForAll(Values.ArrayOf().Where(v => v.Length <= 200).ToArbitrary(), values =>
        {
            var log = TrialLog.Of(values);
            var statement = Statement.Total(log.Range, TrialLog.Attribute, log.Total);
            var proof = TotalProof.Prove(statement, log.Opening());
            return proof.Length == 67 && TotalProof.Verify(statement, log.Commitments(), proof) == ProofVerdict.Holds;
        }));

    [Fact]
    public void Any_total_below_any_bound_is_proven() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(15),
        Prop.ForAll(Values.Select(v => v / 3).ArrayOf(3).ToArbitrary(), Values.ToArbitrary(), (values, more) =>
        {
            var log = TrialLog.Of(values);
            var bound = UInt128.Min(log.Total + 1 + more, Statement.HighestBound);
            var statement = Statement.TotalBelow(log.Range, TrialLog.Attribute, bound);
            var proof = TotalBelowProof.Prove(statement, log.Opening());
            return proof.Length == (bound == Statement.HighestBound ? 690 : 1378)
                && TotalBelowProof.Verify(statement, log.Commitments(), proof) == ProofVerdict.Holds;
        }));

    [Theory]
    [InlineData(0UL, 1UL)]
    [InlineData(41UL, 42UL)]
    [InlineData(ulong.MaxValue - 1, ulong.MaxValue)]
    public void The_highest_number_below_a_bound_is_proven(ulong value, ulong bound)
    {
        var log = TrialLog.Of(value);
        var statement = Statement.TotalBelow(log.Range, TrialLog.Attribute, bound);
        var proof = TotalBelowProof.Prove(statement, log.Opening());
        Assert.Equal(ProofVerdict.Holds, TotalBelowProof.Verify(statement, log.Commitments(), proof));
        var higher = TrialLog.Of(bound);
        Assert.Throws<ArgumentException>(() => TotalBelowProof.Prove(statement, higher.Opening()));
    }

    [Fact]
    public void The_highest_number_of_all_is_proven_below_2_to_the_64th()
    {
        var log = TrialLog.Of(ulong.MaxValue);
        var statement = Statement.TotalBelow(log.Range, TrialLog.Attribute, Statement.HighestBound);
        var proof = TotalBelowProof.Prove(statement, log.Opening());
        Assert.Equal(ProofVerdict.Holds, TotalBelowProof.Verify(statement, log.Commitments(), proof));
    }

    [Fact]
    public void A_range_without_any_act_has_a_total_of_zero()
    {
        var log = TrialLog.Of();
        var total = Statement.Total(log.Range, TrialLog.Attribute, 0);
        Assert.Equal(ProofVerdict.Holds, TotalProof.Verify(total, log.Commitments(), TotalProof.Prove(total, log.Opening())));
        var below = Statement.TotalBelow(log.Range, TrialLog.Attribute, 1);
        Assert.Equal(ProofVerdict.Holds, TotalBelowProof.Verify(below, log.Commitments(), TotalBelowProof.Prove(below, log.Opening())));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_single_act_is_proven_over_more_than_one_batch(bool bounded)
    {
        var log = TrialLog.Of([.. Enumerable.Range(0, 70).Select(i => (ulong)i * 13)]);
        var statement = Statement.EachBelow(log.Range, TrialLog.Attribute, bounded ? 1000 : Statement.HighestBound);
        var acts = log.WithProofs(EachBelowProof.Prove(statement, log.Openings())).ToList();
        Assert.Equal(70, acts.Count);
        Assert.Equal((ProofVerdict.Holds, null), EachBelowProof.Verify(statement, acts));
    }

    [Fact]
    public void A_range_proof_has_688_bytes() => Assert.Equal(688, RangeProof.Length);
}
