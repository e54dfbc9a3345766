using System.Collections.Frozen;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>From what the catalogue holds to keys in memory: the store opens the tenant keys, those open the data keys.</summary>
internal sealed class TenantKeyUnwrapping(RootStores stores, HeldKeyStores held)
{
    /// <exception cref="KeyStoreFault">A store is away, or a key is not genuine.</exception>
    public async Task<OpenTenant> OpenAsync(
        TenantId tenant, TenantKeys wrapped, DateTimeOffset now, KernelOptions options, CancellationToken cancellationToken)
    {
        // Who holds its keys may refuse them at its service, of which nobody tells us: only asking again does.
        var until = now + (wrapped.Registration is null ? options.KeyCacheTime : options.HeldKeyCacheTime);
        var tenantKeys = new Dictionary<int, SecretKey>();
        var epochs = new Dictionary<int, SecretKey>();
        var indexKeys = new List<(int Version, SecretKey Key)>();
        var subjectKeys = new Dictionary<int, SecretKey>();
        try
        {
            foreach (var key in wrapped.Keys)
            {
                var opened = await UnwrapAsync(tenant, key, wrapped, cancellationToken);
                switch (key.Purpose)
                {
                    case KeyPurpose.Data:
                        tenantKeys.Add(key.Version, opened);
                        break;
                    case KeyPurpose.Index:
                        indexKeys.Add((key.Version, opened));
                        break;
                    default:
                        subjectKeys.Add(key.Version, opened);
                        break;
                }
            }

            var current = 0;
            foreach (var epoch in wrapped.Epochs)
            {
                if (!tenantKeys.TryGetValue(epoch.TenantKeyVersion, out var tenantKey))
                {
                    throw new KeyStoreFault(KeyStoreFaultKind.NotGenuine, $"The tenant key of the data key of epoch {epoch.Epoch} is missing.");
                }

                epochs.Add(epoch.Epoch, epoch.Unwrap(tenantKey, tenant));
                if (epoch.ActiveAt <= now)
                {
                    current = epoch.Epoch;
                }
                else
                {
                    until = Min(until, epoch.ActiveAt);
                }
            }

            // What is announced is already searched for; what new values are indexed under changes when it becomes active.
            var active = Active(wrapped, KeyPurpose.Index, now);
            if (current == 0 || active is null || Active(wrapped, KeyPurpose.Subject, now) is not { } wraps)
            {
                throw new KeyStoreFault(KeyStoreFaultKind.NotGenuine, "The catalogue names no key of the tenant that is active.");
            }

            foreach (var key in wrapped.Keys.Where(k => k.Purpose != KeyPurpose.Data && k.ActiveAt > now))
            {
                until = Min(until, key.ActiveAt);
            }

            return new(
                tenant,
                wrapped,
                current,
                epochs.ToFrozenDictionary(),
                [.. indexKeys.OrderByDescending(k => k.Version == active).ThenByDescending(k => k.Version)],
                new SubjectKeys(tenant, wraps, subjectKeys),
                until,
                options.KeyCacheUses);
        }
        catch
        {
            foreach (var key in epochs.Values.Concat(indexKeys.Select(k => k.Key)))
            {
                key.Dispose();
            }

            throw;
        }
        finally
        {
            foreach (var key in tenantKeys.Values.Concat(subjectKeys.Values))
            {
                key.Dispose();
            }
        }
    }

    /// <exception cref="KeyStoreFault">The store is away, or the key is not genuine.</exception>
    public ValueTask<SecretKey> UnwrapAsync(
        TenantId tenant, WrappedTenantKey key, TenantKeys of, CancellationToken cancellationToken) =>
        UnwrapAsync(tenant, key, of.Registration is { } registration ? held.Of(tenant, registration) : null, cancellationToken);

    /// <param name="service">Opens what the tenant holds; null where it holds nothing.</param>
    /// <exception cref="KeyStoreFault">The store is away, or the key is not genuine.</exception>
    public async ValueTask<SecretKey> UnwrapAsync(
        TenantId tenant, WrappedTenantKey key, IKeyStore? service, CancellationToken cancellationToken)
    {
        var (store, root) = (key, service) switch
        {
            ({ Root: { } ours, Store: { } kind }, _) => (stores.Of(kind), ours),
            ({ HeldRoot: { } theirs }, not null) => (service, theirs),
            _ => throw new KeyStoreFault(
                KeyStoreFaultKind.Misconfigured, "The tenant's key is held by its own service, and none is registered."),
        };
        var associated = WrappedTenantKey.Associated(tenant, key.Purpose, key.Version);
        return CommittedKey.Check(await store.UnwrapAsync(root, key.Wrapped, associated, cancellationToken), key.Commitment);
    }

    /// <summary>Drops the connections to services that are registered no more.</summary>
    public void Sweep(FrozenDictionary<TenantId, TenantKeys> current) => held.Sweep(current);

    private static int? Active(TenantKeys wrapped, KeyPurpose purpose, DateTimeOffset now) =>
        wrapped.Of(purpose).Where(k => k.ActiveAt <= now).Max(k => (int?)k.Version);

    private static DateTimeOffset Min(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;
}
