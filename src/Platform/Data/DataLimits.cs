using System.ComponentModel.DataAnnotations;

namespace Bulkhead.Platform.Data;

/// <summary>Every limit of the data API, in configuration section <c>Data</c>. Checked at start.</summary>
public sealed record DataLimits
{
    /// <summary>Records of a page when the request names no limit.</summary>
    [Range(1, 1_000)]
    public int DefaultPage { get; init; } = 50;

    /// <summary>Records of a page at most: bounds the memory of one answer.</summary>
    [Range(1, 1_000)]
    public int MaxPage { get; init; } = 200;

    /// <summary>Filters of one query: each costs planning time.</summary>
    [Range(1, 100)]
    public int MaxFilters { get; init; } = 32;

    /// <summary>Values of one <c>in</c>.</summary>
    [Range(1, 1_000)]
    public int MaxInValues { get; init; } = 100;

    /// <summary>Keys of a sort, the id not counted.</summary>
    [Range(1, 8)]
    public int MaxSortKeys { get; init; } = 4;

    [Range(1, 16)]
    public int MaxExpansions { get; init; } = 4;

    /// <summary>Records of one expanded collection; more are cut, and the answer says so.</summary>
    [Range(1, 1_000)]
    public int MaxExpanded { get; init; } = 100;

    /// <summary>Bytes of a create or update body.</summary>
    [Range(1_024, 16 * 1_024 * 1_024)]
    public int MaxBodyBytes { get; init; } = 1_024 * 1_024;

    /// <summary>Levels of nesting in a body.</summary>
    [Range(2, 64)]
    public int MaxDepth { get; init; } = 32;

    /// <summary>Bytes of one json value, in canonical form.</summary>
    [Range(1_024, 1_024 * 1_024)]
    public int MaxJsonBytes { get; init; } = 64 * 1_024;

    /// <summary>Unicode scalar values of a text whose field states no shorter limit.</summary>
    [Range(1, 10_000)]
    public int MaxTextLength { get; init; } = 10_000;

    /// <summary>Bytes of an answer: a page of large records is refused rather than held in memory.</summary>
    [Range(1_024 * 1_024, 256 * 1_024 * 1_024)]
    public int MaxAnswerBytes { get; init; } = 32 * 1_024 * 1_024;

    /// <summary>Bytes of the keys in a cursor, so that it fits into a request line of 8 KiB.</summary>
    [Range(256, 4_096)]
    public int MaxCursorBytes { get; init; } = 3_072;

    /// <summary>Faults told at once; a client that has more has enough to mend.</summary>
    [Range(1, 1_000)]
    public int MaxFaults { get; init; } = 100;

    /// <summary>Lines of an import chunk.</summary>
    [Range(1, 10_000)]
    public int MaxImportLines { get; init; } = 1_000;

    /// <summary>Bytes of an import chunk.</summary>
    [Range(1_024, 64 * 1_024 * 1_024)]
    public int MaxImportBytes { get; init; } = 8 * 1_024 * 1_024;

    /// <summary>Records that a delete may take with it or change.</summary>
    [Range(1, 100_000)]
    public int MaxDependents { get; init; } = 10_000;

    /// <exception cref="ValidationException">A value is outside its range.</exception>
    internal DataLimits Validated()
    {
        Validator.ValidateObject(this, new ValidationContext(this), validateAllProperties: true);
        return DefaultPage <= MaxPage
            ? this
            : throw new ValidationException("Data:DefaultPage is larger than Data:MaxPage.");
    }
}
