namespace Bulkhead.Platform.Apps;

/// <summary>Compares two versions of an app, entity by entity and field by field.</summary>
internal sealed class SchemaDifference(AppModel from, AppModel to)
{
    private readonly SchemaSteps _steps = new();
    private readonly List<string> _lines = [];
    private readonly List<string> _losses = [];
    private readonly List<string> _refusals = [];

    internal SchemaPlanResult Result() =>
        new(_refusals.Count > 0 ? [] : _steps.InOrder(), [.. _lines], [.. _losses], [.. _refusals]);

    internal void Compare()
    {
        foreach (var entity in to.Entities)
        {
            if (from.ByName.TryGetValue(entity.Name, out var old))
            {
                Entity(old, entity);
            }
            else
            {
                _steps.AddEntity(entity, to);
                _lines.Add($"add entity {entity.Name} with {entity.Fields.Length} fields");
            }
        }

        foreach (var entity in from.Entities.Where(e => !to.ByName.ContainsKey(e.Name)))
        {
            _steps.DropEntity(entity);
            Lose($"drop entity {entity.Name}: all its records are lost");
        }

        _lines.AddRange(AccessDifference.Lines(from, to));
    }

    private void Entity(EntityModel old, EntityModel entity)
    {
        var sealing = new SealingDifference(old, entity);
        var replaced = new HashSet<string>(StringComparer.Ordinal);
        foreach (var field in entity.Fields)
        {
            var name = $"{entity.Name}.{field.Name}";
            if (!old.ByName.TryGetValue(field.Name, out var before))
            {
                AddField(entity, field, name, sealing);
            }
            else if (SealingDifference.IsReplaced(before, field))
            {
                replaced.Add(field.Name);
                DropField(old, before);
                Lose($"change {name} from {Type(before)} to {Type(field)}: its values are lost");
                AddField(entity, field, name, sealing);
            }
            else
            {
                Field(entity, before, field, name);
                if (SealingDifference.Refusal(before, field, name) is { } refusal)
                {
                    _refusals.Add(refusal);
                }

                // What an index of the table is made on is another column.
                if (before.IsSealed != field.IsSealed || (field.IsSealed && before.BlindIndexLength != field.BlindIndexLength))
                {
                    replaced.Add(field.Name);
                }
            }
        }

        foreach (var field in old.Fields.Where(f => !entity.ByName.ContainsKey(f.Name)))
        {
            DropField(old, field);
            Lose($"drop field {old.Name}.{field.Name}: its values are lost");
        }

        if (sealing.NeedsResealing)
        {
            _steps.Reseal(old, entity, sealing.Fresh);
            _lines.AddRange(sealing.Lines());
        }

        Indexes(old, entity, replaced);
        Words(old, entity);
    }

    private void AddField(EntityModel entity, FieldModel field, string name, SealingDifference sealing)
    {
        if (field is { Required: true, Default: null })
        {
            _refusals.Add(
                $"add required field {name}: records that exist have no value for it; "
                + (field.Type == FieldType.Reference ? "make it optional" : "give it a default or make it optional"));
            return;
        }

        if (!field.IsSealed || !sealing.NeedsResealing)
        {
            _steps.AddField(entity, field, to);
        }

        var filled = field.Default is null ? "" : $"; records that exist get {Shown(field)}";
        _lines.Add($"add field {name} ({Type(field)}){filled}");
    }

    /// <summary>A sealed field has no column: the entity's resealing leaves its values out.</summary>
    private void DropField(EntityModel old, FieldModel field)
    {
        if (!field.IsSealed)
        {
            _steps.DropField(old, field);
        }
    }

    private void Field(EntityModel entity, FieldModel old, FieldModel field, string name)
    {
        if (old.Required && !field.Required)
        {
            // Only a column can require a value.
            if (!old.IsSealed && !field.IsSealed)
            {
                _steps.Relax(entity, field);
            }

            _lines.Add($"relax {name}: no longer required");
        }
        else if (!old.Required && field.Required)
        {
            Lose($"narrow {name}: now required; records without it stay as they are and the database does not hold it");
        }

        Narrowing(name, "minLength", old.MinLength ?? 0, field.MinLength ?? 0, field.MinLength > (old.MinLength ?? 0));
        var before = old.MaxLength ?? ManifestLimits.TextLength;
        var after = field.MaxLength ?? ManifestLimits.TextLength;
        Narrowing(name, "maxLength", before, after, after < before);
        Narrowing(name, "min", old.Min, field.Min, field.Min is { } min && !(old.Min >= min));
        Narrowing(name, "max", old.Max, field.Max, field.Max is { } max && !(old.Max <= max));
        Narrowing(name, "scale", old.Scale, field.Scale, field.Scale is { } scale && !(old.Scale <= scale));
        Values(old, field, name);
        if (old.Reference is { } was && field.Reference is { } now && was.OnDelete != now.OnDelete)
        {
            _steps.DropForeignKey(entity, old);
            _steps.AddForeignKey(entity, field, to);
            _lines.Add($"change {name}: onDelete {Word(was.OnDelete)} becomes {Word(now.OnDelete)}");
        }

        FieldWords(old, field, name);
    }

