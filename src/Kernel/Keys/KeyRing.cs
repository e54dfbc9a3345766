using System.Collections.Concurrent;
using System.Collections.Frozen;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// Unwraps tenants' keys when a request needs them, and keeps them for a while: by time and by use count, never past the moment that
/// the catalogue says they are withdrawn or changed.
/// </summary>
public sealed class KeyRing : IDisposable
{
    private readonly Catalogue _catalogue;
    private readonly TenantKeyUnwrapping _unwrapping;
    private readonly KernelOptions _options;
    private readonly TimeProvider _time;

    // Longer than any work may run: whoever still computes with a key that was dropped is done by then.
    private readonly TimeSpan _grace;

    private readonly ConcurrentDictionary<TenantId, OpenTenant> _open = new();

    // Lazy, so that the work begins only once it is known here, and ends after that: what is taken off is never put back.
    private readonly ConcurrentDictionary<TenantId, Lazy<Task<OpenTenant>>> _opening = new();
    private readonly ConcurrentQueue<(DateTimeOffset At, OpenTenant Keys)> _dropped = new();

    internal KeyRing(Catalogue catalogue, TenantKeyUnwrapping unwrapping, KernelOptions options, TimeProvider time)
    {
        _catalogue = catalogue;
        _unwrapping = unwrapping;
        _options = options;
        _time = time;
        _grace = TimeSpan.FromSeconds(30) + (2 * options.StatementTimeout);
    }

    /// <summary>Keys of an entity's rows, or of what else carries the tenant's values. Without waiting when they are at hand.</summary>
    /// <exception cref="TenantFault">
    /// The tenant has withdrawn its keys (KeysWithdrawn), they were destroyed (KeysDestroyed), or the key store does not answer
    /// (KeysUnavailable).
    /// </exception>
    public ValueTask<RecordKeys> OpenAsync(TenantId tenant, string entity, CancellationToken cancellationToken)
    {
        var keys = Wrapped(tenant);
        return _open.TryGetValue(tenant, out var open) && open.IsGood(keys, _time.GetUtcNow())
            ? ValueTask.FromResult(open.Of(entity))
            : UnwrapAsync(tenant, entity, cancellationToken);
    }

    /// <summary>The tenant's keys that wrap those of persons.</summary>
    /// <exception cref="TenantFault">As of <see cref="OpenAsync"/>.</exception>
    internal async ValueTask<SubjectKeys> OpenSubjectsAsync(TenantId tenant, CancellationToken cancellationToken) =>
        (await OpenAsync(tenant, SubjectKey.KeyName, cancellationToken)).Subjects;

    /// <summary>Throws as <see cref="OpenAsync"/> does when the tenant's data is closed; opens nothing.</summary>
    public void RequireOpen(TenantId tenant) => Wrapped(tenant);

    public void Dispose()
    {
        foreach (var open in _open.Values.Concat(_dropped.Select(d => d.Keys)))
        {
            open.Dispose();
        }

        _open.Clear();
        _dropped.Clear();
    }

    /// <summary>Drops what the catalogue no longer allows, and what is too old; zeroes what was dropped a while ago.</summary>
    internal void Sweep()
    {
        var now = _time.GetUtcNow();
        var all = _catalogue.Current.Keys;
        foreach (var (tenant, open) in _open)
        {
            if ((!all.TryGetValue(tenant, out var keys) || keys.IsRevoked || !open.IsGood(keys, now))
                && _open.TryRemove(KeyValuePair.Create(tenant, open)))
            {
                _dropped.Enqueue((now, open));
            }
        }

        _unwrapping.Sweep(all);
        while (_dropped.TryPeek(out var oldest) && now - oldest.At > _grace && _dropped.TryDequeue(out var dropped))
        {
            dropped.Keys.Dispose();
        }
    }

    /// <summary>For tests of what is held: how many tenants' keys are unwrapped in this process.</summary>
    internal int Held => _open.Count;

    private TenantKeys Wrapped(TenantId tenant)
    {
        if (!_catalogue.Current.Keys.TryGetValue(tenant, out var keys) || keys.Epochs.IsEmpty || keys.Keys.IsEmpty)
        {
            throw new TenantFault(TenantFaultKind.KeysDestroyed);
        }

        if (_catalogue.Age > _options.CatalogueStale)
        {
            // It might have been withdrawn, or rotated and forgotten, in the meantime.
            throw new TenantFault(TenantFaultKind.KeysUnavailable);
        }

        return keys.IsRevoked ? throw new TenantFault(TenantFaultKind.KeysWithdrawn) : keys;
    }

    private async ValueTask<RecordKeys> UnwrapAsync(TenantId tenant, string entity, CancellationToken cancellationToken)
    {
        // One unwrapping at a time per tenant, whoever waits for it; a store that is slow is not asked a thousand times.
        var opening = _opening.GetOrAdd(tenant, id => new Lazy<Task<OpenTenant>>(() => UnwrapAsync(id)));
        try
        {
            var open = await opening.Value.WaitAsync(cancellationToken);
            Wrapped(tenant);
            return open.Of(entity);
        }
        catch (KeyStoreFault fault)
        {
            throw fault.AsTenantFault();
        }
    }

    private async Task<OpenTenant> UnwrapAsync(TenantId tenant)
    {
        await Task.Yield();
        try
        {
            var wrapped = Wrapped(tenant);
            var now = _time.GetUtcNow();
            var open = await _unwrapping.OpenAsync(tenant, wrapped, now, _options, CancellationToken.None);
            if (_open.TryGetValue(tenant, out var older))
            {
                _dropped.Enqueue((now, older));
            }

            _open[tenant] = open;
            return open;
        }
        finally
        {
            _opening.TryRemove(tenant, out _);
        }
    }
}

/// <summary>Unwrapped keys of one tenant.</summary>
internal sealed class OpenTenant(
    TenantId tenant,
    TenantKeys wrapped,
    int epoch,
    FrozenDictionary<int, SecretKey> epochs,
    (int Version, SecretKey Key)[] indexKeys,
    SubjectKeys subjects,
    DateTimeOffset until,
    long uses) : IDisposable
{
    private readonly ConcurrentDictionary<string, RecordKeys> _entities = new(StringComparer.Ordinal);
    private long _left = uses;

    public bool IsGood(TenantKeys current, DateTimeOffset now) =>
        ReferenceEquals(current, wrapped) && now < until && Interlocked.Decrement(ref _left) >= 0;

    public RecordKeys Of(string entity) => _entities.TryGetValue(entity, out var keys)
        ? keys
        : _entities.GetOrAdd(entity, name => new RecordKeys(tenant, name, epoch, epochs, indexKeys, subjects));

    public void Dispose()
    {
        subjects.Dispose();
        foreach (var entity in _entities.Values)
        {
            entity.Dispose();
        }

        foreach (var key in epochs.Values.Concat(indexKeys.Select(i => i.Key)))
        {
            key.Dispose();
        }
    }
}
