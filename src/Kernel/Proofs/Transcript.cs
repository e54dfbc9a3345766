using System.Buffers.Binary;
using System.Security.Cryptography;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// What prover and verifier have in common so far, as a chain of SHA-256: every piece goes in with its label and its length, and every
/// challenge comes out of all that went in before. docs/formats/total-proof.md gives the bytes.
/// </summary>
internal sealed class Transcript
{
    public const int MostBytes = 1024;

    private const byte Piece = 1;
    private const byte Drawn = 2;
    private const int HeaderLength = SHA256.HashSizeInBytes + 2 + 8;
    private const int LongestLabel = 32;

    private readonly byte[] _state = new byte[SHA256.HashSizeInBytes];

    public Transcript(Generators generators)
    {
        Append("protocol"u8, "bulkhead/total-proof/v1"u8);
        Append("generators"u8, generators.Digest);
    }

    private Transcript(byte[] state) => state.CopyTo(_state, 0);

    /// <summary>Another one that knows the same, and goes on by itself.</summary>
    public Transcript Fork() => new(_state);

    public ReadOnlySpan<byte> State => _state;

    public void Append(ReadOnlySpan<byte> label, ReadOnlySpan<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(label.Length, LongestLabel);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(data.Length, MostBytes);
        Span<byte> piece = stackalloc byte[HeaderLength + LongestLabel + MostBytes];
        var header = Begin(piece, Piece, label);
        BinaryPrimitives.WriteUInt64BigEndian(piece[header..], (ulong)data.Length);
        data.CopyTo(piece[(header + 8)..]);
        SHA256.HashData(piece[..(header + 8 + data.Length)], _state);
    }

    public void Append(ReadOnlySpan<byte> label, ulong number)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, number);
        Append(label, bytes);
    }

    public void Append(ReadOnlySpan<byte> label, UInt128 number)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, number);
        Append(label, bytes);
    }

    public void Append(ReadOnlySpan<byte> label, CurvePoint point)
    {
        Span<byte> bytes = stackalloc byte[CurvePoint.Length];
        point.Write(bytes);
        Append(label, bytes);
    }

    public void Append(ReadOnlySpan<byte> label, in Scalar scalar)
    {
        Span<byte> bytes = stackalloc byte[Scalar.Length];
        scalar.Write(bytes);
        Append(label, bytes);
    }

    public Scalar Challenge(ReadOnlySpan<byte> label)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(label.Length, LongestLabel);
        Span<byte> piece = stackalloc byte[HeaderLength + LongestLabel];
        SHA256.HashData(piece[..Begin(piece, Drawn, label)], _state);
        Span<byte> wide = stackalloc byte[Scalar.WideLength];
        HashToCurve.ExpandMessage(_state, "bulkhead/total-proof/v1/challenge"u8, wide);
        return Scalar.Reduce(wide);
    }

    private int Begin(Span<byte> piece, byte kind, ReadOnlySpan<byte> label)
    {
        _state.CopyTo(piece);
        piece[_state.Length] = kind;
        piece[_state.Length + 1] = (byte)label.Length;
        label.CopyTo(piece[(_state.Length + 2)..]);
        return _state.Length + 2 + label.Length;
    }
}
