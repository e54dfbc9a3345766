using System.Collections.Frozen;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys.OwnKeyService;

/// <summary>The services of tenants that hold their keys: connections to each, for as long as its registration stands.</summary>
internal sealed class HeldKeyStores(Sealing sealing, TenantHeldKeyOptions options, TimeProvider time) : IDisposable
{
    private readonly Lock _changing = new();
    private readonly Dictionary<TenantId, (SealedRegistration Registration, TenantHeldKeys Store)> _open = [];

    // Who was given a store before it was dropped has had its answer by then.
    private readonly Queue<(DateTimeOffset At, TenantHeldKeys Store)> _dropped = new();
    private readonly TimeSpan _grace = 2 * options.Timeout;

    public TenantHeldKeyOptions Options => options;

    /// <exception cref="KeyStoreFault">The registration is not what was registered.</exception>
    public TenantHeldKeys Of(TenantId tenant, SealedRegistration registration)
    {
        lock (_changing)
        {
            if (_open.TryGetValue(tenant, out var open))
            {
                if (open.Registration.IsSame(registration))
                {
                    return open.Store;
                }

                Drop(tenant, open.Store);
            }

            var store = registration.Open(sealing, tenant, options, time);
            _open.Add(tenant, (registration, store));
            return store;
        }
    }

    /// <summary>Drops the services that are registered no more, and closes what was dropped a while ago.</summary>
    public void Sweep(FrozenDictionary<TenantId, TenantKeys> current)
    {
        lock (_changing)
        {
            foreach (var (tenant, open) in _open)
            {
                if (!current.TryGetValue(tenant, out var keys) || !open.Registration.IsSame(keys.Registration))
                {
                    Drop(tenant, open.Store);
                }
            }

            while (_dropped.TryPeek(out var oldest) && time.GetUtcNow() - oldest.At > _grace)
            {
                _dropped.Dequeue().Store.Dispose();
            }
        }
    }

    public void Dispose()
    {
        lock (_changing)
        {
            foreach (var store in _open.Values.Select(o => o.Store).Concat(_dropped.Select(d => d.Store)))
            {
                store.Dispose();
            }

            _open.Clear();
            _dropped.Clear();
        }
    }

    /// <summary>For tests of what is held: how many services there are connections to.</summary>
    internal int Held
    {
        get
        {
            lock (_changing)
            {
                return _open.Count;
            }
        }
    }

    private void Drop(TenantId tenant, TenantHeldKeys store)
    {
        _open.Remove(tenant);
        _dropped.Enqueue((time.GetUtcNow(), store));
    }
}
