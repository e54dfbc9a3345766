using System.Numerics;
using System.Security.Cryptography;

namespace Bulkhead.Verify.Totals;

/// <summary>That a point commits to a number of 64 bits: Bünz et al. 2018 (eprint 2017/1066), as docs/formats/total-proof.md has it in section 5.</summary>
internal static class RangeProof
{
    public const int Size = (4 * Point.Size) + (3 * Field.Size) + (2 * Rounds * Point.Size) + (2 * Field.Size);
    private const int Rounds = 6;

    /// <summary>
    /// Adds to a sum what is infinity if the proof holds, times numbers that nobody knew when it was made. False if it has no such form.
    /// </summary>
    public static bool AddTo(MultiSum sum, Transcript transcript, Point committed, ReadOnlySpan<byte> proof)
    {
        if (proof.Length != Size || Points(proof, 4) is not [var pointA, var pointS, var pointT1, var pointT2]
            || Scalars(proof[(4 * Point.Size)..], 3) is not [var tau, var mu, var t]
            || Points(proof[((4 * Point.Size) + (3 * Field.Size))..], 2 * Rounds) is not { } halves
            || Scalars(proof[^(2 * Field.Size)..], 2) is not [var a, var b])
        {
            return false;
        }

        transcript.Append("bits", Generators.Bits);
        transcript.Append("V", committed.Bytes());
        transcript.Append("A", proof[..Point.Size]);
        transcript.Append("S", proof[Point.Size..(2 * Point.Size)]);
        var y = transcript.Challenge("y");
        var z = transcript.Challenge("z");
        transcript.Append("T1", proof[(2 * Point.Size)..(3 * Point.Size)]);
        transcript.Append("T2", proof[(3 * Point.Size)..(4 * Point.Size)]);
        var x = transcript.Challenge("x");
        var rest = proof[(4 * Point.Size)..];
        foreach (var label in new[] { "tau_x", "mu", "t" })
        {
            transcript.Append(label, rest[..Field.Size]);
            rest = rest[Field.Size..];
        }

        var w = transcript.Challenge("w");
        var u = new BigInteger[Rounds];
        for (var j = 0; j < Rounds; j++)
        {
            transcript.Append("L", rest[..Point.Size]);
            transcript.Append("R", rest[Point.Size..(2 * Point.Size)]);
            rest = rest[(2 * Point.Size)..];
            u[j] = transcript.Challenge("u");
        }

        var zz = z * z % Point.Order;
        var yPowers = Powers(y);
        var delta = ((z - zz) * yPowers.Aggregate(BigInteger.Add)) - (zz * z * ulong.MaxValue);
        var (first, second) = (Weight(), Weight());

        sum.Add(first * zz, committed);
        sum.Add(first * x, pointT1);
        sum.Add(first * x % Point.Order * x, pointT2);
        sum.G = Point.Modulo(sum.G + (first * (delta - t)) + (second * w % Point.Order * (t - (a * b))));
        sum.H = Point.Modulo(sum.H - (first * tau) - (second * mu));
        sum.Add(second, pointA);
        sum.Add(second * x, pointS);
        var inverses = u.Select(Inverse).ToArray();
        for (var j = 0; j < Rounds; j++)
        {
            sum.Add(second * u[j] % Point.Order * u[j], halves[2 * j]);
            sum.Add(second * inverses[j] % Point.Order * inverses[j], halves[(2 * j) + 1]);
        }

        var s = Products(u, inverses);
        var yInverses = Powers(Inverse(y));
        for (var i = 0; i < Generators.Bits; i++)
        {
            var h = z + (yInverses[i] * ((zz << i) - (b * s[Generators.Bits - 1 - i])));
            sum.Gs[i] = Point.Modulo(sum.Gs[i] - (second * (z + (a * s[i]))));
            sum.Hs[i] = Point.Modulo(sum.Hs[i] + (second * (h % Point.Order)));
        }

        return true;
    }

    /// <summary>Null for what is no number below the order.</summary>
    public static BigInteger? Scalar(ReadOnlySpan<byte> bytes)
    {
        var scalar = new BigInteger(bytes[..Field.Size], isUnsigned: true, isBigEndian: true);
        return scalar < Point.Order ? scalar : null;
    }

    /// <summary>Where bit 5 - j of i is one, u_j is a factor of s_i, else its inverse.</summary>
    private static BigInteger[] Products(BigInteger[] u, BigInteger[] inverses)
    {
        var s = new BigInteger[Generators.Bits];
        for (var i = 0; i < s.Length; i++)
        {
            s[i] = 1;
            for (var j = 0; j < Rounds; j++)
            {
                s[i] = s[i] * ((i >> (Rounds - 1 - j)) % 2 == 1 ? u[j] : inverses[j]) % Point.Order;
            }
        }

        return s;
    }

    private static BigInteger[] Powers(BigInteger number)
    {
        var powers = new BigInteger[Generators.Bits];
        powers[0] = 1;
        for (var i = 1; i < powers.Length; i++)
        {
            powers[i] = powers[i - 1] * number % Point.Order;
        }

        return powers;
    }

    private static BigInteger Inverse(BigInteger number) => BigInteger.ModPow(number, Point.Order - 2, Point.Order);

    // Drawn when the proof is known, and of 128 bits: a false proof among others goes through with a chance of 2^-128.
    private static BigInteger Weight() => new BigInteger(RandomNumberGenerator.GetBytes(16), isUnsigned: true) + 1;

    private static Point[]? Points(ReadOnlySpan<byte> bytes, int count)
    {
        var points = new Point[count];
        for (var i = 0; i < count; i++)
        {
            if (Point.Read(bytes.Slice(i * Point.Size, Point.Size)) is not { } point)
            {
                return null;
            }

            points[i] = point;
        }

        return points;
    }

    private static BigInteger[]? Scalars(ReadOnlySpan<byte> bytes, int count)
    {
        var scalars = new BigInteger[count];
        for (var i = 0; i < count; i++)
        {
            if (Scalar(bytes[(i * Field.Size)..]) is not { } scalar)
            {
                return null;
            }

            scalars[i] = scalar;
        }

        return scalars;
    }
}
