using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>What a sealed value is for; sealed for one purpose it opens for no other.</summary>
public enum SealPurpose
{
    Cursor,
    Capability,
    DatabasePassword,
    SigningKey,
    IdempotencyAnswer,
}

/// <summary>
/// Seals small values under keys of a tenant (or of the installation, where the tenant is null): AES-256-GCM, a key per tenant and
/// purpose derived from the root key, everything that must not change hands as associated data.
/// </summary>
public sealed class Sealing
{
    public byte[] Seal(TenantId? tenant, SealPurpose purpose, ReadOnlySpan<byte> value, ReadOnlySpan<byte> associated) =>
        throw new NotSupportedException();

    /// <summary>False when the value was changed, or was sealed for another tenant, purpose or associated data.</summary>
    public bool TryOpen(
        TenantId? tenant, SealPurpose purpose, ReadOnlySpan<byte> sealedValue, ReadOnlySpan<byte> associated, out byte[] value) =>
        throw new NotSupportedException();
}
