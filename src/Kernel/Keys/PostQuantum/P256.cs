using System.Formats.Asn1;
using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys.PostQuantum;

/// <summary>P-256 as fixed lengths: a scalar of 32 bytes, an uncompressed point of 65 (SEC 1 section 2.3.3).</summary>
internal static class P256
{
    public const int ScalarLength = 32;
    public const int PointLength = 65;

    private const byte Uncompressed = 4;

    public static ECParameters Private(ReadOnlySpan<byte> scalar) => new()
    {
        Curve = ECCurve.NamedCurves.nistP256,
        D = scalar.ToArray(),
    };

    /// <exception cref="CryptographicException">It is no uncompressed point; whether it is on the curve is checked on import.</exception>
    public static ECParameters Public(ReadOnlySpan<byte> point) => point.Length == PointLength && point[0] == Uncompressed
        ? new()
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new() { X = point[1..33].ToArray(), Y = point[33..].ToArray() },
        }
        : throw new CryptographicException("This is no uncompressed point of P-256.");

    public static void WritePoint(ECPoint point, Span<byte> output)
    {
        output[0] = Uncompressed;
        point.X.CopyTo(output[1..]);
        point.Y.CopyTo(output[33..]);
    }

    /// <summary>Runs with the key's parameters, and zeroes what .NET copied of the scalar: that array is not pinned.</summary>
    public static T WithPrivate<T>(ReadOnlySpan<byte> scalar, Func<ECParameters, T> use)
    {
        var parameters = Private(scalar);
        try
        {
            return use(parameters);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(parameters.D);
        }
    }

    /// <summary>
    /// ECDSA with SHA-256; the signature in DER and in no other way to write the same numbers. (.NET's own reading takes a negative
    /// number for the positive one of the same bytes, so that a signature could be changed and still verify.)
    /// </summary>
    public static bool Verify(ECDsa key, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        Span<byte> numbers = stackalloc byte[2 * ScalarLength];
        numbers.Clear();
        return TryReadDer(signature, numbers)
            && key.VerifyData(data, numbers, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    /// <summary>A new scalar.</summary>
    public static void GenerateScalar(Span<byte> output)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var parameters = key.ExportParameters(includePrivateParameters: true);
        parameters.D.CopyTo(output);
        CryptographicOperations.ZeroMemory(parameters.D);
    }

    private static bool TryReadDer(ReadOnlySpan<byte> signature, Span<byte> numbers)
    {
        try
        {
            var whole = new AsnReader(signature.ToArray(), AsnEncodingRules.DER);
            var both = whole.ReadSequence();
            if (whole.HasData)
            {
                return false;
            }

            for (var i = 0; i < 2; i++)
            {
                var number = both.ReadInteger();
                var field = numbers.Slice(i * ScalarLength, ScalarLength);
                if (number.Sign < 0
                    || number.GetByteCount(isUnsigned: true) > ScalarLength
                    || !number.TryWriteBytes(field[^number.GetByteCount(isUnsigned: true)..], out _, isUnsigned: true, isBigEndian: true))
                {
                    return false;
                }
            }

            return !both.HasData;
        }
        catch (AsnContentException)
        {
            return false;
        }
    }
}
