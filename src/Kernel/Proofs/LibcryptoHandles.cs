using Microsoft.Win32.SafeHandles;

namespace Bulkhead.Kernel.Proofs;

/// <summary>P-256 with a generator of its own. Read by many threads at a time, changed only while it is made.</summary>
internal sealed class CurveGroup() : SafeHandleZeroOrMinusOneIsInvalid(ownsHandle: true)
{
    public static CurveGroup New() => Libcrypto.Require(Libcrypto.EC_GROUP_new_by_curve_name(Libcrypto.Prime256));

    protected override bool ReleaseHandle()
    {
        Libcrypto.EC_GROUP_free(handle);
        return true;
    }
}

internal sealed class BigNumber() : SafeHandleZeroOrMinusOneIsInvalid(ownsHandle: true)
{
    public static BigNumber New() => Libcrypto.Require(Libcrypto.BN_new());

    /// <summary>Where the array that <c>EC_POINTs_mul</c> reads points; the caller keeps this object alive.</summary>
    public nint Address => handle;

    public void Set(ReadOnlySpan<byte> bytes) => Libcrypto.Require(Libcrypto.BN_bin2bn(bytes, bytes.Length, this) == 0 ? 0 : 1);

    /// <summary>Zero, the words overwritten: what is reused or freed must not keep a secret scalar.</summary>
    public void Clear() => Libcrypto.BN_clear(this);

    protected override bool ReleaseHandle()
    {
        Libcrypto.BN_clear_free(handle);
        return true;
    }
}

internal sealed class BigNumberContext() : SafeHandleZeroOrMinusOneIsInvalid(ownsHandle: true)
{
    public static BigNumberContext New() => Libcrypto.Require(Libcrypto.BN_CTX_new());

    protected override bool ReleaseHandle()
    {
        Libcrypto.BN_CTX_free(handle);
        return true;
    }
}
