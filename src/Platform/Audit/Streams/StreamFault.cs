namespace Bulkhead.Platform.Audit.Streams;

/// <summary>A collector did not take what was sent. The message is for the tenant: what is wrong, and the next step.</summary>
internal sealed class StreamFault(string message, Exception? inner = null) : Exception(message, inner);
