using System.Numerics;
using System.Security.Cryptography;

namespace Bulkhead.Verify.Notes;

/// <summary>
/// Verification of RFC 8032 section 5.1.7, without the cofactor. It reads public values only, so constant time is no matter. Strict: S is
/// below the group's order, points have their one spelling, and a public key of small order is none.
/// </summary>
internal sealed class Ed25519
{
    private static readonly BigInteger P = BigInteger.Pow(2, 255) - 19;
    private static readonly BigInteger Order = BigInteger.Pow(2, 252) + BigInteger.Parse(
        "27742317777372353535851937790883648493",
        Invariant);
    private static readonly BigInteger D = Mod(-121665 * BigInteger.ModPow(121666, P - 2, P));
    private static readonly BigInteger RootOfMinusOne = BigInteger.ModPow(2, (P - 1) / 4, P);
    private static readonly Point Identity = new(0, 1, 1, 0);
    private static readonly Point Base = Decode([0x58, .. Enumerable.Repeat((byte)0x66, 31)])!.Value;

    private readonly byte[] encoded;
    private readonly Point negated;
    private readonly Point baseMinusKey;

    private Ed25519(byte[] encoded, Point key)
    {
        this.encoded = encoded;
        negated = new(Mod(-key.X), key.Y, key.Z, Mod(-key.T));
        baseMinusKey = Add(Base, negated);
    }

    private static IFormatProvider Invariant => System.Globalization.CultureInfo.InvariantCulture;

    public static Ed25519? TryCreate(ReadOnlySpan<byte> publicKey)
    {
        if (publicKey.Length != 32 || Decode(publicKey) is not { } point)
        {
            return null;
        }

        var eightfold = point;
        for (var i = 0; i < 3; i++)
        {
            eightfold = Add(eightfold, eightfold);
        }

        return eightfold.X.IsZero ? null : new(publicKey.ToArray(), point);
    }

    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        if (signature.Length != 64)
        {
            return false;
        }

        var s = Number(signature[32..]);
        if (s >= Order)
        {
            return false;
        }

        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA512);
        sha.AppendData(signature[..32]);
        sha.AppendData(encoded);
        sha.AppendData(message);
        var k = Number(sha.GetHashAndReset()) % Order;
        // R is compared as it is spelled: one that is spelled otherwise than its point never is the same.
        return Encode(BaseTimesMinusKeyTimes(s, k)).AsSpan().SequenceEqual(signature[..32]);
    }

    /// <summary>[s]B - [k]A, both multiplications in one run of doublings.</summary>
    private Point BaseTimesMinusKeyTimes(BigInteger s, BigInteger k)
    {
        var sum = Identity;
        for (var bit = 252; bit >= 0; bit--)
        {
            sum = Add(sum, sum);
            var inS = !((s >> bit) & 1).IsZero;
            var inK = !((k >> bit) & 1).IsZero;
            if (inS || inK)
            {
                sum = Add(sum, inS ? inK ? baseMinusKey : Base : negated);
            }
        }

        return sum;
    }

    private static Point Add(Point p, Point q)
    {
        var a = (p.Y - p.X) * (q.Y - q.X) % P;
        var b = (p.Y + p.X) * (q.Y + q.X) % P;
        var c = 2 * p.T * q.T % P * D % P;
        var d = 2 * p.Z * q.Z % P;
        var (e, f, g, h) = (b - a, d - c, d + c, b + a);
        return new(e * f % P, g * h % P, f * g % P, e * h % P);
    }

    /// <summary>RFC 8032 section 5.1.3; null for what is no point, or not its one spelling.</summary>
    private static Point? Decode(ReadOnlySpan<byte> bytes)
    {
        var odd = (bytes[31] & 0x80) != 0;
        var y = Number([.. bytes[..31], (byte)(bytes[31] & 0x7F)]);
        if (y >= P)
        {
            return null;
        }

        var u = Mod((y * y) - 1);
        var v = Mod((D * y * y) + 1);
        var x = u * BigInteger.ModPow(v, 3, P) * BigInteger.ModPow(u * BigInteger.ModPow(v, 7, P), (P - 5) / 8, P) % P;
        if (Mod(v * x * x) == Mod(-u))
        {
            x = x * RootOfMinusOne % P;
        }

        if (Mod(v * x * x) != u)
        {
            return null;
        }

        // Points with x = 0, whose sign could be spelled in two ways, are of small order, and those are no keys.
        x = x.IsEven == odd ? Mod(-x) : x;
        return new Point(x, y, 1, x * y % P);
    }

    private static byte[] Encode(Point point)
    {
        var inverse = BigInteger.ModPow(Mod(point.Z), P - 2, P);
        var bytes = new byte[32];
        Mod(point.Y * inverse).TryWriteBytes(bytes, out _, isUnsigned: true);
        bytes[31] |= (byte)(Mod(point.X * inverse).IsEven ? 0 : 0x80);
        return bytes;
    }

    private static BigInteger Number(ReadOnlySpan<byte> littleEndian) => new(littleEndian, isUnsigned: true);

    private static BigInteger Mod(BigInteger n)
    {
        var rest = n % P;
        return rest.Sign < 0 ? rest + P : rest;
    }

    /// <summary>Extended coordinates: x = X/Z, y = Y/Z, xy = T/Z; each known modulo P, of either sign.</summary>
    private readonly record struct Point(BigInteger X, BigInteger Y, BigInteger Z, BigInteger T);
}