    private void FieldWords(FieldModel old, FieldModel field, string name)
    {
        if (old.Default != field.Default)
        {
            _lines.Add($"change {name}: new records get {(field.Default is null ? "no default" : Shown(field))}");
        }

        if (old.Class != field.Class)
        {
            var was = ManifestWords<DataClass>.WordOf(old.Class);
            _lines.Add($"change {name}: class {was} becomes {ManifestWords<DataClass>.WordOf(field.Class)}");
        }

        if (old.Reference?.Inverse != field.Reference?.Inverse)
        {
            var now = field.Reference?.Inverse ?? "none";
            _lines.Add($"change {name}: inverse {old.Reference?.Inverse ?? "none"} becomes {now}");
        }

        if (old.Description != field.Description)
        {
            _lines.Add($"change {name}: description");
        }
    }

    private void Narrowing(string name, string what, decimal? old, decimal? now, bool narrows)
    {
        if (old == now)
        {
            return;
        }

        var values = $"{what} {Number(old)} becomes {Number(now)}";
        if (narrows)
        {
            Lose($"narrow {name}: {values}; records outside it stay as they are");
        }
        else
        {
            _lines.Add($"relax {name}: {values}");
        }
    }

    private void Values(FieldModel old, FieldModel field, string name)
    {
        var removed = old.Values.Except(field.Values, StringComparer.Ordinal).ToList();
        var added = field.Values.Except(old.Values, StringComparer.Ordinal).ToList();
        if (removed.Count > 0)
        {
            Lose($"narrow {name}: no longer {string.Join(", ", removed)}; records with it stay as they are");
        }

        if (added.Count > 0)
        {
            _lines.Add($"relax {name}: also {string.Join(", ", added)}");
        }
    }

    private void Indexes(EntityModel old, EntityModel entity, HashSet<string> replaced)
    {
        // An index goes with a column that is replaced, though its name stays.
        bool Same(IndexModel a, IndexModel b) => a.Name.Equals(b.Name) && !a.Fields.Any(replaced.Contains);

        foreach (var index in old.Indexes.Where(o => !entity.Indexes.Any(i => Same(o, i))))
        {
            _steps.DropIndex(old, index);
            _lines.Add($"drop {Index(old, index)}");
        }

        foreach (var index in entity.Indexes.Where(i => !old.Indexes.Any(o => Same(i, o))))
        {
            _steps.AddIndex(entity, index);
            var caution = index.Unique ? "; fails, and changes nothing, where a tenant's records hold duplicates" : "";
            _lines.Add($"add {Index(entity, index)}{caution}");
        }
    }

    private void Words(EntityModel old, EntityModel entity)
    {
        if (old.KeyedSubject != entity.KeyedSubject
            || (entity.HasSubjectKey && !old.SubjectPath.SequenceEqual(entity.SubjectPath)))
        {
            _refusals.Add(
                $"change {entity.Name}: whose key its records are sealed under is fixed when the entity comes; "
                + "add a new entity that is sealed as you want it, copy the records through the API, then drop this one");
        }

        if (old.Plural != entity.Plural)
        {
            _lines.Add($"change {entity.Name}: its route /{old.Plural} becomes /{entity.Plural}");
        }

        if (old.IsSubject != entity.IsSubject || !old.SubjectPath.SequenceEqual(entity.SubjectPath))
        {
            _lines.Add($"change {entity.Name}: subject {Subject(old)} becomes {Subject(entity)}");
        }

        if (old.Description != entity.Description)
        {
            _lines.Add($"change {entity.Name}: description");
        }
    }

    private void Lose(string line)
    {
        _lines.Add(line);
        _losses.Add(line);
    }

    private static string Index(EntityModel entity, IndexModel index) =>
        $"{(index.Unique ? "unique index" : "index")} on {entity.Name} ({string.Join(", ", index.Fields)})";

    private static string Subject(EntityModel entity) =>
        entity.IsSubject ? "self" : entity.SubjectPath.IsEmpty ? "none" : string.Join('.', entity.SubjectPath);

    private static string Type(FieldModel field) =>
        ManifestWords<FieldType>.WordOf(field.Type) + (field.Reference is { } r ? $" to {r.Target}" : "");

    private static string Word(OnDelete onDelete) => ManifestWords<OnDelete>.WordOf(onDelete);

    private static string Shown(FieldModel field) => ManifestText.Shown(field.Default!);

    private static string Number(decimal? number) => number is { } n ? ManifestDefaults.Shown(n) : "none";
}
