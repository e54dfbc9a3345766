using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Verify.Totals;

/// <summary>RFC 9380: expand_message_xmd with SHA-256 (5.3.1), and the suite P256_XMD:SHA-256_SSWU_RO_ (8.2).</summary>
internal static class HashToCurve
{
    // L of the suite: so many bytes for each number modulo the prime.
    private const int BytesOfNumber = 48;

    private static readonly Field Z = Field.Of(-10);

    public static Point Hash(string message, string domain)
    {
        var uniform = Expand(Encoding.UTF8.GetBytes(message), domain, 2 * BytesOfNumber);
        return Map(Number(uniform[..BytesOfNumber])) + Map(Number(uniform[BytesOfNumber..]));
    }

    public static byte[] Expand(ReadOnlySpan<byte> message, string domain, int length)
    {
        byte[] suffix = [.. Encoding.ASCII.GetBytes(domain), (byte)domain.Length];
        var first = SHA256.HashData([.. new byte[64], .. message, (byte)(length >> 8), (byte)length, 0, .. suffix]);
        var block = new byte[first.Length];
        var expanded = new List<byte>();
        for (byte i = 1; expanded.Count < length; i++)
        {
            block = SHA256.HashData([.. first.Zip(block, (f, b) => (byte)(f ^ b)), i, .. suffix]);
            expanded.AddRange(block);
        }

        return [.. expanded.Take(length)];
    }

    private static Field Number(byte[] bytes) => Field.Of(new BigInteger(bytes, isUnsigned: true, isBigEndian: true));

    /// <summary>The simplified map of Shallue, van de Woestijne and Ulas (6.6.2).</summary>
    private static Point Map(Field u)
    {
        var zu = Z * u * u;
        var t = (zu * zu) + zu;
        var x = t.IsZero
            ? Point.CoefficientB * (Z * Point.CoefficientA).Inverse()
            : -Point.CoefficientB * Point.CoefficientA.Inverse() * (Field.One + t.Inverse());
        var y = Point.Curve(x).Root();
        if (y is null)
        {
            x = zu * x;
            y = Point.Curve(x).Root();
        }

        return new(x, y!.Value.IsOdd == u.IsOdd ? y.Value : -y.Value, Field.One);
    }
}
