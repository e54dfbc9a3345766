using Bulkhead.Platform.Access;

namespace Bulkhead.Platform.Data;

internal enum BodyKind
{
    /// <summary>A new record; <c>id</c> may be given.</summary>
    Create,

    /// <summary>A line of an import: a new record whose <c>id</c> must be given.</summary>
    Import,

    /// <summary>A merge patch (RFC 7396): what is absent stays, null removes.</summary>
    Patch,
}

/// <param name="Given">By place in the entity's fields: was in the body.</param>
internal sealed record CheckedBody(Guid? Id, bool[] Given, FieldValue[] Values)
{
    /// <summary>400 for what is malformed or unknown, 422 for well-formed values that do not fit.</summary>
    public static int StatusOf(IReadOnlyList<Fault> faults)
    {
        foreach (var fault in faults)
        {
            if (fault.Code is "malformed-json" or "unknown-field" or "duplicate-name")
            {
                return 400;
            }
        }

        return 422;
    }
}
