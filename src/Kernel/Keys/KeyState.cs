namespace Bulkhead.Kernel.Keys;

/// <param name="Purpose"><c>data</c>, <c>index</c>, <c>subject</c> (tenant keys) or <c>rows</c> (data keys, by epoch).</param>
/// <param name="Number">Version of a tenant key, epoch of a data key.</param>
/// <param name="HeldBy"><c>file</c>, <c>pkcs11</c>, <c>service</c>, or <c>data</c> for what the tenant's data key wraps.</param>
/// <param name="Root">Root that wraps it, ours or of the tenant's own service; null for a data key.</param>
public sealed record KeyState(string Purpose, int Number, string HeldBy, int? Root, DateTimeOffset CreatedAt, DateTimeOffset ActiveAt);

/// <summary>A root as the catalogue knows it. Its bytes are in the store.</summary>
public sealed record RootState(
    int Root, string Store, DateTimeOffset CreatedAt, DateTimeOffset? RetiredAt, DateTimeOffset? DestroyAfter, DateTimeOffset? DestroyedAt);

/// <param name="Problem">Null when the key opens and is the one that was wrapped.</param>
public sealed record KeyCheck(string Purpose, int Number, string? Problem);

public enum TenantKeyRotation
{
    /// <summary>The tenant key: data keys are wrapped anew.</summary>
    Tenant,

    /// <summary>The data key: a new epoch, rows are sealed anew in the background.</summary>
    Data,

    /// <summary>The index key: blind indexes are written anew in the background.</summary>
    Index,

    /// <summary>The subject key: keys of persons are wrapped anew in the background.</summary>
    Subject,
}
