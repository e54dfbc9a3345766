using System.Buffers.Binary;
using System.Security.Cryptography;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>Fills with random bytes: the system's generator, or a test's bytes that are the same each time.</summary>
internal delegate void FillRandom(Span<byte> bytes);

/// <summary>
/// The prover's random scalars. A nonce that repeats gives the blinding away; so they hang on the secret and on the transcript besides
/// fresh random bytes, and a generator that fails does not repeat one for another statement.
/// </summary>
internal sealed class ProverNonces : IDisposable
{
    private const int FreshLength = 32;

    // The seed, then a counter.
    private readonly byte[] _seed = new byte[SHA256.HashSizeInBytes + 4];
    private uint _drawn;

    public ProverNonces(Transcript transcript, UInt128 value, in Scalar blinding, FillRandom fill)
    {
        Span<byte> input = stackalloc byte[SHA256.HashSizeInBytes + 16 + Scalar.Length + FreshLength];
        transcript.State.CopyTo(input);
        BinaryPrimitives.WriteUInt128BigEndian(input[SHA256.HashSizeInBytes..], value);
        blinding.Write(input[(SHA256.HashSizeInBytes + 16)..]);
        fill(input[^FreshLength..]);
        SHA256.HashData(input, _seed.AsSpan(0, SHA256.HashSizeInBytes));
        CryptographicOperations.ZeroMemory(input);
    }

    public Scalar Next()
    {
        BinaryPrimitives.WriteUInt32BigEndian(_seed.AsSpan(SHA256.HashSizeInBytes), _drawn++);
        Span<byte> wide = stackalloc byte[Scalar.WideLength];
        HashToCurve.ExpandMessage(_seed, "bulkhead/total-proof/v1/nonce"u8, wide);
        var drawn = Scalar.Reduce(wide);
        CryptographicOperations.ZeroMemory(wide);
        return drawn;
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_seed);
}
