using System.Collections.Concurrent;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;

namespace Bulkhead.Tests.Verify.Making;

/// <summary>Signing as RFC 8032 section 5.1.6 says, with projective formulas that the verifier does not use. For tests: it hides nothing.</summary>
internal sealed class NaiveEd25519
{
    public static readonly BigInteger P = BigInteger.Pow(2, 255) - 19;
    public static readonly BigInteger Order = BigInteger.Pow(2, 252) + BigInteger.Parse(
        "27742317777372353535851937790883648493",
        CultureInfo.InvariantCulture);
    private static readonly BigInteger D = Mod(-121665 * BigInteger.ModPow(121666, P - 2, P));
    private static readonly (BigInteger X, BigInteger Y, BigInteger Z) Base = (
        BigInteger.Parse("15112221349535400772501151409588531511454012693041857206046113283949847762202", CultureInfo.InvariantCulture),
        BigInteger.Parse("46316835694926478169428394003475163141307993866256225615783033603165251855960", CultureInfo.InvariantCulture),
        1);

    private readonly BigInteger secret;
    private readonly byte[] prefix;

    public NaiveEd25519(byte[] seed)
    {
        var hash = SHA512.HashData(seed);
        (hash[0], hash[31]) = ((byte)(hash[0] & 248), (byte)((hash[31] & 127) | 64));
        (secret, prefix) = (Number(hash.AsSpan(0, 32)), hash[32..]);
        PublicKey = BaseTimes(secret);
    }

    public byte[] PublicKey { get; }

    // The same notes are signed over and over by the tests.
    private static readonly ConcurrentDictionary<string, byte[]> Signed = [];

    public byte[] Sign(byte[] message) =>
        Signed.GetOrAdd(Convert.ToHexString(PublicKey) + Convert.ToHexString(message), _ => SignAnew(message));

    private byte[] SignAnew(byte[] message)
    {
        var r = Number(SHA512.HashData([.. prefix, .. message])) % Order;
        var spelledR = BaseTimes(r);
        var k = Number(SHA512.HashData([.. spelledR, .. PublicKey, .. message])) % Order;
        return [.. spelledR, .. Bytes((r + (k * secret)) % Order)];
    }

    public static byte[] BaseTimes(BigInteger n)
    {
        (BigInteger X, BigInteger Y, BigInteger Z) sum = (0, 1, 1);
        for (var bit = 255; bit >= 0; bit--)
        {
            sum = Add(sum, sum);
            if (!((n >> bit) & 1).IsZero)
            {
                sum = Add(sum, Base);
            }
        }

        var inverse = BigInteger.ModPow(sum.Z, P - 2, P);
        var bytes = Bytes(Mod(sum.Y * inverse));
        bytes[31] |= (byte)(Mod(sum.X * inverse).IsEven ? 0 : 0x80);
        return bytes;
    }

    public static byte[] Bytes(BigInteger n)
    {
        var bytes = new byte[32];
        n.TryWriteBytes(bytes, out _, isUnsigned: true);
        return bytes;
    }

    public static BigInteger Number(ReadOnlySpan<byte> bytes) => new(bytes, isUnsigned: true);

    private static (BigInteger X, BigInteger Y, BigInteger Z) Add(
        (BigInteger X, BigInteger Y, BigInteger Z) p,
        (BigInteger X, BigInteger Y, BigInteger Z) q)
    {
        var a = Mod(p.Z * q.Z);
        var b = Mod(a * a);
        var c = Mod(p.X * q.X);
        var d = Mod(p.Y * q.Y);
        var e = Mod(D * c * d);
        var (f, g) = (b - e, b + e);
        return (Mod(a * f * (((p.X + p.Y) * (q.X + q.Y)) - c - d)), Mod(a * g * (d + c)), Mod(f * g));
    }

    private static BigInteger Mod(BigInteger n) => ((n % P) + P) % P;
}
