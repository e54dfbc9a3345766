using Coordinate = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.FieldPrime>;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// Commitments to numbers of 64 bits (Pedersen 1991): value · G + blinding · H, 33 bytes. Nobody finds the value in it, whatever their
/// computer; nobody opens it to another value who cannot compute logarithms; and commitments add up to one of the sum.
/// </summary>
internal static class Pedersen
{
    /// <summary>A blinding of its own for each commitment, uniform and not zero. It stays secret as long as the value.</summary>
    public static Scalar NewBlinding() => Scalar.Random();

    public static void Commit(ulong value, in Scalar blinding, Span<byte> commitment) =>
        Commit(Generators.Ours, value, blinding, commitment);

    public static byte[] Commit(ulong value, in Scalar blinding)
    {
        var commitment = new byte[CurvePoint.Length];
        Commit(value, blinding, commitment);
        return commitment;
    }

    /// <summary>One commitment of 33 bytes after the other.</summary>
    public static void CommitMany(ReadOnlySpan<ulong> values, ReadOnlySpan<Scalar> blindings, Span<byte> commitments)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, blindings.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(commitments.Length, values.Length * CurvePoint.Length);
        for (var i = 0; i < values.Length; i++)
        {
            Commit(values[i], blindings[i], commitments[(i * CurvePoint.Length)..]);
        }
    }

    /// <summary>
    /// Commitments to 0, 1, … most under one blinding, of which one is shown. Not of one duration for each: the number is the server's own.
    /// </summary>
    public static byte[][] CommitUpTo(int most, in Scalar blinding)
    {
        var sum = Workspace.Mine.Sum;
        Generators.Ours.MultiplyBlinding(blinding, sum);
        var commitments = new byte[most + 1][];
        commitments[0] = sum.ToBytes();
        if (most > 0)
        {
            AddMultiples(sum.Affine(), ValueMultiples.UpTo(most), commitments.AsSpan(1));
        }

        return commitments;
    }

    /// <summary>One division for all of them (Montgomery's trick): libcrypto would divide for each point that it writes.</summary>
    private static void AddMultiples(
        (Coordinate X, Coordinate Y) point, ReadOnlySpan<(Coordinate X, Coordinate Y)> multiples, Span<byte[]> sums)
    {
        var products = new Coordinate[multiples.Length];
        var product = Coordinate.One;
        for (var i = 0; i < products.Length; i++)
        {
            products[i] = product;
            product *= multiples[i].X - point.X;
        }

        // A blinding that is a multiple of G that small: nobody meets it, and it has no place here.
        if (product.IsZero)
        {
            throw new InvalidOperationException("The blinding is not a random one.");
        }

        var inverse = product.Inverse();
        for (var i = products.Length - 1; i >= 0; i--)
        {
            var (x, y) = multiples[i];
            var slope = (y - point.Y) * (inverse * products[i]);
            inverse *= x - point.X;
            var sumX = (slope * slope) - point.X - x;
            var sumY = (slope * (point.X - sumX)) - point.Y;
            var bytes = new byte[CurvePoint.Length];
            bytes[0] = sumY.IsOdd ? (byte)3 : (byte)2;
            sumX.Write(bytes.AsSpan(1));
            sums[i] = bytes;
        }
    }

    /// <summary>Whether the commitment is one to this value with this blinding.</summary>
    public static bool Opens(ReadOnlySpan<byte> commitment, ulong value, in Scalar blinding) =>
        commitment.SequenceEqual(Commit(value, blinding));

    /// <summary>A commitment to the sum of the values, with the sum of the blindings; null when one is no commitment.</summary>
    public static byte[]? TryAdd(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        using var sum = CurvePoint.TryRead(left);
        using var term = CurvePoint.TryRead(right);
        if (sum is null || term is null)
        {
            return null;
        }

        sum.Add(term);
        return sum.ToBytes();
    }

    internal static void Commit(Generators generators, ulong value, in Scalar blinding, Span<byte> commitment)
    {
        var work = Workspace.Mine;
        generators.MultiplyBlinding(blinding, work.Sum);
        P256.MultiplyGenerator(Scalar.From(value) + Generators.Offset, work.Term);
        work.Sum.Add(work.Term);
        work.Sum.Add(generators.MinusOffset);
        work.Sum.Write(commitment);
    }

    /// <summary>value · G + blinding · H for any two scalars.</summary>
    internal static CurvePoint CommitScalar(Generators generators, in Scalar value, in Scalar blinding)
    {
        var sum = CurvePoint.Infinity();
        generators.MultiplyBlinding(blinding, sum);
        P256.MultiplyGenerator(value, Workspace.Mine.Term);
        sum.Add(Workspace.Mine.Term);
        return sum;
    }
}
