using System.Numerics;
using Coordinate = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.FieldPrime>;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>G, 2G, 3G, … by their coordinates, made once and as far as they were asked for: 64 bytes each. They are public.</summary>
internal static class ValueMultiples
{
    private const int Fewest = 256;

    private static readonly Lock Growing = new();
    private static (Coordinate X, Coordinate Y)[] _known = [];

    /// <summary>The first is G itself.</summary>
    public static ReadOnlySpan<(Coordinate X, Coordinate Y)> UpTo(int most)
    {
        var known = Volatile.Read(ref _known);
        return (known.Length >= most ? known : Grow(most)).AsSpan(0, most);
    }

    private static (Coordinate X, Coordinate Y)[] Grow(int most)
    {
        lock (Growing)
        {
            if (_known.Length >= most)
            {
                return _known;
            }

            var grown = new (Coordinate, Coordinate)[Math.Max(Fewest, (int)BitOperations.RoundUpToPowerOf2((uint)most))];
            _known.CopyTo(grown, 0);
            using var next = CurvePoint.Infinity();
            P256.MultiplyGenerator(Scalar.From((ulong)_known.Length + 1), next);
            for (var i = _known.Length; i < grown.Length; i++)
            {
                grown[i] = next.Affine();
                next.Add(Generators.Ours.Value);
            }

            Volatile.Write(ref _known, grown);
            return grown;
        }
    }
}
