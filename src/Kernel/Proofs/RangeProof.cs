using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// The parts of a range proof (Bünz, Bootle, Boneh, Poelstra, Wuille, Maxwell 2018, sections 4.2 and 3.1): 16 points and 5 scalars,
/// 688 bytes, each in the one way that it can be written.
/// </summary>
internal sealed class RangeProof : IDisposable
{
    public const int Rounds = 6;
    public const int Length = (Points * CurvePoint.Length) + (Scalars * Scalar.Length);

    private const int Points = 4 + (2 * Rounds);
    private const int Scalars = 5;

    private readonly List<CurvePoint> _points = new(Points);

    private RangeProof()
    {
    }

    public CurvePoint A => _points[0];

    public CurvePoint S => _points[1];

    public CurvePoint T1 => _points[2];

    public CurvePoint T2 => _points[3];

    /// <summary>The blinding of the polynomial's value at x.</summary>
    public Scalar TauX { get; private set; }

    /// <summary>The blinding of A + xS.</summary>
    public Scalar Mu { get; private set; }

    /// <summary>The polynomial's value at x.</summary>
    public Scalar T { get; private set; }

    /// <summary>What is left of both vectors after the last round.</summary>
    public Scalar Left { get; private set; }

    public Scalar Right { get; private set; }

    public CurvePoint L(int round) => _points[4 + (2 * round)];

    public CurvePoint R(int round) => _points[5 + (2 * round)];

    public static RangeProof? TryRead(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Length)
        {
            return null;
        }

        var proof = new RangeProof();
        if (proof.TryFill(bytes))
        {
            return proof;
        }

        proof.Dispose();
        return null;
    }

    public void Dispose() => _points.ForEach(p => p.Dispose());

    private bool TryFill(ReadOnlySpan<byte> bytes)
    {
        for (var i = 0; i < 4; i++)
        {
            if (!TryPoint(ref bytes))
            {
                return false;
            }
        }

        if (!TryScalar(ref bytes, out var tauX) || !TryScalar(ref bytes, out var mu) || !TryScalar(ref bytes, out var t))
        {
            return false;
        }

        for (var i = 0; i < 2 * Rounds; i++)
        {
            if (!TryPoint(ref bytes))
            {
                return false;
            }
        }

        if (!TryScalar(ref bytes, out var left) || !TryScalar(ref bytes, out var right))
        {
            return false;
        }

        (TauX, Mu, T, Left, Right) = (tauX, mu, t, left, right);
        return true;
    }

    private bool TryPoint(ref ReadOnlySpan<byte> bytes)
    {
        var point = CurvePoint.TryRead(bytes[..CurvePoint.Length]);
        bytes = bytes[CurvePoint.Length..];
        if (point is not null)
        {
            _points.Add(point);
        }

        return point is not null;
    }

    private static bool TryScalar(ref ReadOnlySpan<byte> bytes, out Scalar scalar)
    {
        var read = Scalar.TryRead(bytes[..Scalar.Length], out scalar);
        bytes = bytes[Scalar.Length..];
        return read;
    }
}
