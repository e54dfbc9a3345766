using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Identity;

/// <summary>A token that was verified at a tenant, as long as that tenant's entry in the catalogue is still the same one.</summary>
internal sealed record VerifiedToken(ResolvedTenant Resolved, AppModel App, Actor Actor, DateTimeOffset ExpiresAt)
{
    public string? TokenId { get; init; }

    public string? Assurance { get; init; }
}

/// <summary>
/// Tokens that were verified lately: an ES256 verification costs more than all the rest of a read. An entry is found by tenant
/// and SHA-256 of the token, so that a token is never taken for verified at a tenant that did not verify it. It ends with the
/// token, and with the tenant's entry in the catalogue: new keys, another status or app version are another entry.
/// Bounded by two generations: when the younger is full it becomes the older, and the older is dropped whole.
/// </summary>
internal sealed class VerifiedTokens(TimeProvider time, int capacity = VerifiedTokens.DefaultCapacity)
{
    /// <summary>Tokens; about 1 KB each with what they hold on to.</summary>
    public const int DefaultCapacity = 16 * 1024;

    private readonly int _perGeneration = Math.Max(1, capacity / 2);
    private ConcurrentDictionary<TokenKey, VerifiedToken> _young = new();
    private ConcurrentDictionary<TokenKey, VerifiedToken> _old = new();
    private int _youngCount;

    internal int Count => _young.Count + _old.Count;

    public bool TryGet(TokenKey key, ResolvedTenant resolved, [NotNullWhen(true)] out VerifiedToken? token)
    {
        var isYoung = Volatile.Read(ref _young).TryGetValue(key, out token);
        if (!isYoung && !Volatile.Read(ref _old).TryGetValue(key, out token))
        {
            return false;
        }

        if (!ReferenceEquals(token!.Resolved.Tenant, resolved.Tenant)
            || token.Resolved.Host != resolved.Host
            || token.ExpiresAt <= time.GetUtcNow())
        {
            token = null;
            return false;
        }

        if (!isYoung)
        {
            Add(key, token);
        }

        return true;
    }

    public void Add(TokenKey key, VerifiedToken token)
    {
        if (token.ExpiresAt <= time.GetUtcNow())
        {
            return;
        }

        var young = Volatile.Read(ref _young);
        if (!young.TryAdd(key, token))
        {
            young[key] = token;
            return;
        }

        if (Interlocked.Increment(ref _youngCount) < _perGeneration)
        {
            return;
        }

        // Two threads may both turn the generations: then some tokens are verified once more, and the bound still holds.
        Volatile.Write(ref _old, young);
        Volatile.Write(ref _young, new());
        Volatile.Write(ref _youngCount, 0);
    }
}

/// <summary>Names a token at a tenant without holding the token.</summary>
internal readonly record struct TokenKey(TenantId Tenant, UInt128 High, UInt128 Low)
{
    /// <param name="token">Characters of a token, ASCII, at most <see cref="TokenVerification.MaxLength"/>.</param>
    public static TokenKey Of(TenantId tenant, ReadOnlySpan<char> token)
    {
        // Ours have about 700 characters; a larger buffer would be cleared at each call.
        var bytes = token.Length <= 1024 ? stackalloc byte[1024] : new byte[token.Length];
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..Encoding.ASCII.GetBytes(token, bytes)], digest);
        var halves = MemoryMarshal.Cast<byte, UInt128>(digest);
        return new(tenant, halves[0], halves[1]);
    }

    // A digest is as good as random: no need to mix it again.
    public override int GetHashCode() => (int)(ulong)Low ^ Tenant.GetHashCode();
}
