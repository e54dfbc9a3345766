using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>What a sealed value is for; sealed for one purpose it opens for no other.</summary>
public enum SealPurpose
{
    Cursor = 1,
    Capability = 2,
    DatabasePassword = 3,
    SigningKey = 4,
    IdempotencyAnswer = 5,
}

/// <summary>
/// Seals small values under keys of a tenant (or of the installation, where the tenant is null): AES-256-GCM, a key per tenant and
/// purpose derived from the root key (HKDF-SHA-256), everything that must not change hands as associated data.
/// Shape: version (1 byte, 1), nonce (12, random), ciphertext, tag (16).
/// </summary>
public sealed class Sealing
{
    private const byte Version = 1;
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const int Overhead = 1 + NonceLength + TagLength;
    private const int KeysKept = 20_000;

    private readonly RootKey _root;
    private readonly ConcurrentDictionary<(TenantId? Tenant, SealPurpose Purpose), byte[]> _keys = new();

    internal Sealing(RootKey root) => _root = root;

    public byte[] Seal(TenantId? tenant, SealPurpose purpose, ReadOnlySpan<byte> value, ReadOnlySpan<byte> associated)
    {
        var envelope = new byte[Overhead + value.Length];
        envelope[0] = Version;
        var nonce = envelope.AsSpan(1, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        using var cipher = new AesGcm(Key(tenant, purpose), TagLength);
        cipher.Encrypt(
            nonce,
            value,
            envelope.AsSpan(1 + NonceLength, value.Length),
            envelope.AsSpan(1 + NonceLength + value.Length),
            associated);
        return envelope;
    }

    /// <summary>False when the value was changed, or was sealed for another tenant, purpose or associated data.</summary>
    public bool TryOpen(
        TenantId? tenant,
        SealPurpose purpose,
        ReadOnlySpan<byte> sealedValue,
        ReadOnlySpan<byte> associated,
        out byte[] value)
    {
        value = [];
        if (sealedValue.Length < Overhead || sealedValue[0] != Version)
        {
            return false;
        }

        var opened = new byte[sealedValue.Length - Overhead];
        using var cipher = new AesGcm(Key(tenant, purpose), TagLength);
        try
        {
            cipher.Decrypt(
                sealedValue.Slice(1, NonceLength),
                sealedValue[(1 + NonceLength)..^TagLength],
                sealedValue[^TagLength..],
                opened,
                associated);
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }

        value = opened;
        return true;
    }

    /// <summary>For values that the installation itself sealed: what does not open is damage, not bad input.</summary>
    internal byte[] Open(TenantId? tenant, SealPurpose purpose, ReadOnlySpan<byte> sealedValue, ReadOnlySpan<byte> associated) =>
        TryOpen(tenant, purpose, sealedValue, associated, out var value)
            ? value
            : throw new InvalidOperationException(
                $"A sealed value of the catalogue ({purpose}) does not open: it was changed, or the root key is another installation's.");

    private byte[] Key(TenantId? tenant, SealPurpose purpose)
    {
        var id = (tenant, purpose);
        if (_keys.TryGetValue(id, out var key))
        {
            return key;
        }

        if (_keys.Count >= KeysKept)
        {
            _keys.Clear();
        }

        Span<byte> context = stackalloc byte[21];
        context[0] = tenant is null ? (byte)0 : (byte)1;
        (tenant?.Value ?? Guid.Empty).TryWriteBytes(context[1..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(context[17..], (int)purpose);
        return _keys.GetOrAdd(id, _root.Derive("seal", context));
    }
}
