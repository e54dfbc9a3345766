using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Kernel.Keys;

/// <summary>Holds keys that never leave it, and wraps other keys under them.</summary>
internal interface IKeyStore
{
    /// <summary>Stable word for status, receipts and the catalogue: <c>file</c>, <c>pkcs11</c>, <c>service</c>.</summary>
    string Kind { get; }

    /// <summary>The key, sealed under a root of this store and bound to the associated bytes.</summary>
    /// <param name="root">Number of the root, 1 or more.</param>
    /// <exception cref="KeyStoreFault">The store is away, or has no such root.</exception>
    ValueTask<byte[]> WrapAsync(int root, SecretKey key, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken);

    /// <exception cref="KeyStoreFault">
    /// The store is away, has no such root (any more), or what was given is not what was wrapped: changed, or bound to something else.
    /// </exception>
    ValueTask<SecretKey> UnwrapAsync(
        int root, ReadOnlyMemory<byte> wrapped, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken);
}

/// <summary>A key store whose roots are ours to make and to destroy. A root lives for one epoch.</summary>
internal interface IRootKeyStore : IKeyStore, IDisposable
{
    /// <summary>Numbers of the roots that exist, ascending.</summary>
    ValueTask<ImmutableArray<int>> ListAsync(CancellationToken cancellationToken);

    /// <summary>Makes a root that can be used once this returns, also after a crash. Harmless when it exists.</summary>
    ValueTask CreateAsync(int root, CancellationToken cancellationToken);

    /// <summary>Whether a new root would be kept as this one is. False asks for a rotation; until then it opens what hangs on it.</summary>
    ValueTask<bool> IsAsConfiguredAsync(int root, CancellationToken cancellationToken) => ValueTask.FromResult(true);

    /// <summary>Destroys a root for good: nothing wrapped under it opens again. Harmless when it is gone.</summary>
    ValueTask DestroyAsync(int root, CancellationToken cancellationToken);
}

public enum KeyStoreFaultKind
{
    /// <summary>The store does not answer; it may later.</summary>
    Unavailable,

    /// <summary>There is no such root: it was destroyed, or the store is another installation's.</summary>
    NoSuchRoot,

    /// <summary>The wrapped key is not one of this root and these associated bytes.</summary>
    NotGenuine,

    /// <summary>The store's owner refuses: the tenant has withdrawn its key.</summary>
    Withdrawn,

    /// <summary>The store is not set up as it must be (a file that others read, a wrong PIN); the message says the next step.</summary>
    Misconfigured,
}

/// <summary>The message names no key and no secret.</summary>
public sealed class KeyStoreFault(KeyStoreFaultKind kind, string message, Exception? inner = null) : Exception(message, inner)
{
    public KeyStoreFaultKind Kind { get; } = kind;

    /// <summary>What whoever wanted the tenant's data is told.</summary>
    internal TenantFault AsTenantFault() =>
        new(Kind == KeyStoreFaultKind.Withdrawn ? TenantFaultKind.KeysWithdrawn : TenantFaultKind.KeysUnavailable, this);
}
