namespace Bulkhead.Gateway;

/// <summary>
/// Set on a request from which headers of identity or forwarding were removed: somebody stands between, or wishes to be
/// taken for somebody.
/// </summary>
public sealed class StrippedHeaders
{
    internal static StrippedHeaders Instance { get; } = new();
}
