using System.Collections.Immutable;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Tests.Unit.Keys;

/// <summary>The file store, with a gate before every unwrapping, and a count of them.</summary>
internal sealed class GatedStore(string folder) : IRootKeyStore
{
    private readonly FileKeyStore _store = new(folder);
    private int _unwrapped;

    public TaskCompletionSource? Gate { get; set; }

    public KeyStoreFault? Fault { get; set; }

    public int Unwrapped => Volatile.Read(ref _unwrapped);

    public string Kind => _store.Kind;

    public ValueTask<byte[]> WrapAsync(int root, SecretKey key, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken) =>
        _store.WrapAsync(root, key, associated, cancellationToken);

    public async ValueTask<SecretKey> UnwrapAsync(
        int root, ReadOnlyMemory<byte> wrapped, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _unwrapped);
        if (Gate is { } gate)
        {
            await gate.Task;
        }

        return Fault is { } fault ? throw fault : await _store.UnwrapAsync(root, wrapped, associated, cancellationToken);
    }

    public ValueTask<ImmutableArray<int>> ListAsync(CancellationToken cancellationToken) => _store.ListAsync(cancellationToken);

    public ValueTask CreateAsync(int root, CancellationToken cancellationToken) => _store.CreateAsync(root, cancellationToken);

    public ValueTask DestroyAsync(int root, CancellationToken cancellationToken) => _store.DestroyAsync(root, cancellationToken);

    public void Dispose() => _store.Dispose();
}
