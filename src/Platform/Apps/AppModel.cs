using System.Collections.Frozen;
using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Platform.Apps;

/// <summary>A deployed app at one version: an immutable model, compiled from its manifest and swapped whole.</summary>
public sealed class AppModel
{
    public required string Name { get; init; }

    /// <summary>Positive; a changed manifest needs a higher one.</summary>
    public required int Version { get; init; }

    public required string Title { get; init; }

    public string? Description { get; init; }

    public required ImmutableArray<EntityModel> Entities { get; init; }

    /// <summary>By the name in the URL, the plural in camelCase (<c>claimTransactions</c>).</summary>
    public required FrozenDictionary<string, EntityModel> ByPlural { get; init; }

    /// <summary>By the entity's own name, camelCase singular (<c>claimTransaction</c>).</summary>
    public required FrozenDictionary<string, EntityModel> ByName { get; init; }

    public required FrozenDictionary<string, RoleModel> Roles { get; init; }

    /// <summary>Classes whose reads append an audit entry.</summary>
    public required FrozenSet<DataClass> AuditedReads { get; init; }

    /// <summary>Classes of which the entry of a change has salted digests of the values, before and after.</summary>
    public FrozenSet<DataClass> RecordedValues { get; init; } = RecordedUnlessSaid;

    /// <summary>Where an app does not say: what had better not outlive its row is left out.</summary>
    public static FrozenSet<DataClass> RecordedUnlessSaid { get; } =
        [DataClass.Public, DataClass.Internal, DataClass.Personal, DataClass.Health];

    /// <summary>Numbers that entries commit to: <c>recordsRead</c>, <c>bytesExported</c>.</summary>
    public FrozenSet<string> Commits { get; init; } = [];

    /// <summary>The manifest as it was deployed.</summary>
    public required string Manifest { get; init; }

    public string Label => $"{Name}@{Version}";

    /// <summary>SHA-256 of the access rules, in base64url: <see cref="AccessPolicy"/>.</summary>
    public string Policy => field ??= AccessPolicy.DigestOf(this);
}

/// <summary>Attributes of the platform's own acts that an app can have committed to.</summary>
public static class CommittedAttributes
{
    /// <summary>Records that an audited read found.</summary>
    public const string RecordsRead = "recordsRead";

    /// <summary>Bytes of an export of the log that went out.</summary>
    public const string BytesExported = "bytesExported";

    public static readonly string[] All = [RecordsRead, BytesExported];
}

public enum DataClass
{
    Public,
    Internal,
    Personal,
    Health,
    Cardholder,
    Secret,
}

/// <param name="Attribute">Entity and field: <c>claim.cost</c>.</param>
/// <param name="Scale">The number is in units of its last decimal place.</param>
public sealed record CommittedField(string Attribute, FieldModel Field, int Scale);

public sealed class EntityModel
{
    /// <summary>camelCase singular.</summary>
    public required string Name { get; init; }

    /// <summary>camelCase plural, the collection in the URL.</summary>
    public required string Plural { get; init; }

    public string? Description { get; init; }

    /// <summary>snake_case of <see cref="Name"/>.</summary>
    public required SqlName Table { get; init; }

    /// <summary>
    /// In the order of the manifest; without the fields that every record has (id, createdAt, updatedAt).
    /// </summary>
    public required ImmutableArray<FieldModel> Fields { get; init; }

    /// <summary>Amounts that the entry of a creation commits to.</summary>
    public ImmutableArray<CommittedField> Commits { get; init; } = [];

    public required FrozenDictionary<string, FieldModel> ByName { get; init; }

    /// <summary>Classes of which the table has an envelope, in the order of <see cref="DataClass"/>.</summary>
    public ImmutableArray<DataClass> SealedClasses => [.. Fields.Where(f => f.IsSealed).Select(f => f.Class).Distinct().Order()];

    /// <summary>Those of the manifest, and one for every reference that leads none of them.</summary>
    public required ImmutableArray<IndexModel> Indexes { get; init; }

    /// <summary>
    /// Fields to follow to the person that a record is about; empty with <see cref="IsSubject"/> or when it concerns
    /// none.
    /// </summary>
    public required ImmutableArray<string> SubjectPath { get; init; }

    /// <summary>The entity is the person (<c>subject: self</c>).</summary>
    public bool IsSubject { get; init; }

    /// <summary>
    /// Name of the entity of the persons that the records are about, where each of them has a key of its own; null for none.
    /// </summary>
    public string? KeyedSubject { get; init; }

    /// <summary>What is sealed of a record is sealed under the key of its person too.</summary>
    public bool HasSubjectKey => KeyedSubject is not null;

    /// <summary>
    /// References of other entities to this one that have an inverse name; <c>expand</c> follows them.
    /// </summary>
    public required ImmutableArray<InverseModel> Inverses { get; init; }
}

