using System.Collections.Frozen;
using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using static Bulkhead.Platform.Apps.ManifestFaultCode;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// Compiles a manifest (<c>app.yaml</c>) into an immutable model, or says every fault with its line and column.
/// </summary>
public static class ManifestCompiler
{
    /// <summary>
    /// Needs no server. A manifest has at most 1 MiB of UTF-8. Text that is not YAML has one fault, since nothing after
    /// it can be read; otherwise all faults are given, in the order of the file (at most 500).
    /// </summary>
    public static ManifestResult Compile(string yaml)
    {
        ArgumentNullException.ThrowIfNull(yaml);
        var faults = new ManifestFaults();
        ManifestDraft? draft = null;
        switch (ManifestYaml.Read(yaml, faults))
        {
            case MappingNode root:
                draft = ManifestReader.Read(root, faults);
                ManifestChecks.Run(draft, faults);
                break;
            case { } other:
                faults.Add(other, WrongType, $"A manifest is a mapping, not {other.Kind}: begin with 'app: name'.");
                break;
        }

        return draft is null || faults.Any ? new(null, faults.InOrder()) : new(Model(draft, yaml), []);
    }

    private static AppModel Model(ManifestDraft draft, string yaml)
    {
        var entities = draft.Entities.Select(e => Entity(e, draft)).ToImmutableArray();
        return new()
        {
            Name = draft.App,
            Version = draft.Version,
            Title = draft.Title,
            Description = draft.Description,
            Entities = entities,
            ByPlural = entities.ToFrozenDictionary(e => e.Plural, StringComparer.Ordinal),
            ByName = entities.ToFrozenDictionary(e => e.Name, StringComparer.Ordinal),
            Roles = draft.Roles.Select(Role).ToFrozenDictionary(r => r.Name, StringComparer.Ordinal),
            AuditedReads = draft.AuditedReads.ToFrozenSet(),
            RecordedValues = draft.RecordedValues?.ToFrozenSet() ?? AppModel.RecordedUnlessSaid,
            Commits = draft.Commits.Select(w => w.Value).Where(CommittedAttributes.All.Contains).ToFrozenSet(StringComparer.Ordinal),
            Manifest = yaml,
        };
    }

    private static EntityModel Entity(EntityDraft entity, ManifestDraft draft)
    {
        var table = SqlNaming.Table(entity.Name.Value);
        var fields = entity.Fields.Select(f => Field(f, table, entity)).ToImmutableArray();
        var byName = fields.ToFrozenDictionary(f => f.Name, StringComparer.Ordinal);
        return new()
        {
            Name = entity.Name.Value,
            Plural = entity.Plural.Value,
            Description = entity.Description,
            Table = table,
            Fields = fields,
            Commits =
            [
                .. fields.Select(f => new CommittedField($"{entity.Name.Value}.{f.Name}", f, f.Scale ?? 0))
                    .Where(f => draft.Commits.Exists(w => w.Value == f.Attribute)),
            ],
            ByName = byName,
            Indexes = Indexes(entity, table, byName),
            SubjectPath = entity.SubjectPath,
            IsSubject = entity.IsSubject,
            KeyedSubject = entity.KeyedSubject,
            Inverses = [.. entity.Inverses],
        };
    }

    private static FieldModel Field(FieldDraft field, SqlName table, EntityDraft entity)
    {
        var type = field.Type!.Value;
        var column = SqlNaming.Column(field.Name.Value, type);
        var isUnique = entity.Indexes.Exists(i => i.Unique && i.Fields.Any(f => f.Value == field.Name.Value));
        return new()
        {
            Name = field.Name.Value,
            Column = column,
            Type = type,
            Class = field.Class,
            Description = field.Description,
            Required = field.Required,
            Default = field.Default,
            MinLength = field.MinLength,
            MaxLength = field.MaxLength,
            Min = field.Min,
            Max = field.Max,
            Scale = field.Scale,
            Unique = entity.Indexes.Exists(i => i.Unique && i.Fields is [var only] && only.Value == field.Name.Value),
            Values = field.Values,
            IsSealed = field.IsSealed,
            BlindIndex = field.IsSealed && (isUnique || field.Search is not null) ? SqlNaming.BlindIndex(column) : null,
            BlindIndexLength = isUnique ? RecordKeys.UniqueLength : RecordKeys.SearchLength,
            Reference = field.To is { } to ? new(to.Value, field.OnDelete, field.Inverse?.Value) : null,
            ForeignKey = field.To is null ? null : SqlNaming.ForeignKey(table, column),
        };
    }

    /// <summary>
    /// The indexes of the manifest, and one for every reference that leads none of them: without it, a delete
    /// of the target reads the whole table.
    /// </summary>
    private static ImmutableArray<IndexModel> Indexes(
        EntityDraft entity, SqlName table, FrozenDictionary<string, FieldModel> fields)
    {
        var led = entity.Indexes.Select(i => i.Fields[0].Value).ToHashSet(StringComparer.Ordinal);
        var named = entity.Indexes.Select(i => (Fields: i.Fields.Select(f => f.Value).ToImmutableArray(), i.Unique));
        var references = entity.Fields
            .Where(f => f.To is not null && !led.Contains(f.Name.Value))
            .Select(f => (Fields: ImmutableArray.Create(f.Name.Value), Unique: false));
        return
        [
            .. named.Concat(references).Select(i => new IndexModel(
                SqlNaming.Index(table, i.Fields.Select(f => fields[f].Column), i.Unique), i.Fields, i.Unique)),
        ];
    }

    private static RoleModel Role(RoleDraft role) => new()
    {
        Name = role.Name.Value,
        Description = role.Description,
        Audit = role.Audit,
        Keys = role.Keys,
        Grants = role.Grants.ToFrozenDictionary(g => g.Entity.Value, g => g.Model, StringComparer.Ordinal),
    };
}
