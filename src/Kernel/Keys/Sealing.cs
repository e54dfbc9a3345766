using System.Buffers.Binary;
using System.Collections.Concurrent;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>What a sealed value is for; sealed for one purpose it opens for no other.</summary>
public enum SealPurpose
{
    Cursor = 1,
    Capability = 2,
    DatabasePassword = 3,
    SigningKey = 4,
    HeldClientKey = 5,
    ReceiptKey = 6,
    ImportKey = 7,
    LogKey = 8,
    StreamSecret = 9,
}

/// <summary>
/// Seals small values of the installation's own, which the tenant's keys do not hang on: a tenant that withdraws its keys can still
/// sign in and read its log. XAES-256-GCM, a key per tenant and purpose derived from the installation key (HKDF-SHA-256), everything
/// that must not change hands as associated data.
/// Shape: format (1 byte, 2), version of the installation key (4, big endian), nonce (24), ciphertext, tag (16).
/// </summary>
public sealed class Sealing
{
    private const byte Format = 2;
    private const int Head = 1 + 4 + Xaes.NonceLength;
    private const int Overhead = Head + Xaes.TagLength;
    private const int KeysKept = 20_000;

    private readonly ConcurrentDictionary<int, SecretKey> _installationKeys = new();
    private readonly ConcurrentDictionary<(int Version, TenantId? Tenant, SealPurpose Purpose), Xaes> _ciphers = new();
    private int _current;

    internal Sealing()
    {
    }

    /// <summary>For one purpose outside of a running installation, such as a test.</summary>
    internal Sealing(SecretKey installationKey) => Use(1, installationKey);

    internal bool Knows(int version) => _installationKeys.ContainsKey(version);

    /// <summary>Takes an unwrapped installation key; the highest version seals, all of them open.</summary>
    internal void Use(int version, SecretKey key)
    {
        if (_installationKeys.TryAdd(version, key))
        {
            _current = Math.Max(_current, version);
        }
        else
        {
            key.Dispose();
        }
    }

    public byte[] Seal(TenantId? tenant, SealPurpose purpose, ReadOnlySpan<byte> value, ReadOnlySpan<byte> associated)
    {
        var version = _current;
        var envelope = new byte[Overhead + value.Length];
        envelope[0] = Format;
        BinaryPrimitives.WriteInt32BigEndian(envelope.AsSpan(1), version);
        var nonce = envelope.AsSpan(5, Xaes.NonceLength);
        Nonces.Fill(nonce);
        Cipher(version, tenant, purpose).Seal(nonce, value, associated, envelope.AsSpan(Head));
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
        if (sealedValue.Length < Overhead || sealedValue[0] != Format)
        {
            return false;
        }

        var version = BinaryPrimitives.ReadInt32BigEndian(sealedValue[1..]);
        if (!Knows(version))
        {
            return false;
        }

        var opened = new byte[sealedValue.Length - Overhead];
        if (!Cipher(version, tenant, purpose).TryOpen(
            sealedValue.Slice(5, Xaes.NonceLength), sealedValue[Head..], associated, opened))
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

    /// <summary>True when the value is sealed under an older installation key and should be sealed anew.</summary>
    internal bool IsOutdated(ReadOnlySpan<byte> sealedValue) =>
        sealedValue.Length < Head || BinaryPrimitives.ReadInt32BigEndian(sealedValue[1..]) != _current;

    private Xaes Cipher(int version, TenantId? tenant, SealPurpose purpose)
    {
        var id = (version, tenant, purpose);
        if (_ciphers.TryGetValue(id, out var cipher))
        {
            return cipher;
        }

        if (_ciphers.Count >= KeysKept)
        {
            // Not disposed: another thread may be using one. The finalizer zeroes them.
            _ciphers.Clear();
        }

        if (!_installationKeys.TryGetValue(version, out var installation))
        {
            throw new InvalidOperationException("The installation key was not read yet: nothing can be sealed.");
        }

        using var key = installation.Derive("seal", tenant is { } owner ? $"tenant {owner}" : "installation", $"{(int)purpose}");
        return _ciphers.GetOrAdd(id, new Xaes(key.Bytes));
    }
}
