using System.Globalization;
using System.Numerics;

namespace Bulkhead.Verify.Totals;

/// <summary>A point of P-256 in projective coordinates: x = X/Z, y = Y/Z; infinity has Z = 0.</summary>
internal readonly record struct Point(Field X, Field Y, Field Z)
{
    public const int Size = 33;

    /// <summary>The group's order.</summary>
    public static readonly BigInteger Order = Hex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
    public static readonly Field CoefficientA = Field.Of(-3);
    public static readonly Field CoefficientB = Field.Of(Hex("5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B"));
    public static readonly Point Infinity = new(Field.Zero, Field.One, Field.Zero);
    public static readonly Point Base = Read(Convert.FromHexString("036B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"))!.Value;

    public bool IsInfinity => Z.IsZero;

    /// <summary>SEC 1, 2.3.4, compressed points only; null for what is none. So infinity is never read.</summary>
    public static Point? Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size || bytes[0] is not (2 or 3) || Field.Read(bytes[1..]) is not { } x || Curve(x).Root() is not { } y)
        {
            return null;
        }

        return new(x, y.IsOdd == (bytes[0] == 3) ? y : -y, Field.One);
    }

    /// <summary>x³ - 3x + b.</summary>
    public static Field Curve(Field x) => (((x * x) + CoefficientA) * x) + CoefficientB;

    /// <summary>Compressed; 33 zero bytes for infinity, as transcripts have it.</summary>
    public byte[] Bytes()
    {
        var bytes = new byte[Size];
        if (!IsInfinity)
        {
            var inverse = Z.Inverse();
            (X * inverse).Write(bytes.AsSpan(1));
            bytes[0] = (byte)((Y * inverse).IsOdd ? 3 : 2);
        }

        return bytes;
    }

    public static Point operator -(Point p) => new(p.X, -p.Y, p.Z);

    /// <summary>Renes, Costello, Batina 2015 (eprint 2015/1060), algorithm 4: right for all points, also equal and opposite ones and infinity.</summary>
    public static Point operator +(Point p, Point q)
    {
        var t0 = p.X * q.X;
        var t1 = p.Y * q.Y;
        var t2 = p.Z * q.Z;
        var t3 = ((p.X + p.Y) * (q.X + q.Y)) - (t0 + t1);
        var t4 = ((p.Y + p.Z) * (q.Y + q.Z)) - (t1 + t2);
        var y = ((p.X + p.Z) * (q.X + q.Z)) - (t0 + t2);
        var x = Threefold(y - (CoefficientB * t2));
        var z = t1 - x;
        x = t1 + x;
        t2 = Threefold(t2);
        y = Threefold((CoefficientB * y) - t2 - t0);
        t0 = Threefold(t0) - t2;
        return new((t3 * x) - (t4 * y), (x * z) + (t0 * y), (t4 * z) + (t3 * t0));
    }

    /// <summary>A number modulo the order of the group, as the sums of MultiSum take it.</summary>
    public static BigInteger Modulo(BigInteger number)
    {
        var rest = number % Order;
        return rest.Sign < 0 ? rest + Order : rest;
    }

    private static Field Threefold(Field x) => x + x + x;

    private static BigInteger Hex(string digits) => BigInteger.Parse("0" + digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
