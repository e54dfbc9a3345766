namespace Bulkhead.Platform.Access;

/// <summary>One fault of a request: a stable code, where (a JSON pointer into the body, or the name of a parameter), what to do.</summary>
public sealed record Fault(string Code, string Detail, string? Pointer = null, string? Parameter = null)
{
    /// <summary>Line in a text body (a manifest), from 1.</summary>
    public int? Line { get; init; }

    /// <summary>Column in that line, from 1.</summary>
    public int? Column { get; init; }
}
