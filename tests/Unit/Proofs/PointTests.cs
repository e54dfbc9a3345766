using Bulkhead.Kernel.Proofs;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Tests.Unit.Proofs;

/// <summary>One encoding of each point, and none of what is no point.</summary>
public sealed class PointTests
{
    private const string G = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    private const string Prime = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

    [Fact]
    public void A_point_is_written_as_it_was_read()
    {
        foreach (var sign in new[] { "02", "03" })
        {
            var bytes = Convert.FromHexString(sign + G);
            Assert.Equal(bytes, CurvePoint.TryRead(bytes)!.ToBytes());
        }

        Assert.Equal(Convert.FromHexString("03" + G), Generators.Ours.Value.ToBytes());
    }

    [Theory]
    [InlineData("00", "infinity in the form of SEC 1")]
    [InlineData("000000000000000000000000000000000000000000000000000000000000000000", "infinity in 33 bytes")]
    [InlineData("04" + G, "the form with two coordinates, cut")]
    [InlineData("06" + G, "the hybrid form, cut")]
    [InlineData("00" + G, "no form")]
    [InlineData("01" + G, "no form")]
    [InlineData("02" + Prime, "a coordinate that is the prime: 0 written otherwise")]
    [InlineData("02ffffffff00000001000000000000000000000001000000000000000000000004", "5 written as 5 + p")]
    [InlineData("02ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "a coordinate above the prime")]
    [InlineData("020000000000000000000000000000000000000000000000000000000000000001", "not on the curve")]
    [InlineData("02" + G + "00", "a byte too many")]
    [InlineData("026b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2", "a byte too few")]
    [InlineData("", "nothing")]
    [InlineData("04" + G + "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5", "the form with two coordinates")]
    public void What_is_no_point_is_refused(string hex, string why)
    {
        Assert.True(CurvePoint.TryRead(Convert.FromHexString(hex)) is null, why);
    }

    [Fact]
    public void Five_is_a_coordinate_so_that_its_other_writing_is_refused_for_being_one() =>
        Assert.NotNull(CurvePoint.TryRead(Convert.FromHexString($"02{new string('0', 63)}5")));

    [Fact]
    public void A_sum_of_multiples_is_what_single_multiples_add_up_to()
    {
        var points = Generators.Ours.Left[..40];
        var scalars = points.Select(_ => Scalar.Random()).ToArray();
        (scalars[3], scalars[4]) = (Scalar.Zero, Scalar.One);
        points[5] = CurvePoint.Infinity();
        points[7] = points[6];
        var expected = CurvePoint.Infinity();
        for (var i = 0; i < points.Length; i++)
        {
            expected.Add(P256.Sum(Scalar.Zero, points.AsSpan(i, 1), scalars.AsSpan(i, 1)));
        }

        Assert.True(P256.Sum(Scalar.Zero, points, scalars).IsSame(expected));
        expected.Add(Generators.Ours.Value);
        Assert.True(P256.Sum(Scalar.One, points, scalars).IsSame(expected));
        Assert.False(P256.Sum(Scalar.From(2), points, scalars).IsSame(expected));
    }

    [Fact]
    public void A_table_of_H_gives_the_multiples_of_H()
    {
        foreach (var scalar in new[] { Scalar.Zero, Scalar.One, -Scalar.One, Scalar.Random(), Scalar.Random() })
        {
            var point = CurvePoint.Infinity();
            Generators.Ours.MultiplyBlinding(scalar, point);
            Assert.True(point.IsSame(P256.Sum(Scalar.Zero, [Generators.Ours.Blinding], [scalar])));
        }
    }

    [Fact]
    public void No_two_generators_are_the_same_or_opposite()
    {
        var all = (CurvePoint[])[Generators.Ours.Value, Generators.Ours.Blinding, .. Generators.Ours.Left, .. Generators.Ours.Right];
        Assert.Equal(130, all.Select(p => Convert.ToHexString(p.ToBytes().AsSpan(1))).Distinct().Count());
        Assert.DoesNotContain(all, p => p.IsInfinity);
    }

    [Fact]
    public void The_generators_are_those_of_version_1() =>
        Assert.Equal("5c497e634c9fa38a108947ffaf86b3d34fe159761827fd5025ca2bdea94438ef", Convert.ToHexStringLower(Generators.Ours.Digest));
}
