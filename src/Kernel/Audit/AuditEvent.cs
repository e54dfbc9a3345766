using System.Collections.Immutable;

namespace Bulkhead.Kernel.Audit;

public enum AuditResult
{
    Ok,
    Denied,
}

/// <summary>How an entry names the records that its act touched.</summary>
public enum AuditRecords
{
    /// <summary>The ids, one by one (a page, a single record).</summary>
    Ids,

    /// <summary>Their count and the SHA-256 of the sorted ids, joined by commas (a chunk of an import).</summary>
    CountAndDigest,

    /// <summary>The act touches no record of the app: the entry names none, and the statement needs no column <c>id</c>.</summary>
    None,
}

/// <summary>
/// What happened, as the caller knows it. The kernel adds who, when, where and under which request; a caller cannot forge those.
/// Its entry shows names of the tenant's fields, and of their values salted digests only.
/// </summary>
public sealed record AuditEvent(string Action)
{
    /// <summary>Name of the entity, null where the act concerns none.</summary>
    public string? Entity { get; init; }

    /// <summary>Names of the fields that were changed; empty for reads.</summary>
    public ImmutableArray<string> Fields { get; init; } = [];

    public AuditRecords Records { get; init; } = AuditRecords.Ids;

    public AuditResult Result { get; init; } = AuditResult.Ok;

    /// <summary>Stable code of the refusal, for <see cref="AuditResult.Denied"/>.</summary>
    public string? Reason { get; init; }

    /// <summary>Numbers that the entry commits to, because the app says so; each attribute once.</summary>
    public ImmutableArray<CommittedNumber> Numbers { get; init; } = [];

    /// <summary>
    /// Of how many records the numbers are, where they are true of no other number: then the work is refused as a
    /// <see cref="Isolation.ViolationKind.Required"/> of the entry, and nothing is changed. Null where they are true of any.
    /// </summary>
    public int? ExactRecords { get; init; }

    /// <summary>What the fields held before the act and after it; null where the entry has no values.</summary>
    public ChangedValues? Values { get; init; }

    /// <summary>Further words of ours (route, client id): ordered by name when written; never a value of a tenant's field.</summary>
    public ImmutableSortedDictionary<string, string> Details { get; init; } =
        ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);
}
