using System.Collections.Frozen;

namespace Bulkhead.Platform.Apps;

/// <summary>The limits of a manifest and the names that the API keeps for itself.</summary>
internal static class ManifestLimits
{
    internal const int Entities = 200;
    internal const int FieldsPerEntity = 200;
    internal const int IndexesPerEntity = 20;

    /// <summary>PostgreSQL takes 32 columns; tenant and id are two of them.</summary>
    internal const int FieldsPerIndex = 16;

    /// <summary>
    /// A key of a b-tree has at most 2,704 bytes (a third of a page); tenant, id and headers take their share.
    /// A wider value would be accepted by validation and then refused by PostgreSQL.
    /// </summary>
    internal const int IndexBytes = 2600;

    internal const int Roles = 50;
    internal const int Masks = 50;
    internal const int EnumValues = 200;
    internal const int EnumValueLength = 100;
    internal const int TextLength = 10_000;
    internal const int Scale = 12;

    /// <summary>Each costs every act that has it about 25 µs.</summary>
    internal const int Commits = 20;
    internal const int SubjectHops = 5;
    internal const int TitleLength = 100;
    internal const int DescriptionLength = 2_000;
    internal const int MaskKeep = 100;

    /// <summary>What every record has, and the parameters of a query.</summary>
    internal static FrozenSet<string> ReservedFields { get; } = FrozenSet.Create(
        StringComparer.Ordinal,
        "id", "createdAt", "updatedAt", "version", "tenantId", "limit", "sort", "after", "fields", "expand");

    /// <summary>Routes of the API beside the collections, today's and those to come.</summary>
    internal static FrozenSet<string> ReservedPlurals { get; } = FrozenSet.Create(
        StringComparer.Ordinal,
        "audit", "counts", "imports", "openapi", "batch", "graphql", "events", "exports", "files", "jobs", "me", "keys",
        "webhooks");

    /// <summary>Columns of the platform, and those that PostgreSQL gives every table.</summary>
    internal static FrozenSet<string> ReservedColumns { get; } = FrozenSet.Create(
        StringComparer.Ordinal,
        "tenant_id", "id", "version", "created_at", "updated_at",
        "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid");
}
