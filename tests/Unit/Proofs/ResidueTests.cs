using System.Numerics;
using Bulkhead.Kernel.Proofs;
using FsCheck;
using FsCheck.Fluent;

namespace Bulkhead.Tests.Unit.Proofs;

/// <summary>Against BigInteger, which knows nothing of Montgomery.</summary>
public sealed class ResidueTests
{
    private static readonly BigInteger Order = Parse("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    private static readonly BigInteger Prime = Parse("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");

    [Fact]
    public void Scalars_are_counted_as_the_model_counts() => CountAsTheModel<GroupOrder>(Order);

    [Fact]
    public void Coordinates_are_counted_as_the_model_counts() => CountAsTheModel<FieldPrime>(Prime);

    [Fact]
    public void Only_numbers_below_the_modulus_are_read()
    {
        foreach (var over in new[] { 0, 1, 2 })
        {
            Assert.False(Residue<GroupOrder>.TryRead(Bytes(Order + over), out _));
            Assert.False(Residue<FieldPrime>.TryRead(Bytes(Prime + over), out _));
        }

        Assert.False(Residue<GroupOrder>.TryRead(Bytes((BigInteger.One << 256) - 1), out _));
        Assert.True(Residue<GroupOrder>.TryRead(Bytes(Order - 1), out var highest));
        Assert.True((highest + Residue<GroupOrder>.One).IsZero);
        Assert.True(Residue<GroupOrder>.TryRead(Bytes(0), out var zero));
        Assert.True(zero.IsZero);
        Assert.False(Residue<GroupOrder>.TryRead(new byte[31], out _));
        Assert.False(Residue<GroupOrder>.TryRead(new byte[33], out _));
    }

    private static void CountAsTheModel<TModulus>(BigInteger modulus)
        where TModulus : struct, IModulus
    {
        var numbers = Gen.OneOf(
            Gen.Choose(0, 255).Select(i => (byte)i).ArrayOf(32).Select(b => new BigInteger(b, isUnsigned: true) % modulus),
            Gen.Elements(
                0, 1, 2, modulus - 1, modulus - 2, BigInteger.One << 255, (BigInteger.One << 192) - 1, (BigInteger.One << 64) - 1,
                BigInteger.One << 128));
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(2000),
            Prop.ForAll(numbers.Two().ToArbitrary(), pair =>
            {
                var (a, b) = pair;
                var (left, right) = (Read<TModulus>(a), Read<TModulus>(b));
                return Number(left + right) == (a + b) % modulus
                    && Number(left - right) == (((a - b) % modulus) + modulus) % modulus
                    && Number(left * right) == a * b % modulus
                    && Number(-left) == (modulus - a) % modulus
                    && left.IsOdd == !a.IsEven
                    && left.IsZero == a.IsZero;
            }));
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(50),
            Prop.ForAll(numbers.ToArbitrary(), a => a.IsZero
                ? Read<TModulus>(a).Inverse().IsZero
                : Number(Read<TModulus>(a).Inverse() * Read<TModulus>(a)).IsOne));
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(1000),
            Prop.ForAll(Gen.Choose(0, 255).Select(i => (byte)i).ArrayOf(48).ToArbitrary(), wide =>
                Number(Residue<TModulus>.Reduce(wide)) == new BigInteger(wide, isUnsigned: true, isBigEndian: true) % modulus));
        Assert.Equal(((BigInteger.One << 384) - 1) % modulus, Number(Residue<TModulus>.Reduce([.. Enumerable.Repeat((byte)255, 48)])));
        Assert.Equal(UInt128.MaxValue % modulus, Number(Residue<TModulus>.From(UInt128.MaxValue)));
    }

    private static Residue<TModulus> Read<TModulus>(BigInteger number)
        where TModulus : struct, IModulus
    {
        Assert.True(Residue<TModulus>.TryRead(Bytes(number), out var value));
        return value;
    }

    private static BigInteger Number<TModulus>(Residue<TModulus> value)
        where TModulus : struct, IModulus
    {
        var bytes = new byte[32];
        value.Write(bytes);
        return new(bytes, isUnsigned: true, isBigEndian: true);
    }

    private static byte[] Bytes(BigInteger number)
    {
        var bytes = new byte[32];
        number.ToByteArray(isUnsigned: true, isBigEndian: true).CopyTo(bytes, 32 - number.GetByteCount(isUnsigned: true));
        return bytes;
    }

    private static BigInteger Parse(string hex) => new(Convert.FromHexString(hex), isUnsigned: true, isBigEndian: true);
}
