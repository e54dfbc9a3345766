using System.Numerics;

namespace Bulkhead.Verify.Totals;

/// <summary>A sum of many points, each some number of times; those of the generators are gathered.</summary>
internal sealed class MultiSum
{
    private const int Window = 4;
    private const int Windows = 256 / Window;

    private readonly List<(BigInteger Factor, Point Point)> terms = [];

    public BigInteger G { get; set; }

    public BigInteger H { get; set; }

    public BigInteger[] Gs { get; } = new BigInteger[Generators.Bits];

    public BigInteger[] Hs { get; } = new BigInteger[Generators.Bits];

    public void Add(BigInteger factor, Point point) => terms.Add((factor, point));

    public void Add(MultiSum other)
    {
        terms.AddRange(other.terms);
        (G, H) = (G + other.G, H + other.H);
        for (var i = 0; i < Generators.Bits; i++)
        {
            (Gs[i], Hs[i]) = (Gs[i] + other.Gs[i], Hs[i] + other.Hs[i]);
        }
    }

    /// <summary>Straus: all factors four bits at a time, from the highest, with one run of doublings.</summary>
    public Point Value()
    {
        var all = terms.Append((G, Generators.G)).Append((H, Generators.H)).Concat(Gs.Zip(Generators.Gs)).Concat(Hs.Zip(Generators.Hs))
            .Select(t => (Factor: Point.Modulo(t.Item1), Point: t.Item2)).Where(t => !t.Factor.IsZero)
            .Select(t => (Digits: Digits(t.Factor), Multiples: Multiples(t.Point))).ToList();
        var sum = Point.Infinity;
        for (var window = Windows - 1; window >= 0; window--)
        {
            for (var i = 0; i < Window; i++)
            {
                sum += sum;
            }

            foreach (var (digits, multiples) in all)
            {
                if (digits[window] != 0)
                {
                    sum += multiples[digits[window]];
                }
            }
        }

        return sum;
    }

    private static byte[] Digits(BigInteger factor)
    {
        Span<byte> bytes = stackalloc byte[32];
        factor.TryWriteBytes(bytes, out _, isUnsigned: true);
        var digits = new byte[Windows];
        for (var i = 0; i < Windows; i++)
        {
            digits[i] = (byte)((bytes[i / 2] >> (Window * (i % 2))) & 15);
        }

        return digits;
    }

    private static Point[] Multiples(Point point)
    {
        var multiples = new Point[1 << Window];
        multiples[0] = Point.Infinity;
        for (var i = 1; i < multiples.Length; i++)
        {
            multiples[i] = multiples[i - 1] + point;
        }

        return multiples;
    }
}
