using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Isolation;

public enum TenantFaultKind
{
    /// <summary>No such tenant, or it is not active.</summary>
    Unknown,

    /// <summary>The capability was refused: the tenant moved, was suspended or removed. Try again after the catalogue was read.</summary>
    Fenced,

    /// <summary>Every permitted backend is busy. Try again later.</summary>
    Busy,

    /// <summary>The statement took longer than its limit and was ended.</summary>
    Timeout,

    /// <summary>The database does not answer, or lacks a resource: its disk or memory is full (SQLSTATE class 53).</summary>
    Unavailable,

    /// <summary>PostgreSQL refused a statement of ours: a fault of the program.</summary>
    Broken,

    /// <summary>The tenant has withdrawn its keys: its data stays closed until it restores them.</summary>
    KeysWithdrawn,

    /// <summary>The key store does not answer, or a key is newer than what this process knows. Try again later.</summary>
    KeysUnavailable,

    /// <summary>The tenant's keys were destroyed: what they sealed is gone for good.</summary>
    KeysDestroyed,

    /// <summary>A sealed value was changed or moved by somebody who went around the platform: it does not open.</summary>
    RecordDamaged,
}

/// <summary>What did not open, for whoever has to mend it: names, and no value.</summary>
/// <param name="Record">Null for what is no record, such as a kept answer.</param>
public sealed record SealedPlace(TenantId Tenant, string Entity, Guid? Record)
{
    public override string ToString() => $"tenant {Tenant}, {Entity} {(Record is { } id ? id.ToString() : "(no record)")}";
}

/// <summary>The tenant's data could not be reached. Whether a change happened is stated: it did not, unless Unavailable.</summary>
public sealed class TenantFault(TenantFaultKind kind, Exception? inner = null)
    : Exception($"The tenant's data could not be reached: {kind}.", inner)
{
    /// <summary>The sealed value that does not open; null when it is not about one.</summary>
    public SealedPlace? Place { get; init; }

    /// <summary>What PostgreSQL said, as its code (SQLSTATE) only; null when it said nothing. 53100 is a full disk.</summary>
    public string? SqlState { get; } = (inner as Npgsql.PostgresException)?.SqlState;

    public TenantFaultKind Kind { get; } = kind;
}