public enum FieldType
{
    Text,
    Integer,
    Decimal,
    Boolean,
    Date,
    Timestamp,
    Uuid,
    Enum,
    Json,
    Reference,
}

public sealed class FieldModel
{
    /// <summary>camelCase, the name in JSON.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// snake_case; a reference <c>patient</c> is column <c>patient_id</c>. Never one of the platform's columns.
    /// </summary>
    public required SqlName Column { get; init; }

    public required FieldType Type { get; init; }

    public required DataClass Class { get; init; }

    public string? Description { get; init; }

    public bool Required { get; init; }

    /// <summary>In canonical text of the type (JSON for json), null when there is none.</summary>
    public string? Default { get; init; }

    /// <summary>Unicode scalar values, for text; null when only the platform's limit holds (10,000).</summary>
    public int? MinLength { get; init; }

    public int? MaxLength { get; init; }

    /// <summary>Inclusive, for integer and decimal.</summary>
    public decimal? Min { get; init; }

    public decimal? Max { get; init; }

    /// <summary>Digits after the point, for decimal; null when any number that a decimal can hold.</summary>
    public int? Scale { get; init; }

    public bool Unique { get; init; }

    public ImmutableArray<string> Values { get; init; } = [];

    public ReferenceModel? Reference { get; init; }

    /// <summary>
    /// Lies in the envelope of its class and in no column of its own: always for health, cardholder and secret, for other classes
    /// where the manifest says so.
    /// </summary>
    public bool IsSealed { get; init; }

    /// <summary>Column of the blind index of a sealed field; null when it cannot be searched.</summary>
    public SqlName? BlindIndex { get; init; }

    /// <summary>Bytes of the blind index: more where it keeps values unique.</summary>
    public int BlindIndexLength { get; init; }

    /// <summary>What an index of the table is made on; null for a sealed field without a blind index.</summary>
    public SqlName? IndexedColumn => IsSealed ? BlindIndex : Column;

    /// <summary>Name of the constraint that holds a reference, null for other types; a violation names it.</summary>
    public SqlName? ForeignKey { get; init; }
}

public enum OnDelete
{
    Restrict,
    Cascade,
    SetNull,
}

/// <param name="Target">Name of the referenced entity.</param>
/// <param name="Inverse">Name under which the target expands to these records, null when it does not.</param>
public sealed record ReferenceModel(string Target, OnDelete OnDelete, string? Inverse);

/// <param name="Name">Name of the expansion on this entity (<c>encounters</c>).</param>
/// <param name="Entity">Name of the entity that refers to this one.</param>
/// <param name="Field">Its referring field.</param>
public sealed record InverseModel(string Name, string Entity, string Field);

/// <param name="Fields">Names of fields in order; the id and the tenant are added by the platform.</param>
public sealed record IndexModel(SqlName Name, ImmutableArray<string> Fields, bool Unique);

[Flags]
public enum EntityActions
{
    None = 0,
    List = 1,
    Read = 2,
    Create = 4,
    Update = 8,
    Delete = 16,
}

public sealed class RoleModel
{
    public required string Name { get; init; }

    public string? Description { get; init; }

    /// <summary>By entity name; an entity that is not named does not exist for the role.</summary>
    public required FrozenDictionary<string, GrantModel> Grants { get; init; }

    public AuditGrant Audit { get; init; }

    /// <summary>What the role may do with the tenant's own keys.</summary>
    public KeysGrant Keys { get; init; }
}

/// <summary>What a role may do with the log; of several roles all that any of them may.</summary>
[Flags]
public enum AuditGrant
{
    None = 0,
    Read = 1,

    /// <summary>Shows what values were, one by one, to an auditor. Also reads.</summary>
    Disclose = Read | 2,

    /// <summary>Decides where the log is streamed to, how long entries are kept, and what is held. Also reads.</summary>
    Manage = Read | 4,
}

public enum KeysGrant
{
    /// <summary>The keys do not exist for the role.</summary>
    None,

    /// <summary>Sees which there are, and verifies them.</summary>
    Read,

    /// <summary>Also rotates, withdraws and restores them.</summary>
    Manage,
}

/// <summary>What a role may do with one entity. Whatever it does not name is denied.</summary>
public sealed class GrantModel
{
    public required EntityActions Actions { get; init; }

    public required FrozenSet<string> Readable { get; init; }

    public required FrozenSet<string> Writable { get; init; }

    /// <summary>
    /// By field; a masked field is readable only through its mask and can be neither filtered nor sorted by.
    /// </summary>
    public required FrozenDictionary<string, MaskModel> Masks { get; init; }
}

public enum MaskKind
{
    /// <summary>The whole value becomes <c>"***"</c>.</summary>
    Hide,

    /// <summary>All but the last <see cref="MaskModel.Keep"/> characters become <c>*</c>.</summary>
    KeepLast,

    /// <summary>Dates and timestamps: only the year, as text.</summary>
    YearOnly,
}

public sealed record MaskModel(string Name, MaskKind Kind, int Keep);
