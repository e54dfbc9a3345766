using System.Buffers.Binary;
using System.Numerics;

namespace Bulkhead.Verify.Totals;

/// <summary>
/// A number modulo P-256's prime in four words, times 2^256 (Montgomery's form), always below the prime: so that equal numbers are equal words.
/// It reads public values only; constant time is no matter.
/// </summary>
internal readonly record struct Field(ulong A, ulong B, ulong C, ulong D)
{
    public const int Size = 32;

    // The prime's words, lowest first; the third is zero, and the lowest is -1, so that Montgomery's factor is the lowest word itself.
    private const ulong P0 = 0xFFFF_FFFF_FFFF_FFFF;
    private const ulong P1 = 0x0000_0000_FFFF_FFFF;
    private const ulong P3 = 0xFFFF_FFFF_0000_0001;

    public static readonly BigInteger P = BigInteger.Pow(2, 256) - BigInteger.Pow(2, 224) + BigInteger.Pow(2, 192) + BigInteger.Pow(2, 96) - 1;
    public static Field Zero => default;
    private static readonly Field FactorSquared = Words(BigInteger.Pow(2, 512) % P);
    public static readonly Field One = Of(1);
    private static readonly BigInteger RootExponent = (P + 1) / 4;
    private static readonly Field Plain = new(1, 0, 0, 0);

    public bool IsZero => this == Zero;

    /// <summary>The parity of the number itself.</summary>
    public bool IsOdd => ((this * Plain).A & 1) == 1;

    public static Field Of(BigInteger number) => Words(((number % P) + P) % P) * FactorSquared;

    /// <summary>From 32 bytes, big-endian; null for what is not below the prime.</summary>
    public static Field? Read(ReadOnlySpan<byte> bytes)
    {
        var words = new Field(Word(bytes, 3), Word(bytes, 2), Word(bytes, 1), Word(bytes, 0));
        return Reduced(words, 0) == words ? words * FactorSquared : null;

        static ulong Word(ReadOnlySpan<byte> bytes, int index) => BinaryPrimitives.ReadUInt64BigEndian(bytes[(8 * index)..]);
    }

    public void Write(Span<byte> bytes)
    {
        var plain = this * Plain;
        BinaryPrimitives.WriteUInt64BigEndian(bytes, plain.D);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], plain.C);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[16..], plain.B);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[24..], plain.A);
    }

    public static Field operator +(Field x, Field y)
    {
        var sum = (UInt128)x.A + y.A;
        var a = (ulong)sum;
        sum = (sum >> 64) + x.B + y.B;
        var b = (ulong)sum;
        sum = (sum >> 64) + x.C + y.C;
        var c = (ulong)sum;
        sum = (sum >> 64) + x.D + y.D;
        return Reduced(new(a, b, c, (ulong)sum), (ulong)(sum >> 64));
    }

    public static Field operator -(Field x, Field y)
    {
        var (difference, borrow) = Subtract(x, y);
        return borrow == 0 ? difference : Subtract(difference, new(~P0 + 1, ~P1, ulong.MaxValue, ~P3)).Difference;
    }

    public static Field operator -(Field x) => Zero - x;

    public static Field operator *(Field x, Field y)
    {
        ulong t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0;
        Row(x, y.A, ref t0, ref t1, ref t2, ref t3, ref t4);
        Row(x, y.B, ref t0, ref t1, ref t2, ref t3, ref t4);
        Row(x, y.C, ref t0, ref t1, ref t2, ref t3, ref t4);
        Row(x, y.D, ref t0, ref t1, ref t2, ref t3, ref t4);
        return Reduced(new(t0, t1, t2, t3), t4);
    }

    public Field Inverse() => Power(P - 2);

    /// <summary>One of its two square roots; null where it has none.</summary>
    public Field? Root()
    {
        var root = Power(RootExponent);
        return root * root == this ? root : null;
    }

    private Field Power(BigInteger exponent)
    {
        Span<byte> bits = stackalloc byte[Size];
        exponent.TryWriteBytes(bits, out _, isUnsigned: true);
        var power = One;
        for (var bit = 255; bit >= 0; bit--)
        {
            power *= power;
            if (((bits[bit / 8] >> (bit % 8)) & 1) == 1)
            {
                power *= this;
            }
        }

        return power;
    }

    /// <summary>t + x·y, then as many primes more as make the lowest word zero, which falls off.</summary>
    private static void Row(Field x, ulong y, ref ulong t0, ref ulong t1, ref ulong t2, ref ulong t3, ref ulong t4)
    {
        var u = Math.BigMul(x.A, y) + t0;
        var factor = (ulong)u;
        u = Math.BigMul(x.B, y) + t1 + (ulong)(u >> 64);
        t1 = (ulong)u;
        u = Math.BigMul(x.C, y) + t2 + (ulong)(u >> 64);
        t2 = (ulong)u;
        u = Math.BigMul(x.D, y) + t3 + (ulong)(u >> 64);
        t3 = (ulong)u;
        u = (u >> 64) + t4;
        t4 = (ulong)u;
        var top = (ulong)(u >> 64);

        // The lowest word plus factor·(2^64 - 1) is factor·2^64.
        u = Math.BigMul(factor, P1) + t1 + factor;
        t0 = (ulong)u;
        u = (u >> 64) + t2;
        t1 = (ulong)u;
        u = Math.BigMul(factor, P3) + t3 + (ulong)(u >> 64);
        t2 = (ulong)u;
        u = (u >> 64) + t4;
        t3 = (ulong)u;
        t4 = top + (ulong)(u >> 64);
    }

    private static Field Reduced(Field x, ulong top)
    {
        var (difference, borrow) = Subtract(x, new(P0, P1, 0, P3));
        return top == 0 && borrow == 1 ? x : difference;
    }

    private static (Field Difference, ulong Borrow) Subtract(Field x, Field y)
    {
        var u = (UInt128)x.A - y.A;
        var a = (ulong)u;
        u = (UInt128)x.B - y.B - ((ulong)(u >> 64) & 1);
        var b = (ulong)u;
        u = (UInt128)x.C - y.C - ((ulong)(u >> 64) & 1);
        var c = (ulong)u;
        u = (UInt128)x.D - y.D - ((ulong)(u >> 64) & 1);
        return (new(a, b, c, (ulong)u), (ulong)(u >> 64) & 1);
    }

    private static Field Words(BigInteger number) => new(
        (ulong)(number & ulong.MaxValue), (ulong)((number >> 64) & ulong.MaxValue), (ulong)((number >> 128) & ulong.MaxValue), (ulong)(number >> 192));
}
