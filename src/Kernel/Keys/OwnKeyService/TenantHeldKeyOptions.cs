namespace Bulkhead.Kernel.Keys.OwnKeyService;

/// <summary>What the operator decides about the services of all tenants. Every limit is finite; Validate lists all faults.</summary>
internal sealed record TenantHeldKeyOptions
{
    /// <summary>A whole unwrap: waiting for a turn, resolving, connecting, asking, reading. 100 ms to 10 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Unwraps at one service at once, 1 to 64; 8 times as many wait for their turn.</summary>
    public int MaxCalls { get; init; } = 8;

    /// <summary>
    /// Whether a service may stand at a private or loopback address: a tenant that names one could else make us reach into our own
    /// network. Link-local addresses, where clouds keep their credentials, are never allowed.
    /// </summary>
    public bool AllowPrivateAddresses { get; init; }

    public IReadOnlyList<string> Validate()
    {
        var faults = new List<string>();
        if (Timeout < TimeSpan.FromMilliseconds(100) || Timeout > TimeSpan.FromSeconds(10))
        {
            faults.Add("Timeout is 100 ms to 10 s");
        }

        if (MaxCalls is < 1 or > 64)
        {
            faults.Add("MaxCalls is 1 to 64");
        }

        return faults;
    }
}
