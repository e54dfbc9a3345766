using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// Makes a range proof. No branch and no index depends on the value, on its blinding or on a nonce; the multiples of points are
/// libcrypto's (see <see cref="P256.Sum"/>). The vectors l and r, and so the whole inner product, may be known to everybody.
/// </summary>
internal sealed class RangeProver(Generators generators, FillRandom fill)
{
    private const int Bits = Generators.Bits;

    /// <summary>A proof that the point, which is a commitment to the value under the blinding, commits to a number of 64 bits.</summary>
    /// <param name="transcript">Has the statement; what the proof says is added to it.</param>
    public byte[] Prove(Transcript transcript, CurvePoint commitment, ulong value, in Scalar blinding)
    {
        var proof = new byte[RangeProof.Length];
        var rest = proof.AsSpan();
        transcript.Append("bits"u8, Bits);
        transcript.Append("V"u8, commitment);
        using var nonces = new ProverNonces(transcript, value, blinding, fill);
        var (alpha, rho, tau1, tau2) = (nonces.Next(), nonces.Next(), nonces.Next(), nonces.Next());
        var bits = new Scalar[2 * Bits];
        var masks = new Scalar[2 * Bits];
        for (var i = 0; i < Bits; i++)
        {
            bits[i] = Scalar.From((value >> i) & 1);
            bits[Bits + i] = bits[i] - Scalar.One;
            masks[i] = nonces.Next();
            masks[Bits + i] = nonces.Next();
        }

        using (var a = CommitBits(bits, alpha))
        using (var s = Commit(masks, rho))
        {
            Put("A"u8, a, transcript, ref rest);
            Put("S"u8, s, transcript, ref rest);
        }

        var y = transcript.Challenge("y"u8);
        var z = transcript.Challenge("z"u8);
        var polynomial = Polynomial(bits, masks, y, z);
        using (var t1 = Pedersen.CommitScalar(generators, polynomial.T1, tau1))
        using (var t2 = Pedersen.CommitScalar(generators, polynomial.T2, tau2))
        {
            Put("T1"u8, t1, transcript, ref rest);
            Put("T2"u8, t2, transcript, ref rest);
        }

        var x = transcript.Challenge("x"u8);
        var left = At(polynomial.Left, x);
        var right = At(polynomial.Right, x);
        Put("tau_x"u8, (tau2 * x * x) + (tau1 * x) + (z * z * blinding), transcript, ref rest);
        Put("mu"u8, alpha + (rho * x), transcript, ref rest);
        Put("t"u8, InnerProduct(left, right), transcript, ref rest);
        new InnerProductProver(generators, y, transcript.Challenge("w"u8)).Prove(transcript, left, right, rest);

        Array.Clear(bits);
        Array.Clear(masks);
        Array.Clear(polynomial.Left);
        Array.Clear(polynomial.Right);
        return proof;
    }

    internal static Scalar InnerProduct(ReadOnlySpan<Scalar> left, ReadOnlySpan<Scalar> right)
    {
        var sum = Scalar.Zero;
        for (var i = 0; i < left.Length; i++)
        {
            sum += left[i] * right[i];
        }

        return sum;
    }

    internal static void Put(ReadOnlySpan<byte> label, CurvePoint point, Transcript transcript, ref Span<byte> rest)
    {
        point.Write(rest);
        transcript.Append(label, rest[..CurvePoint.Length]);
        rest = rest[CurvePoint.Length..];
    }

    private static void Put(ReadOnlySpan<byte> label, in Scalar scalar, Transcript transcript, ref Span<byte> rest)
    {
        scalar.Write(rest);
        transcript.Append(label, rest[..Scalar.Length]);
        rest = rest[Scalar.Length..];
    }

    /// <summary>
    /// l = a_L - z + s_L X and r = y^i (a_R + z + s_R X) + z² 2^i, each as its constants and then its factors of X; and the two
    /// coefficients of their product that are not known to the verifier.
    /// </summary>
    private static (Scalar[] Left, Scalar[] Right, Scalar T1, Scalar T2) Polynomial(
        Scalar[] bits, Scalar[] masks, in Scalar y, in Scalar z)
    {
        var left = new Scalar[2 * Bits];
        var right = new Scalar[2 * Bits];
        var power = Scalar.One;
        var bit = z * z;
        for (var i = 0; i < Bits; i++)
        {
            left[i] = bits[i] - z;
            left[Bits + i] = masks[i];
            right[i] = (power * (bits[Bits + i] + z)) + bit;
            right[Bits + i] = power * masks[Bits + i];
            power *= y;
            bit += bit;
        }

        var t1 = InnerProduct(left.AsSpan(0, Bits), right.AsSpan(Bits)) + InnerProduct(left.AsSpan(Bits), right.AsSpan(0, Bits));
        return (left, right, t1, InnerProduct(left.AsSpan(Bits), right.AsSpan(Bits)));
    }

    private static Scalar[] At(Scalar[] polynomial, Scalar x) =>
        [.. polynomial.Take(Bits).Zip(polynomial.Skip(Bits), (constant, factor) => constant + (factor * x))];

    private CurvePoint CommitBits(Scalar[] bits, in Scalar blinding)
    {
        var shifted = Array.ConvertAll(bits, b => b + Generators.Offset);
        var sum = Commit(shifted, blinding);
        Array.Clear(shifted);
        sum.Add(generators.MinusOffsets);
        return sum;
    }

    private CurvePoint Commit(Scalar[] vector, in Scalar blinding)
    {
        var sum = P256.Sum(Scalar.Zero, [.. generators.Left, .. generators.Right], vector);
        generators.MultiplyBlinding(blinding, Workspace.Mine.Term);
        sum.Add(Workspace.Mine.Term);
        return sum;
    }
}
