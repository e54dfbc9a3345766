using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// Checks range proofs, many in one sum of multiples: each equation is multiplied by a random number of the verifier's own, and the
/// generators, which all proofs share, are counted once. The sum is infinity when all hold, and when not all hold it is not, but with
/// probability 2^-256. Everything here is public.
/// </summary>
internal sealed class RangeBatch(Generators generators) : IDisposable
{
    /// <summary>A bound on memory: 1,217 points, 2 MB of tables in libcrypto. A proof in it costs a third of one alone.</summary>
    public const int Most = 64;

    private const int Bits = Generators.Bits;

    private readonly Scalar[] _left = new Scalar[Bits];
    private readonly Scalar[] _right = new Scalar[Bits];
    private readonly List<CurvePoint> _points = [];
    private readonly List<Scalar> _scalars = [];
    private readonly List<IDisposable> _owned = [];
    private Scalar _value;
    private Scalar _blinding;

    public int Count { get; private set; }

    /// <summary>
    /// Takes a proof that the point commits to a number of 64 bits. False, and it is not taken, for bytes that are no proof.
    /// </summary>
    /// <param name="transcript">Has the statement; what the proof says is added to it.</param>
    public bool TryAdd(Transcript transcript, CurvePoint commitment, ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Count, Most);
        var proof = RangeProof.TryRead(bytes);
        if (proof is null)
        {
            return false;
        }

        var copy = CurvePoint.Copy(commitment);
        _owned.Add(proof);
        _owned.Add(copy);
        Add(transcript, copy, proof);
        Count++;
        return true;
    }

    /// <summary>Whether all proofs that were taken hold; true of none.</summary>
    public bool Holds()
    {
        if (Count == 0)
        {
            return true;
        }

        using var sum = P256.Sum(
            _value,
            [generators.Blinding, .. generators.Left, .. generators.Right, .. _points],
            [_blinding, .. _left, .. _right, .. _scalars]);
        return sum.IsInfinity;
    }

    public void Dispose() => _owned.ForEach(o => o.Dispose());

    private void Add(Transcript transcript, CurvePoint commitment, RangeProof proof)
    {
        transcript.Append("bits"u8, Bits);
        transcript.Append("V"u8, commitment);
        transcript.Append("A"u8, proof.A);
        transcript.Append("S"u8, proof.S);
        var y = transcript.Challenge("y"u8);
        var z = transcript.Challenge("z"u8);
        transcript.Append("T1"u8, proof.T1);
        transcript.Append("T2"u8, proof.T2);
        var x = transcript.Challenge("x"u8);
        transcript.Append("tau_x"u8, proof.TauX);
        transcript.Append("mu"u8, proof.Mu);
        transcript.Append("t"u8, proof.T);
        var w = transcript.Challenge("w"u8);
        var rounds = new Scalar[RangeProof.Rounds];
        for (var i = 0; i < rounds.Length; i++)
        {
            transcript.Append("L"u8, proof.L(i));
            transcript.Append("R"u8, proof.R(i));
            rounds[i] = transcript.Challenge("u"u8);
        }

        AddPolynomial(commitment, proof, y, z, x, Scalar.Random());
        AddInnerProduct(proof, y, z, x, w, rounds, Scalar.Random());
    }

    /// <summary>z² V + δ G + x T1 + x² T2 - t G - τ H = 0, with δ = (z - z²) Σ y^i - z³ (2^64 - 1).</summary>
    private void AddPolynomial(CurvePoint commitment, RangeProof proof, in Scalar y, in Scalar z, in Scalar x, in Scalar weight)
    {
        var zz = z * z;
        var powers = Scalar.Zero;
        var power = Scalar.One;
        for (var i = 0; i < Bits; i++)
        {
            powers += power;
            power *= y;
        }

        var delta = ((z - zz) * powers) - (zz * z * Scalar.From(ulong.MaxValue));
        Add(commitment, weight * zz);
        Add(proof.T1, weight * x);
        Add(proof.T2, weight * x * x);
        _value += weight * (delta - proof.T);
        _blinding -= weight * proof.TauX;
    }

    /// <summary>
    /// A + x S - μ H - z Σ G_i + Σ (z + z² 2^i y^-i) H_i + t w G + Σ (u_j² L_j + u_j^-2 R_j)
    /// = a Σ s_i G_i + b Σ s_i^-1 y^-i H_i + a b w G, where s_i is the product over
    /// the rounds of u_j where i, highest bit first, has a one, and of 1/u_j where it has a zero.
    /// </summary>
    private void AddInnerProduct(
        RangeProof proof, in Scalar y, in Scalar z, in Scalar x, in Scalar w, Scalar[] rounds, in Scalar weight)
    {
        var inverses = Inverses([y, .. rounds]);
        Add(proof.A, weight);
        Add(proof.S, weight * x);
        for (var i = 0; i < rounds.Length; i++)
        {
            Add(proof.L(i), weight * rounds[i] * rounds[i]);
            Add(proof.R(i), weight * inverses[i + 1] * inverses[i + 1]);
        }

        _value += weight * w * (proof.T - (proof.Left * proof.Right));
        _blinding -= weight * proof.Mu;

        var products = Products(rounds, inverses.AsSpan(1));
        var weightZ = weight * z;
        var weightLeft = weight * proof.Left;
        var weightRight = weight * proof.Right;
        var bit = weightZ * z;
        var power = Scalar.One;
        for (var i = 0; i < Bits; i++)
        {
            _left[i] -= weightZ + (weightLeft * products[i]);
            // 1 / s_i is s of the complement of i.
            _right[i] += weightZ + (power * (bit - (weightRight * products[Bits - 1 - i])));
            bit += bit;
            power *= inverses[0];
        }
    }

    private void Add(CurvePoint point, in Scalar scalar)
    {
        _points.Add(point);
        _scalars.Add(scalar);
    }

    internal static Scalar[] Products(ReadOnlySpan<Scalar> rounds, ReadOnlySpan<Scalar> inverses)
    {
        var products = new Scalar[Bits];
        products[0] = Scalar.One;
        foreach (var inverse in inverses)
        {
            products[0] *= inverse;
        }

        // Each number differs by its highest bit from one that is known: that round's challenge takes the place of its inverse.
        for (var i = 1; i < Bits; i++)
        {
            var highest = System.Numerics.BitOperations.Log2((uint)i);
            var round = rounds[rounds.Length - 1 - highest];
            products[i] = products[i - (1 << highest)] * round * round;
        }

        return products;
    }

    /// <summary>All inverses for the price of one (Montgomery's trick).</summary>
    internal static Scalar[] Inverses(Scalar[] values)
    {
        var before = new Scalar[values.Length];
        var product = Scalar.One;
        for (var i = 0; i < values.Length; i++)
        {
            before[i] = product;
            product *= values[i];
        }

        var inverse = product.Inverse();
        for (var i = values.Length - 1; i >= 0; i--)
        {
            before[i] *= inverse;
            inverse *= values[i];
        }

        return before;
    }
}
