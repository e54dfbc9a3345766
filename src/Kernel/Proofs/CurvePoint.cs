using Microsoft.Win32.SafeHandles;
using Coordinate = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.FieldPrime>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// A point of P-256, in libcrypto's memory. On the wire it is compressed (SEC 1, section 2.3.3): 02 or 03, then x, 33 bytes. Not safe for
/// writing by two threads.
/// </summary>
internal sealed class CurvePoint() : SafeHandleZeroOrMinusOneIsInvalid(ownsHandle: true)
{
    public const int Length = 33;

    // (p + 1) / 4: p is 3 modulo 4, so a power is the root.
    private static readonly Words RootExponent = new(0, 0x0000000040000000, 0x4000000000000000, 0x3FFFFFFFC0000000);

    /// <summary>The constant b of y² = x³ - 3x + b.</summary>
    public static Coordinate B { get; } = ReadConstant("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");

    public bool IsInfinity => Libcrypto.EC_POINT_is_at_infinity(P256.Group, this) == 1;

    /// <summary>Where the array that <c>EC_POINTs_mul</c> reads points; the caller keeps this object alive.</summary>
    public nint Address => handle;

    public static CurvePoint Infinity()
    {
        var point = Libcrypto.Require(Libcrypto.EC_POINT_new(P256.Group));
        Libcrypto.Require(Libcrypto.EC_POINT_set_to_infinity(P256.Group, point));
        return point;
    }

    public static CurvePoint Copy(CurvePoint source)
    {
        var point = Libcrypto.Require(Libcrypto.EC_POINT_new(P256.Group));
        Libcrypto.Require(Libcrypto.EC_POINT_copy(point, source));
        return point;
    }

    /// <summary>Null for what is no point other than infinity, or is not written in the one way that it can be.</summary>
    public static CurvePoint? TryRead(ReadOnlySpan<byte> bytes)
    {
        // libcrypto also knows infinity as one zero byte, and forms with both coordinates.
        if (bytes.Length != Length || bytes[0] is not (2 or 3))
        {
            return null;
        }

        var point = Libcrypto.Require(Libcrypto.EC_POINT_new(P256.Group));
        if (Libcrypto.EC_POINT_oct2point(P256.Group, point, bytes, Length, Workspace.Mine.Context) == 1)
        {
            return point;
        }

        point.Dispose();
        Libcrypto.ERR_clear_error();
        return null;
    }

    /// <exception cref="InvalidOperationException">It is not on the curve.</exception>
    public static CurvePoint From(Coordinate x, Coordinate y)
    {
        var point = Libcrypto.Require(Libcrypto.EC_POINT_new(P256.Group));
        var work = Workspace.Mine;
        Span<byte> bytes = stackalloc byte[Coordinate.Length];
        x.Write(bytes);
        work.First.Set(bytes);
        y.Write(bytes);
        work.Second.Set(bytes);
        Libcrypto.Require(Libcrypto.EC_POINT_set_affine_coordinates(P256.Group, point, work.First, work.Second, work.Context));
        return point;
    }

    /// <summary>33 bytes; infinity, which has no such form and is never read, is 33 zeros.</summary>
    public void Write(Span<byte> destination)
    {
        destination = destination[..Length];
        if (IsInfinity)
        {
            destination.Clear();
            return;
        }

        var written = Libcrypto.EC_POINT_point2oct(
            P256.Group, this, Libcrypto.CompressedForm, destination, Length, Workspace.Mine.Context);
        Libcrypto.Require(written == Length ? 1 : 0);
    }

    /// <summary>Its coordinates; of infinity, which has none, there is no call.</summary>
    public (Coordinate X, Coordinate Y) Affine()
    {
        Span<byte> bytes = stackalloc byte[1 + (2 * Coordinate.Length)];
        var written = Libcrypto.EC_POINT_point2oct(
            P256.Group, this, Libcrypto.UncompressedForm, bytes, (nuint)bytes.Length, Workspace.Mine.Context);
        Libcrypto.Require(written == (nuint)bytes.Length ? 1 : 0);
        var isRead = Coordinate.TryRead(bytes[1..(1 + Coordinate.Length)], out var x);
        isRead &= Coordinate.TryRead(bytes[(1 + Coordinate.Length)..], out var y);
        Libcrypto.Require(isRead ? 1 : 0);
        return (x, y);
    }

    public byte[] ToBytes()
    {
        var bytes = new byte[Length];
        Write(bytes);
        return bytes;
    }

    public void Add(CurvePoint other) =>
        Libcrypto.Require(Libcrypto.EC_POINT_add(P256.Group, this, this, other, Workspace.Mine.Context));

    public void Subtract(CurvePoint other)
    {
        using var negative = Copy(other);
        negative.Negate();
        Add(negative);
    }

    public void Negate() => Libcrypto.Require(Libcrypto.EC_POINT_invert(P256.Group, this, Workspace.Mine.Context));

    public bool IsSame(CurvePoint other)
    {
        var compared = Libcrypto.EC_POINT_cmp(P256.Group, this, other, Workspace.Mine.Context);
        Libcrypto.Require(compared is 0 or 1 ? 1 : 0);
        return compared == 0;
    }

    /// <summary>x³ - 3x + b.</summary>
    internal static Coordinate Right(Coordinate x) => (((x * x) - Coordinate.From(3)) * x) + B;

    /// <summary>A root of a square; anything of what is none.</summary>
    internal static Coordinate Root(Coordinate square) => square.Power(RootExponent);

    protected override bool ReleaseHandle()
    {
        Libcrypto.EC_POINT_clear_free(handle);
        return true;
    }

    private static Coordinate ReadConstant(string digits) => Coordinate.TryRead(Convert.FromHexString(digits), out var value)
        ? value
        : throw new InvalidOperationException("The constant is no coordinate");
}
