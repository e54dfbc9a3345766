using System.Buffers.Binary;
using System.Security.Cryptography;
using Coordinate = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.FieldPrime>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// From words to a point whose logarithm nobody knows: P256_XMD:SHA-256_SSWU_RO_ of RFC 9380 (sections 5.3.1, 6.6.2 and 8.2). What is
/// hashed is public, so branches may depend on it.
/// </summary>
internal static class HashToCurve
{
    private const int MostBlocks = 255;
    private const int InputBlockLength = 64;
    private const int MostBytes = 1024;

    private static readonly Coordinate A = -Coordinate.From(3);
    private static readonly Coordinate Z = -Coordinate.From(10);
    private static readonly Coordinate MinusBOverA = -(CurvePoint.B * A.Inverse());
    private static readonly Coordinate BOverZA = CurvePoint.B * (Z * A).Inverse();

    /// <summary>hash_to_curve.</summary>
    public static CurvePoint Hash(ReadOnlySpan<byte> message, ReadOnlySpan<byte> domain)
    {
        var (first, second) = HashToField(message, domain);
        var point = Map(first);
        using var other = Map(second);
        point.Add(other);
        return point;
    }

    /// <summary>hash_to_field with count 2.</summary>
    public static (Coordinate First, Coordinate Second) HashToField(ReadOnlySpan<byte> message, ReadOnlySpan<byte> domain)
    {
        Span<byte> uniform = stackalloc byte[2 * Coordinate.WideLength];
        ExpandMessage(message, domain, uniform);
        return (Coordinate.Reduce(uniform[..Coordinate.WideLength]), Coordinate.Reduce(uniform[Coordinate.WideLength..]));
    }

    /// <summary>map_to_curve: the simplified map of Shallue, van de Woestijne and Ulas.</summary>
    public static CurvePoint Map(Coordinate u)
    {
        var zu = Z * u * u;
        var denominator = (zu * zu) + zu;
        var x = denominator.IsZero ? BOverZA : MinusBOverA * (Coordinate.One + denominator.Inverse());
        var square = CurvePoint.Right(x);
        var y = CurvePoint.Root(square);
        if (!(y * y).Equals(square))
        {
            x = zu * x;
            y = CurvePoint.Root(CurvePoint.Right(x));
        }

        return CurvePoint.From(x, u.IsOdd == y.IsOdd ? y : -y);
    }

    /// <summary>expand_message_xmd with SHA-256.</summary>
    public static void ExpandMessage(ReadOnlySpan<byte> message, ReadOnlySpan<byte> domain, Span<byte> uniform)
    {
        var blocks = (uniform.Length + SHA256.HashSizeInBytes - 1) / SHA256.HashSizeInBytes;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks, MostBlocks);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(domain.Length, byte.MaxValue);
        ArgumentOutOfRangeException.ThrowIfZero(domain.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(message.Length, MostBytes);
        Span<byte> input = stackalloc byte[InputBlockLength + message.Length + 3 + domain.Length + 1];
        input.Clear();
        message.CopyTo(input[InputBlockLength..]);
        BinaryPrimitives.WriteUInt16BigEndian(input[(InputBlockLength + message.Length)..], (ushort)uniform.Length);
        WriteDomain(domain, input);
        Span<byte> first = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(input, first);

        // The previous block, xored with the first one; the block's number; the domain.
        Span<byte> next = stackalloc byte[first.Length + 1 + domain.Length + 1];
        Span<byte> block = stackalloc byte[first.Length];
        block.Clear();
        WriteDomain(domain, next);
        for (var i = 1; i <= blocks; i++)
        {
            for (var j = 0; j < block.Length; j++)
            {
                next[j] = (byte)(block[j] ^ first[j]);
            }

            next[first.Length] = (byte)i;
            SHA256.HashData(next, block);
            var part = uniform[((i - 1) * block.Length)..];
            block[..Math.Min(block.Length, part.Length)].CopyTo(part);
        }

        CryptographicOperations.ZeroMemory(input);
        CryptographicOperations.ZeroMemory(block);
    }

    private static void WriteDomain(ReadOnlySpan<byte> domain, Span<byte> input)
    {
        domain.CopyTo(input[^(domain.Length + 1)..]);
        input[^1] = (byte)domain.Length;
    }
}
