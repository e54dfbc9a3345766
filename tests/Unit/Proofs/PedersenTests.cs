using Bulkhead.Kernel.Proofs;
using FsCheck;
using FsCheck.Fluent;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Tests.Unit.Proofs;

public sealed class PedersenTests
{
    private static readonly Gen<ulong> Values =
        Gen.OneOf(Gen.Elements(0UL, 1UL, ulong.MaxValue), Gen.Choose(0, int.MaxValue).Select(i => (ulong)i << 20));

    [Fact]
    public void A_commitment_is_value_times_G_and_blinding_times_H() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(200),
        Prop.ForAll(Values.ToArbitrary(), value =>
        {
            var blinding = Pedersen.NewBlinding();
            var bare = P256.Sum(Scalar.From(value), [Generators.Ours.Blinding], [blinding]);
            return Pedersen.Commit(value, blinding).AsSpan().SequenceEqual(bare.ToBytes());
        }));

    [Fact]
    public void A_commitment_opens_to_its_value_and_blinding_only()
    {
        var blinding = Pedersen.NewBlinding();
        var commitment = Pedersen.Commit(42, blinding);
        Assert.True(Pedersen.Opens(commitment, 42, blinding));
        Assert.False(Pedersen.Opens(commitment, 43, blinding));
        Assert.False(Pedersen.Opens(commitment, 42, blinding + Scalar.One));
        Assert.False(Pedersen.Opens([], 42, blinding));
        Assert.NotEqual(commitment, Pedersen.Commit(42, Pedersen.NewBlinding()));
    }

    [Fact]
    public void Commitments_add_up_to_one_of_the_sum()
    {
        var (first, second) = (Pedersen.NewBlinding(), Pedersen.NewBlinding());
        var sum = Pedersen.TryAdd(Pedersen.Commit(40, first), Pedersen.Commit(2, second));
        Assert.True(Pedersen.Opens(sum, 42, first + second));
        Assert.Null(Pedersen.TryAdd(Pedersen.Commit(40, first), new byte[33]));
        Assert.Null(Pedersen.TryAdd(new byte[33], Pedersen.Commit(40, first)));
    }

    [Fact]
    public void Many_are_made_as_one_is()
    {
        ulong[] values = [0, 1, 77, ulong.MaxValue];
        var blindings = values.Select(_ => Pedersen.NewBlinding()).ToArray();
        var commitments = new byte[values.Length * 33];
        Pedersen.CommitMany(values, blindings, commitments);
        Assert.Equal(values.Zip(blindings, (v, b) => Pedersen.Commit(v, b)).SelectMany(c => c), commitments);
        Assert.Throws<ArgumentOutOfRangeException>(() => Pedersen.CommitMany(values, blindings.AsSpan(1), commitments));
        Assert.Throws<ArgumentOutOfRangeException>(() => Pedersen.CommitMany(values, blindings, commitments.AsSpan(1)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(26)]
    [InlineData(300)]
    [InlineData(1_100)]
    public void Each_number_up_to_the_most_has_the_commitment_that_it_has_alone(int most)
    {
        var blinding = Pedersen.NewBlinding();
        Assert.Equal(
            Enumerable.Range(0, most + 1).Select(value => Convert.ToHexString(Pedersen.Commit((ulong)value, blinding))),
            Pedersen.CommitUpTo(most, blinding).Select(Convert.ToHexString));
    }

    [Fact]
    public async Task Many_threads_commit_at_a_time()
    {
        var blinding = Pedersen.NewBlinding();
        var expected = Pedersen.Commit(42, blinding);
        var made = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() =>
            Enumerable.Range(0, 200).All(_ => Pedersen.Commit(42, blinding).AsSpan().SequenceEqual(expected)))));
        Assert.All(made, Assert.True);
    }
}
