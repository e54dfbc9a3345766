using System.Security.Cryptography;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// The group of P-256 (SEC 2, section 2.4.2; the cofactor is 1, so every point but infinity generates it).
/// </summary>
internal static class P256
{
    public static CurveGroup Group { get; } = CurveGroup.New();

    /// <summary>A sum of many terms takes as long as its longest: a bound on what one call does, about 60 ms.</summary>
    private const int MostTerms = 4096;

    /// <summary>scalar · G into the point, through libcrypto's table.</summary>
    public static void MultiplyGenerator(in Scalar scalar, CurvePoint result) => MultiplyGenerator(Group, scalar, result);

    /// <summary>scalar · (the group's own generator): another group has a table for another point.</summary>
    public static void MultiplyGenerator(CurveGroup group, in Scalar scalar, CurvePoint result)
    {
        var work = Workspace.Mine;
        Set(work.First, scalar);
        Libcrypto.Require(Libcrypto.EC_POINT_mul(group, result, work.First, 0, 0, work.Context));
        work.First.Clear();
    }

    /// <summary>
    /// ofGenerator · G + Σ scalars · points, in one call. Where libcrypto has its assembler for P-256 (x86-64, arm64 and some others),
    /// scalars of 193 to 256 bits take the same time and the same memory whatever they are; elsewhere the time depends on them.
    /// </summary>
    public static CurvePoint Sum(in Scalar ofGenerator, ReadOnlySpan<CurvePoint> points, ReadOnlySpan<Scalar> scalars)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(points.Length, scalars.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(points.Length, MostTerms);
        var work = Workspace.Mine;
        var pointAddresses = new nint[points.Length];
        var scalarAddresses = new nint[points.Length];
        for (var i = 0; i < points.Length; i++)
        {
            var number = work.Scalar(i);
            Set(number, scalars[i]);
            pointAddresses[i] = points[i].Address;
            scalarAddresses[i] = number.Address;
        }

        Set(work.First, ofGenerator);
        var sum = CurvePoint.Infinity();
        Libcrypto.Require(Libcrypto.EC_POINTs_mul(
            Group, sum, work.First, (nuint)points.Length, pointAddresses, scalarAddresses, work.Context));
        foreach (var point in points)
        {
            GC.KeepAlive(point);
        }

        for (var i = 0; i < points.Length; i++)
        {
            work.Scalar(i).Clear();
        }

        work.First.Clear();
        return sum;
    }

    private static void Set(BigNumber number, in Scalar scalar)
    {
        Span<byte> bytes = stackalloc byte[Scalar.Length];
        scalar.Write(bytes);
        number.Set(bytes);
        CryptographicOperations.ZeroMemory(bytes);
    }
}
