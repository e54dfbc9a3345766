using System.Collections.Immutable;

namespace Bulkhead.Kernel.Audit;

/// <summary>What a field held before an act and after it: JSON as RFC 8785 writes it; null where there was nothing.</summary>
public readonly record struct ChangedValue(string Field, string? Before, string? After);

/// <summary>The values of an act on one record. Its entry has their salted digests; what discloses them is sealed and kept apart.</summary>
/// <param name="Fields">Each field once, at most <see cref="Most"/>.</param>
/// <param name="Subject">The person that the record is about, where persons have keys.</param>
/// <param name="SubjectKey">That person's wrapped key: when it is destroyed, nobody discloses anything of these any more.</param>
public sealed record ChangedValues(ImmutableArray<ChangedValue> Fields, Guid? Subject = null, byte[]? SubjectKey = null)
{
    /// <summary>Fields of one entry.</summary>
    public const int Most = 1_000;
}
