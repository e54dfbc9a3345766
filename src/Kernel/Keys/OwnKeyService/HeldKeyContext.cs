using System.Buffers.Binary;
using System.Text;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys.OwnKeyService;

/// <summary>
/// What a tenant's key is bound to where its owner holds the key above it: tenant, purpose and version, in words that the owner's
/// service reads, logs and decides by. Its layout is a promise to services that others wrote (docs/key-service.md), and the one that
/// tenant keys have under every store.
/// </summary>
internal static class HeldKeyContext
{
    /// <summary>Longest purpose, in bytes of UTF-8.</summary>
    public const int LongestPurpose = 128;

    private const string Label = "tenant key";

    /// <param name="purpose">A word that the owner understands in its log; 1 to <see cref="LongestPurpose"/> bytes.</param>
    /// <param name="version">Version of the tenant's key, 1 or more.</param>
    public static KeyContext Of(TenantId tenant, string purpose, int version)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(version, 1);
        if (Encoding.UTF8.GetByteCount(purpose) is 0 or > LongestPurpose)
        {
            throw new ArgumentException($"A purpose has 1 to {LongestPurpose} bytes.", nameof(purpose));
        }

        return new KeyContext(Label).Add(tenant.Value).Add(purpose).Add(version);
    }

    /// <summary>Whether the bytes are such a context of that tenant. A service could not open what was wrapped under any other.</summary>
    public static bool IsOf(TenantId tenant, ReadOnlySpan<byte> associated)
    {
        var start = new KeyContext(Label).Add(tenant.Value).Bytes;
        if (!associated.StartsWith(start) || associated.Length < start.Length + 4)
        {
            return false;
        }

        var purpose = BinaryPrimitives.ReadUInt32BigEndian(associated[start.Length..]);
        if (purpose is 0 or > LongestPurpose || associated.Length != start.Length + 4 + (int)purpose + 8)
        {
            return false;
        }

        return BinaryPrimitives.ReadUInt32BigEndian(associated[^8..]) == 4 && BinaryPrimitives.ReadInt32BigEndian(associated[^4..]) >= 1;
    }
}
