using System.Collections.Immutable;

namespace Bulkhead.Host.Import;

/// <summary>How CSV files become records of an app; written in YAML, see docs/import-mapping.md.</summary>
/// <param name="App">Name of the app; part of every derived id.</param>
/// <param name="Files">In the order of import: what others refer to comes first.</param>
internal sealed record Mapping(string App, ImmutableArray<FileMapping> Files);

/// <param name="File">Name of the file within the directory; no path.</param>
/// <param name="Into">The collection's name in the URL (<c>claimTransactions</c>).</param>
/// <param name="Ignore">Columns that are left out on purpose.</param>
internal sealed record FileMapping(
    string File,
    string Into,
    IdMapping Id,
    ImmutableArray<ColumnMapping> Columns,
    ImmutableArray<PlacedName> Ignore,
    ImmutableArray<ConstantMapping> Constants,
    MappingPlace Place);

/// <param name="Columns">One column that holds a UUID, or the columns that the id is derived from.</param>
internal sealed record IdMapping(bool Derived, ImmutableArray<PlacedName> Columns);

/// <param name="NullValues">Texts that mean "no value": the field is left out of the record.</param>
/// <param name="Formats">For date and timestamp; empty for ISO 8601.</param>
internal sealed record ColumnMapping(
    string Column,
    string Field,
    ColumnType Type,
    ImmutableArray<string> NullValues,
    ImmutableArray<string> Formats,
    MappingPlace Place,
    MappingPlace FieldPlace);

/// <param name="Json">The value as JSON.</param>
internal sealed record ConstantMapping(string Field, string Json, MappingPlace Place);

internal sealed record PlacedName(string Name, MappingPlace Place);

/// <summary>1-based line and column in the mapping file.</summary>
internal readonly record struct MappingPlace(int Line, int Column);

/// <param name="Code">Stable, kebab-case.</param>
internal sealed record MappingFault(MappingPlace Place, string Code, string Message);

internal enum ColumnType
{
    /// <summary>As it stands; also for enum fields.</summary>
    Text,
    Integer,
    Decimal,
    Boolean,
    Date,
    Timestamp,

    /// <summary>Also for references.</summary>
    Uuid,

    /// <summary>The column holds JSON text.</summary>
    Json,
}
