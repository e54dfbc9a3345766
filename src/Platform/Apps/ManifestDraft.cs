using System.Collections.Immutable;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// A manifest as it was read, with the places of its words: what is broken is null or missing, and its fault is
/// recorded. The checks work on it, and only a draft without faults becomes a model.
/// </summary>
internal sealed class ManifestDraft
{
    internal string App { get; set; } = "";

    internal int Version { get; set; }

    internal string Title { get; set; } = "";

    internal string? Description { get; set; }

    internal HashSet<DataClass> AuditedReads { get; } = [];

    /// <summary>Null where the manifest does not say.</summary>
    internal HashSet<DataClass>? RecordedValues { get; set; }

    /// <summary>Words of <c>commits</c>, of which those with a point name fields.</summary>
    internal List<ScalarNode> Commits { get; } = [];

    /// <summary>Null for a mask that is broken: its name is known nevertheless.</summary>
    internal Dictionary<string, MaskModel?> Masks { get; } = new(StringComparer.Ordinal);

    internal List<EntityDraft> Entities { get; } = [];

    internal List<RoleDraft> Roles { get; } = [];

    internal EntityDraft? Entity(string name) => Entities.Find(e => e.Name.Value == name);
}

internal sealed class EntityDraft(ScalarNode name)
{
    internal ScalarNode Name { get; } = name;

    internal ScalarNode Plural { get; set; } = name with { Value = name.Value + "s" };

    internal string? Description { get; set; }

    internal ScalarNode? Subject { get; set; }

    /// <summary>At the key <c>keyPerSubject: true</c>; null without.</summary>
    internal ScalarNode? KeyPerSubject { get; set; }

    /// <summary>Name of the entity of the persons, who have keys, that the records are about; null for none.</summary>
    internal string? KeyedSubject { get; set; }

    /// <summary>The fields could not be read at all: nothing is said about their names then.</summary>
    internal bool IsBroken { get; set; }

    internal List<FieldDraft> Fields { get; } = [];

    internal List<IndexDraft> Indexes { get; } = [];

    internal List<InverseModel> Inverses { get; } = [];

    internal bool IsSubject => Subject?.Value == "self";

    internal ImmutableArray<string> SubjectPath =>
        Subject is null or { Value: "self" or "none" } ? [] : [.. Subject.Value.Split('.')];

    internal FieldDraft? Field(string name) => Fields.Find(f => f.Name.Value == name);
}

internal sealed class FieldDraft(ScalarNode name)
{
    internal ScalarNode Name { get; } = name;

    /// <summary>Null when it is missing or unknown; then nothing that hangs on the type is checked.</summary>
    internal FieldType? Type { get; set; }

    internal DataClass Class { get; set; } = DataClass.Internal;

    internal string? Description { get; set; }

    internal bool Required { get; set; }

    /// <summary>The key <c>unique</c> where it is true.</summary>
    internal ScalarNode? Unique { get; set; }

    /// <summary>Lies in an envelope: by its class, or because it says so.</summary>
    internal bool IsSealed { get; set; }

    /// <summary>The value of <c>search</c>, where a sealed field may be searched for equality.</summary>
    internal ScalarNode? Search { get; set; }

    internal string? Default { get; set; }

    internal int? MinLength { get; set; }

    internal int? MaxLength { get; set; }

    internal decimal? Min { get; set; }

    internal decimal? Max { get; set; }

    internal int? Scale { get; set; }

    internal ImmutableArray<string> Values { get; set; } = [];

    internal ScalarNode? To { get; set; }

    internal OnDelete OnDelete { get; set; }

    /// <summary>The value of <c>onDelete</c>, to point at; the field's name where it is not written.</summary>
    internal ManifestNode OnDeleteAt { get; set; } = name;

    internal ScalarNode? Inverse { get; set; }
}

internal sealed record IndexDraft(ManifestNode At, ImmutableArray<ScalarNode> Fields, bool Unique);

internal sealed record RoleDraft(
    ScalarNode Name, string? Description, AuditGrant Audit, KeysGrant Keys, ImmutableArray<GrantDraft> Grants);

internal sealed record GrantDraft(ScalarNode Entity, GrantModel Model);
