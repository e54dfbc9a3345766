using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Bulkhead.Kernel.Proofs;

/// <summary>A prime below 2^256 and above 2^255, as four words, the lowest first.</summary>
internal interface IModulus
{
    static abstract Words Value { get; }

    /// <summary>-1 / value mod 2^64.</summary>
    static abstract ulong NegatedInverse { get; }

    /// <summary>2^512 mod value: what carries a number into Montgomery's form.</summary>
    static abstract Words SquaredRadix { get; }
}

/// <summary>Four words, the lowest first.</summary>
internal readonly record struct Words(ulong A, ulong B, ulong C, ulong D);

/// <summary>The order of the group of P-256: what scalars are counted by (SEC 2, section 2.4.2).</summary>
internal readonly struct GroupOrder : IModulus
{
    public static Words Value => new(0xF3B9CAC2FC632551, 0xBCE6FAADA7179E84, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF00000000);

    public static ulong NegatedInverse => 0xCCD1C8AAEE00BC4F;

    public static Words SquaredRadix => new(0x83244C95BE79EEA2, 0x4699799C49BD6FA6, 0x2845B2392B6BEC59, 0x66E12D94F3D95620);
}

/// <summary>The field of P-256: what coordinates are counted by.</summary>
internal readonly struct FieldPrime : IModulus
{
    public static Words Value => new(0xFFFFFFFFFFFFFFFF, 0x00000000FFFFFFFF, 0x0000000000000000, 0xFFFFFFFF00000001);

    public static ulong NegatedInverse => 1;

    public static Words SquaredRadix => new(0x0000000000000003, 0xFFFFFFFBFFFFFFFF, 0xFFFFFFFFFFFFFFFE, 0x00000004FFFFFFFD);
}

