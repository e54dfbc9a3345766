namespace Bulkhead.Kernel.Keys;

/// <summary>The key stores of this installation: the one that makes new roots, and those that hold older ones.</summary>
internal sealed class RootStores : IDisposable
{
    private readonly IRootKeyStore[] _stores;

    /// <param name="current">Makes new roots and wraps.</param>
    /// <param name="older">Only open what was wrapped under their roots, until those are destroyed.</param>
    public RootStores(IRootKeyStore current, params IRootKeyStore[] older)
    {
        Current = current;
        _stores = [current, .. older];
    }

    public IRootKeyStore Current { get; }

    /// <summary>The store whose roots can be copied, and so come back; null when there is none.</summary>
    public IRootKeyStore? Files => Array.Find(_stores, store => store is FileKeyStore);

    /// <exception cref="KeyStoreFault">The catalogue names a store that this process was not given.</exception>
    public IRootKeyStore Of(string kind) => Array.Find(_stores, store => store.Kind == kind)
        ?? throw new KeyStoreFault(
            KeyStoreFaultKind.Misconfigured,
            $"A root lives in the key store '{kind}', which is not configured here. Next step: configure it, or rotate the root into another.");

    /// <summary>Whether a new root would be kept as this one is.</summary>
    public async ValueTask<bool> IsAsConfiguredAsync(string kind, int root, CancellationToken cancellationToken) =>
        kind == Current.Kind && await Current.IsAsConfiguredAsync(root, cancellationToken);

    public void Dispose()
    {
        foreach (var store in _stores)
        {
            store.Dispose();
        }
    }
}
