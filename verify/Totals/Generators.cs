using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;

namespace Bulkhead.Verify.Totals;

/// <summary>Points of which nobody knows how one is a multiple of another: each comes from its name alone.</summary>
internal static class Generators
{
    public const int Bits = 64;
    private const string Domain = "Bulkhead-V01-with-P256_XMD:SHA-256_SSWU_RO_";

    public static Point G => Point.Base;

    public static Point H { get; } = HashToCurve.Hash("pedersen/H", Domain);

    public static ImmutableArray<Point> Gs { get; } = Row("range/G/");

    public static ImmutableArray<Point> Hs { get; } = Row("range/H/");

    public static byte[] Digest { get; } = SHA256.HashData([.. new[] { G, H }.Concat(Gs).Concat(Hs).SelectMany(p => p.Bytes())]);

    private static ImmutableArray<Point> Row(string name) =>
        [.. Enumerable.Range(0, Bits).Select(i => HashToCurve.Hash(string.Create(CultureInfo.InvariantCulture, $"{name}{i}"), Domain))];
}
