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

    /// <summary>A new scalar.</summary>
    public static void GenerateScalar(Span<byte> output)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var parameters = key.ExportParameters(includePrivateParameters: true);
        parameters.D.CopyTo(output);
        CryptographicOperations.ZeroMemory(parameters.D);
    }
}
