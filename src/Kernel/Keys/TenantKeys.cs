using System.Collections.Immutable;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>What a tenant key is for. The index key is apart: rotating it means rewriting blind indexes, rotating the other does not.</summary>
internal enum KeyPurpose
{
    Data,
    Index,

    /// <summary>Wraps the keys of persons.</summary>
    Subject,
}

internal static class KeyPurposes
{
    public static string Word(this KeyPurpose purpose) => purpose switch
    {
        KeyPurpose.Data => "data",
        KeyPurpose.Index => "index",
        KeyPurpose.Subject => "subject",
        _ => throw new ArgumentOutOfRangeException(nameof(purpose)),
    };

    public static KeyPurpose Parse(string word) => word switch
    {
        "data" => KeyPurpose.Data,
        "index" => KeyPurpose.Index,
        "subject" => KeyPurpose.Subject,
        _ => throw new InvalidOperationException($"The catalogue holds an unknown purpose of a key: {word}."),
    };
}

/// <param name="Root">Our root that wraps it; null when the tenant holds it.</param>
/// <param name="Store">Kind of the key store of that root.</param>
/// <param name="HeldRoot">The root of the tenant's own service that wraps it; null when we hold it.</param>
internal sealed record WrappedTenantKey(
    KeyPurpose Purpose,
    int Version,
    int? Root,
    string? Store,
    int? HeldRoot,
    byte[] Wrapped,
    byte[] Commitment,
    DateTimeOffset ActiveAt)
{
    /// <param name="first">Column of the purpose; version, root, store, held root, wrapped, commitment and active_at follow.</param>
    public static WrappedTenantKey Read(NpgsqlDataReader row, int first) => new(
        KeyPurposes.Parse(row.GetString(first)),
        row.GetInt32(first + 1),
        row.IsDBNull(first + 2) ? null : row.GetInt32(first + 2),
        row.IsDBNull(first + 3) ? null : row.GetString(first + 3),
        row.IsDBNull(first + 4) ? null : row.GetInt32(first + 4),
        row.GetFieldValue<byte[]>(first + 5),
        row.GetFieldValue<byte[]>(first + 6),
        row.GetFieldValue<DateTimeOffset>(first + 7));

    /// <summary>What the wrapping is bound to.</summary>
    public static ReadOnlyMemory<byte> Associated(TenantId tenant, KeyPurpose purpose, int version) =>
        new KeyContext("tenant key").Add(tenant.Value).Add(purpose.Word()).Add(version).Memory;
}

internal sealed record WrappedDataKey(
    int Epoch, int TenantKeyVersion, byte[] Wrapped, byte[] Commitment, DateTimeOffset ActiveAt)
{
    public static byte[] Associated(TenantId tenant, int epoch, int tenantKeyVersion) =>
        new KeyContext("data key").Add(tenant.Value).Add(epoch).Add(tenantKeyVersion).Bytes.ToArray();

    /// <summary>Shape: nonce (24), sealed key (48).</summary>
    public static byte[] Wrap(SecretKey tenantKey, TenantId tenant, int epoch, int tenantKeyVersion, SecretKey dataKey)
    {
        var wrapped = new byte[Xaes.NonceLength + SecretKey.Length + Xaes.TagLength];
        Nonces.Fill(wrapped.AsSpan(0, Xaes.NonceLength));
        using var cipher = new Xaes(tenantKey.Bytes);
        cipher.Seal(
            wrapped.AsSpan(0, Xaes.NonceLength),
            dataKey.Bytes,
            Associated(tenant, epoch, tenantKeyVersion),
            wrapped.AsSpan(Xaes.NonceLength));
        return wrapped;
    }

    /// <exception cref="KeyStoreFault">It was changed, or is another tenant's or epoch's.</exception>
    public SecretKey Unwrap(SecretKey tenantKey, TenantId tenant)
    {
        Span<byte> key = stackalloc byte[SecretKey.Length];
        using var cipher = new Xaes(tenantKey.Bytes);
        try
        {
            if (Wrapped.Length != Xaes.NonceLength + SecretKey.Length + Xaes.TagLength
                || !cipher.TryOpen(
                    Wrapped.AsSpan(0, Xaes.NonceLength),
                    Wrapped.AsSpan(Xaes.NonceLength),
                    Associated(tenant, Epoch, TenantKeyVersion),
                    key))
            {
                throw new KeyStoreFault(KeyStoreFaultKind.NotGenuine, $"The data key of epoch {Epoch} does not open.");
            }

            return CommittedKey.Check(SecretKey.CopyOf(key), Commitment);
        }
        finally
        {
            System.Security.Cryptography.CryptographicOperations.ZeroMemory(key);
        }
    }
}

internal static class CommittedKey
{
    /// <summary>AES-GCM opens the same bytes under several keys that somebody chose; the commitment says which one it was.</summary>
    /// <exception cref="KeyStoreFault">It is another key.</exception>
    public static SecretKey Check(SecretKey key, ReadOnlySpan<byte> commitment)
    {
        if (key.Matches(commitment))
        {
            return key;
        }

        key.Dispose();
        throw new KeyStoreFault(KeyStoreFaultKind.NotGenuine, "An unwrapped key is not the one that was wrapped.");
    }
}

/// <summary>A tenant's keys at one generation of the catalogue, all wrapped. Reused while nothing of it changes.</summary>
internal sealed class TenantKeys(
    ImmutableArray<WrappedTenantKey> keys, ImmutableArray<WrappedDataKey> epochs, bool isRevoked, SealedRegistration? registration = null)
{
    /// <summary>By purpose and version, ascending.</summary>
    public ImmutableArray<WrappedTenantKey> Keys { get; } = keys;

    public IEnumerable<WrappedTenantKey> Of(KeyPurpose purpose) => Keys.Where(k => k.Purpose == purpose);

    /// <summary>Ascending.</summary>
    public ImmutableArray<WrappedDataKey> Epochs { get; } = epochs;

    /// <summary>The tenant has withdrawn its keys: nothing is opened and nothing sealed.</summary>
    public bool IsRevoked { get; } = isRevoked;

    /// <summary>The service with which the tenant holds its keys itself; null when we hold them.</summary>
    public SealedRegistration? Registration { get; } = registration;

    public bool IsSame(TenantKeys other)
    {
        if (IsRevoked != other.IsRevoked || Keys.Length != other.Keys.Length || Epochs.Length != other.Epochs.Length)
        {
            return false;
        }

        for (var i = 0; i < Keys.Length; i++)
        {
            var (key, its) = (Keys[i], other.Keys[i]);
            if (!key.Wrapped.AsSpan().SequenceEqual(its.Wrapped)
                || !key.Commitment.AsSpan().SequenceEqual(its.Commitment)
                || key with { Wrapped = its.Wrapped, Commitment = its.Commitment } != its)
            {
                return false;
            }
        }

        for (var i = 0; i < Epochs.Length; i++)
        {
            var (epoch, its) = (Epochs[i], other.Epochs[i]);
            if (!epoch.Wrapped.AsSpan().SequenceEqual(its.Wrapped)
                || !epoch.Commitment.AsSpan().SequenceEqual(its.Commitment)
                || epoch with { Wrapped = its.Wrapped, Commitment = its.Commitment } != its)
            {
                return false;
            }
        }

        return Registration is null ? other.Registration is null : Registration.IsSame(other.Registration);
    }
}
