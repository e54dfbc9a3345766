using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Kernel.Keys;

/// <summary>The tenant's side of an import: seals its key to an offer. For clients; it needs nothing of an installation.</summary>
public static class ImportSealing
{
    /// <param name="key">32 bytes; the caller zeroes them.</param>
    /// <exception cref="AlgorithmFault">The public key is of an algorithm that this platform does not have.</exception>
    public static byte[] Seal(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> key, ReadOnlySpan<byte> associated) =>
        new HybridSealing(requirePostQuantum: false).Seal(publicKey, key, associated);
}
