using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>Signs with an issuer's private key (ES256, RFC 7518 section 3.4) without letting anybody hold it.</summary>
public sealed class TokenSigning
{
    /// <summary>Key id of the issuer's active key; the issuer is a tenant, or the operator where it is null.</summary>
    public string ActiveKid(TenantId? issuer) => throw new NotSupportedException();

    /// <summary>The 64-byte signature (r, s) of the data under the issuer's active key.</summary>
    public byte[] Sign(TenantId? issuer, ReadOnlySpan<byte> data) => throw new NotSupportedException();
}
