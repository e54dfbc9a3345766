using System.Runtime.InteropServices;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// The functions of OpenSSL 3 that the proofs use. The name is the one by which .NET's own cryptography finds the library, so that both
/// share one image of it; what lies beside our program is not looked at. <c>EC_POINTs_mul</c> and <c>EC_GROUP_precompute_mult</c> are
/// deprecated in 3.0 and are there in every 3.x; what they give, <c>EC_POINT_mul</c> gives three times slower.
/// </summary>
internal static partial class Libcrypto
{
    public const int Prime256 = 415;
    public const int CompressedForm = 2;

    public const int UncompressedForm = 4;

    private const string Library = "libcrypto.so.3";

    /// <exception cref="InvalidOperationException">A call failed that cannot fail but for want of memory.</exception>
    public static void Require(int result)
    {
        if (result != 1)
        {
            ERR_clear_error();
            throw new InvalidOperationException("libcrypto could not compute on P-256");
        }
    }

    public static T Require<T>(T handle)
        where T : SafeHandle
    {
        Require(handle.IsInvalid ? 0 : 1);
        return handle;
    }

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial CurveGroup EC_GROUP_new_by_curve_name(int name);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial void EC_GROUP_free(nint group);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_GROUP_set_generator(CurveGroup group, CurvePoint generator, BigNumber order, BigNumber cofactor);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_GROUP_precompute_mult(CurveGroup group, BigNumberContext context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial CurvePoint EC_POINT_new(CurveGroup group);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial void EC_POINT_clear_free(nint point);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_POINT_copy(CurvePoint destination, CurvePoint source);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_POINT_set_to_infinity(CurveGroup group, CurvePoint point);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_POINT_is_at_infinity(CurveGroup group, CurvePoint point);

    /// <summary>Refuses coordinates that are not on the curve.</summary>
    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_POINT_set_affine_coordinates(
        CurveGroup group, CurvePoint point, BigNumber x, BigNumber y, BigNumberContext context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_POINT_add(
        CurveGroup group, CurvePoint result, CurvePoint left, CurvePoint right, BigNumberContext context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_POINT_invert(CurveGroup group, CurvePoint point, BigNumberContext context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_POINT_cmp(CurveGroup group, CurvePoint left, CurvePoint right, BigNumberContext context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_POINT_mul(
        CurveGroup group, CurvePoint result, BigNumber ofGenerator, nint noPoint, nint noScalar, BigNumberContext context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_POINTs_mul(
        CurveGroup group,
        CurvePoint result,
        BigNumber ofGenerator,
        nuint count,
        [In] nint[] points,
        [In] nint[] scalars,
        BigNumberContext context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial nuint EC_POINT_point2oct(
        CurveGroup group, CurvePoint point, int form, Span<byte> destination, nuint length, BigNumberContext context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial int EC_POINT_oct2point(
        CurveGroup group, CurvePoint point, ReadOnlySpan<byte> source, nuint length, BigNumberContext context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial BigNumber BN_new();

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial void BN_clear(BigNumber number);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial void BN_clear_free(nint number);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial nint BN_bin2bn(ReadOnlySpan<byte> source, int length, BigNumber destination);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial BigNumberContext BN_CTX_new();

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial void BN_CTX_free(nint context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    internal static partial void ERR_clear_error();
}