/// <summary>
/// A number below a prime, in Montgomery's form. No branch and no index depends on the number: sums, products, inverses and encodings of
/// secret scalars take the same instructions whatever they are. Equality is for public numbers.
/// </summary>
internal readonly struct Residue<TModulus> : IEquatable<Residue<TModulus>>
    where TModulus : struct, IModulus
{
    public const int Length = 32;

    /// <summary>Enough that a number taken from so many random bytes is uniform to within 2^-128 (RFC 9380, section 5.1).</summary>
    public const int WideLength = 48;

    private readonly Words _words;

    private Residue(Words words) => _words = words;

    public static Residue<TModulus> Zero => default;

    public static Residue<TModulus> One { get; } = From(1);

    public bool IsZero => (_words.A | _words.B | _words.C | _words.D) == 0;

    /// <summary>The lowest bit of the number itself: the sign of a coordinate (sgn0 of RFC 9380, section 4.1).</summary>
    public bool IsOdd => (Plain()._words.A & 1) == 1;

    public static Residue<TModulus> operator +(in Residue<TModulus> left, in Residue<TModulus> right)
    {
        ulong carry = 0;
        var a = Add(left._words.A, right._words.A, ref carry);
        var b = Add(left._words.B, right._words.B, ref carry);
        var c = Add(left._words.C, right._words.C, ref carry);
        var d = Add(left._words.D, right._words.D, ref carry);
        return new(Reduce(new(a, b, c, d), carry));
    }

    public static Residue<TModulus> operator -(in Residue<TModulus> left, in Residue<TModulus> right)
    {
        ulong borrow = 0;
        var a = Subtract(left._words.A, right._words.A, ref borrow);
        var b = Subtract(left._words.B, right._words.B, ref borrow);
        var c = Subtract(left._words.C, right._words.C, ref borrow);
        var d = Subtract(left._words.D, right._words.D, ref borrow);
        var mask = 0 - borrow;
        var modulus = TModulus.Value;
        ulong carry = 0;
        return new(new(
            Add(a, modulus.A & mask, ref carry),
            Add(b, modulus.B & mask, ref carry),
            Add(c, modulus.C & mask, ref carry),
            Add(d, modulus.D & mask, ref carry)));
    }

    public static Residue<TModulus> operator -(in Residue<TModulus> value) => Zero - value;

    public static Residue<TModulus> operator *(in Residue<TModulus> left, in Residue<TModulus> right) =>
        new(Multiply(left._words, right._words));

    public static Residue<TModulus> From(ulong value) => new(Multiply(new(value, 0, 0, 0), TModulus.SquaredRadix));

    public static Residue<TModulus> From(UInt128 value) =>
        new(Multiply(new((ulong)value, (ulong)(value >> 64), 0, 0), TModulus.SquaredRadix));

    /// <summary>32 bytes, the highest first. A number that is not below the prime is refused: there is one encoding of each.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out Residue<TModulus> value)
    {
        value = default;
        if (bytes.Length != Length)
        {
            return false;
        }

        var words = ReadWords(bytes);
        ulong borrow = 0;
        var modulus = TModulus.Value;
        Subtract(words.A, modulus.A, ref borrow);
        Subtract(words.B, modulus.B, ref borrow);
        Subtract(words.C, modulus.C, ref borrow);
        Subtract(words.D, modulus.D, ref borrow);
        if (borrow == 0)
        {
            return false;
        }

        value = new(Multiply(words, TModulus.SquaredRadix));
        return true;
    }

    /// <summary>48 bytes, the highest first, reduced.</summary>
    public static Residue<TModulus> Reduce(ReadOnlySpan<byte> wide)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(wide.Length, WideLength);
        var high = new Words(
            BinaryPrimitives.ReadUInt64BigEndian(wide[8..]), BinaryPrimitives.ReadUInt64BigEndian(wide), 0, 0);
        var low = new Residue<TModulus>(Multiply(ReadWords(wide[16..]), TModulus.SquaredRadix));
        // A product with the squared radix multiplies by 2^256: once into Montgomery's form, once to where the high words stand.
        return low + new Residue<TModulus>(Multiply(Multiply(high, TModulus.SquaredRadix), TModulus.SquaredRadix));
    }

    /// <summary>Uniform, and not zero.</summary>
    public static Residue<TModulus> Random()
    {
        Span<byte> bytes = stackalloc byte[WideLength];
        Residue<TModulus> drawn;
        do
        {
            RandomNumberGenerator.Fill(bytes);
            drawn = Reduce(bytes);
        }
        while (drawn.IsZero);
        CryptographicOperations.ZeroMemory(bytes);
        return drawn;
    }

    public void Write(Span<byte> destination)
    {
        var plain = Plain()._words;
        BinaryPrimitives.WriteUInt64BigEndian(destination, plain.D);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], plain.C);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], plain.B);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], plain.A);
    }

    /// <summary>1 / value by Fermat's little theorem; 0 of 0. The exponent is public.</summary>
    public Residue<TModulus> Inverse() => Power(TModulus.Value with { A = TModulus.Value.A - 2 });

    /// <summary>Branches on the exponent, which therefore must be public.</summary>
    public Residue<TModulus> Power(Words exponent)
    {
        var result = One;
        for (var bit = 255; bit >= 0; bit--)
        {
            result *= result;
            var word = (bit >> 6) switch { 0 => exponent.A, 1 => exponent.B, 2 => exponent.C, _ => exponent.D };
            if (((word >> (bit & 63)) & 1) == 1)
            {
                result *= this;
            }
        }

        return result;
    }

    public bool Equals(Residue<TModulus> other) => _words == other._words;

    public override bool Equals(object? obj) => obj is Residue<TModulus> other && Equals(other);

    public override int GetHashCode() => _words.GetHashCode();

    private static Words ReadWords(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes));

    private Residue<TModulus> Plain() => new(Multiply(_words, new(1, 0, 0, 0)));

    /// <summary>left · right / 2^256: Montgomery's product, word by word (the CIOS of Koç, Acar and Kaliski 1996).</summary>
    private static Words Multiply(in Words left, in Words right)
    {
        var modulus = TModulus.Value;
        ulong a = 0, b = 0, c = 0, d = 0, e = 0;
        Step(left, right.A, modulus, ref a, ref b, ref c, ref d, ref e);
        Step(left, right.B, modulus, ref a, ref b, ref c, ref d, ref e);
        Step(left, right.C, modulus, ref a, ref b, ref c, ref d, ref e);
        Step(left, right.D, modulus, ref a, ref b, ref c, ref d, ref e);
        return Reduce(new(a, b, c, d), e);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(
        in Words left, ulong word, in Words modulus, ref ulong a, ref ulong b, ref ulong c, ref ulong d, ref ulong e)
    {
        ulong carry = 0;
        a = MultiplyAdd(left.A, word, a, ref carry);
        b = MultiplyAdd(left.B, word, b, ref carry);
        c = MultiplyAdd(left.C, word, c, ref carry);
        d = MultiplyAdd(left.D, word, d, ref carry);
        ulong over = 0;
        e = Add(e, carry, ref over);

        var multiple = a * TModulus.NegatedInverse;
        carry = 0;
        MultiplyAdd(multiple, modulus.A, a, ref carry);
        a = MultiplyAdd(multiple, modulus.B, b, ref carry);
        b = MultiplyAdd(multiple, modulus.C, c, ref carry);
        c = MultiplyAdd(multiple, modulus.D, d, ref carry);
        ulong last = 0;
        d = Add(e, carry, ref last);
        e = over + last;
    }

    /// <summary>Below twice the modulus in, below the modulus out: the difference is made in any case and taken by a mask.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Words Reduce(in Words value, ulong high)
    {
        var modulus = TModulus.Value;
        ulong borrow = 0;
        var a = Subtract(value.A, modulus.A, ref borrow);
        var b = Subtract(value.B, modulus.B, ref borrow);
        var c = Subtract(value.C, modulus.C, ref borrow);
        var d = Subtract(value.D, modulus.D, ref borrow);
        Subtract(high, 0, ref borrow);
        var keep = 0 - borrow;
        return new(
            a ^ (keep & (a ^ value.A)), b ^ (keep & (b ^ value.B)), c ^ (keep & (c ^ value.C)), d ^ (keep & (d ^ value.D)));
    }

    /// <summary>left · right + add + carry; the high word is the next carry. It cannot overflow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong MultiplyAdd(ulong left, ulong right, ulong add, ref ulong carry)
    {
        var high = Math.BigMul(left, right, out var low);
        ulong over = 0;
        low = Add(low, add, ref over);
        high += over;
        over = 0;
        low = Add(low, carry, ref over);
        carry = high + over;
        return low;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Add(ulong left, ulong right, ref ulong carry)
    {
        // Both comparisons become a flag in a register and no jump, on x64 and on arm64 (see the disassembly with DOTNET_JitDisasm).
        var sum = left + right;
        var over = sum < left ? 1UL : 0UL;
        var total = sum + carry;
        carry = over + (total < sum ? 1UL : 0UL);
        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Subtract(ulong left, ulong right, ref ulong borrow)
    {
        var difference = left - right;
        var under = left < right ? 1UL : 0UL;
        var total = difference - borrow;
        borrow = under + (difference < borrow ? 1UL : 0UL);
        return total;
    }
}
