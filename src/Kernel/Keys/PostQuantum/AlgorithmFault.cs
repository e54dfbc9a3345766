namespace Bulkhead.Kernel.Keys.PostQuantum;

public enum AlgorithmFaultKind
{
    /// <summary>No algorithm of ours has this identifier.</summary>
    Unknown,

    /// <summary>It is classical only, and this installation demands post-quantum (<c>RequirePostQuantum</c>).</summary>
    Refused,

    /// <summary>This platform's OpenSSL does not have it.</summary>
    Unavailable,

    /// <summary>What was given is not a key of the algorithm that it names.</summary>
    NoKey,
}

/// <summary>An algorithm that is not used here, and why. The message names no secret and says the next step.</summary>
public sealed class AlgorithmFault(AlgorithmFaultKind kind, string message, Exception? inner = null) : Exception(message, inner)
{
    public AlgorithmFaultKind Kind { get; } = kind;

    public static AlgorithmFault Unknown(byte identifier) => new(
        AlgorithmFaultKind.Unknown,
        $"The algorithm {identifier} is unknown here. Next step: use the version of the program that wrote it, or a newer one.");

    public static AlgorithmFault Refused(string name) => new(
        AlgorithmFaultKind.Refused,
        $"{name} is classical only, and RequirePostQuantum is set. Next step: {NextStep}, or take the setting off while old ones are rewrapped.");

    public static AlgorithmFault Unavailable(string name) => new(
        AlgorithmFaultKind.Unavailable,
        $"{name} is not available with {PostQuantumSupport.OpenSsl}. Next step: run on OpenSSL 3.5 or newer (Debian 13).");

    public static AlgorithmFault NoKey(string name, Exception? inner = null) => new(
        AlgorithmFaultKind.NoKey, $"This is no key for {name}. Next step: fetch it anew.", inner);

    private static string NextStep => PostQuantumSupport.HasMLKem && PostQuantumSupport.HasMLDsa
        ? "make a new key pair, which will be post-quantum"
        : "run on OpenSSL 3.5 or newer (Debian 13)";
}
