using static Bulkhead.Platform.Apps.ManifestFaultCode;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// Reads the sections of a manifest into a draft: keys, words, types and limits; what refers to what comes after.
/// </summary>
internal sealed class ManifestReader
{
    private readonly ManifestDraft _draft = new();
    private readonly ManifestFaults _faults;

    private ManifestReader(ManifestFaults faults) => _faults = faults;

    internal static ManifestDraft Read(MappingNode root, ManifestFaults faults)
    {
        var reader = new ManifestReader(faults);
        var section = new ManifestSection(
            root,
            faults,
            ["app", "version", "title", "description", "audit", "masks", "entities", "roles"],
            "A manifest");
        section.Require(root, "A manifest", "app", "version", "title", "entities", "roles");
        reader.Head(section);
        reader.Audit(section);
        reader.Masks(section);
        reader.Entities(section);
        if (section.Mapping("roles") is { } roles)
        {
            ManifestRoles.Read(roles, reader._draft, faults);
        }

        return reader._draft;
    }

    private void Head(ManifestSection section)
    {
        if (section.Text("app", 100) is { } app)
        {
            if (!ManifestText.IsAppName(app.Value))
            {
                _faults.Add(
                    app, InvalidName, "An app's name has 2 to 31 of a-z, 0-9 and '-', and begins with a letter.");
            }

            _draft.App = app.Value;
        }

        _draft.Version = (int)(section.Integer("version", 1, int.MaxValue) ?? 0);
        _draft.Title = section.Text("title", ManifestLimits.TitleLength)?.Value ?? "";
        _draft.Description = section.Text("description", ManifestLimits.DescriptionLength)?.Value;
    }

    private void Audit(ManifestSection section)
    {
        if (section.Mapping("audit") is not { } mapping)
        {
            return;
        }

        var audit = new ManifestSection(mapping, _faults, ["readsOf", "values", "commits"], "'audit'");
        Classes(audit, "readsOf", _draft.AuditedReads);
        if (audit.Has("values"))
        {
            Classes(audit, "values", _draft.RecordedValues = []);
        }

        var commits = audit.Words("commits");
        if (commits.Length > ManifestLimits.Commits)
        {
            _faults.Add(commits[ManifestLimits.Commits], TooMany, $"'commits' has at most {ManifestLimits.Commits} attributes.");
        }

        _draft.Commits.AddRange(commits.Take(ManifestLimits.Commits));
    }

    private void Classes(ManifestSection audit, string key, HashSet<DataClass> classes)
    {
        foreach (var word in audit.Words(key))
        {
            if (ManifestWords.Classes.Read(word, key, _faults) is { } known)
            {
                classes.Add(known);
            }
        }
    }

    private void Masks(ManifestSection section)
    {
        if (section.Mapping("masks") is not { } masks)
        {
            return;
        }

        RefuseTooMany(masks, masks.Entries.Length, ManifestLimits.Masks, "masks");
        foreach (var (name, value) in masks.Entries)
        {
            CheckName(name, "A mask");
            _draft.Masks[name.Value] = Mask(name.Value, value);
        }
    }

    private MaskModel? Mask(string name, ManifestNode value)
    {
        const string Form = "A mask is hide, yearOnly or { keepLast: 4 }";
        switch (value)
        {
            case ScalarNode { Value: "hide" }:
                return new(name, MaskKind.Hide, 0);
            case ScalarNode { Value: "yearOnly" }:
                return new(name, MaskKind.YearOnly, 0);
            case ScalarNode { IsNull: false } word:
                var near = _faults.DidYouMean(word.Value, ["hide", "yearOnly"]);
                _faults.Add(value, UnknownWord, $"{Form}, not '{ManifestText.Shown(word.Value)}'.{near}");
                return null;
            case MappingNode mapping:
                var section = new ManifestSection(mapping, _faults, ["keepLast"], "A mask");
                section.Require(mapping, "A mask", "keepLast");
                return section.Integer("keepLast", 1, ManifestLimits.MaskKeep) is { } keep
                    ? new(name, MaskKind.KeepLast, (int)keep)
                    : null;
            default:
                _faults.Add(value, WrongType, $"{Form}, not {value.Kind}.");
                return null;
        }
    }

    private void Entities(ManifestSection section)
    {
        if (section.Mapping("entities") is not { } entities)
        {
            return;
        }

        if (entities.Entries.IsEmpty)
        {
            _faults.Add(entities, MissingKey, "An app has at least one entity.");
        }

        RefuseTooMany(entities, entities.Entries.Length, ManifestLimits.Entities, "entities");
        foreach (var (name, value) in entities.Entries.Take(ManifestLimits.Entities))
        {
            CheckName(name, "An entity");
            var entity = new EntityDraft(name);
            _draft.Entities.Add(entity);
            if (value is MappingNode mapping)
            {
                Entity(entity, mapping);
            }
            else
            {
                entity.IsBroken = true;
                _faults.Add(value, WrongType, $"An entity is a mapping, not {value.Kind}.");
            }
        }
    }

    private void Entity(EntityDraft entity, MappingNode mapping)
    {
        var section = new ManifestSection(
            mapping, _faults, ["plural", "description", "subject", "keyPerSubject", "fields", "unique", "indexes"], "An entity");
        section.Require(entity.Name, "An entity", "fields");
        if (section.Text("plural", 100) is { } plural)
        {
            CheckName(plural, "A plural");
            entity.Plural = plural;
        }

        entity.Description = section.Text("description", ManifestLimits.DescriptionLength)?.Value;
        entity.Subject = section.Text("subject", 300);
        entity.KeyPerSubject = section.Flag("keyPerSubject") == true ? section.Key("keyPerSubject") : null;
        Fields(entity, section);
        Indexes(entity, section);
    }

    private void Fields(EntityDraft entity, ManifestSection section)
    {
        if (section.Mapping("fields") is not { } fields)
        {
            entity.IsBroken = true;
            return;
        }

        if (fields.Entries.IsEmpty)
        {
            _faults.Add(fields, MissingKey, "An entity has at least one field.");
        }

        RefuseTooMany(fields, fields.Entries.Length, ManifestLimits.FieldsPerEntity, "fields");
        foreach (var (name, value) in fields.Entries.Take(ManifestLimits.FieldsPerEntity))
        {
            CheckName(name, "A field");
            if (ManifestLimits.ReservedFields.Contains(name.Value))
            {
                _faults.Add(
                    name, ReservedName, $"'{name.Value}' is a name of the platform: choose another for the field.");
            }

            entity.Fields.Add(ManifestFields.Read(name, value, _faults));
        }
    }

    private void Indexes(EntityDraft entity, ManifestSection section)
    {
        foreach (var field in entity.Fields.Where(f => f.Unique is not null))
        {
            entity.Indexes.Add(new(field.Unique!, [field.Name], true));
        }

        Listed("unique", true);
        Listed("indexes", false);
        if (entity.Indexes.Count > ManifestLimits.IndexesPerEntity)
        {
            RefuseTooMany(
                entity.Indexes[ManifestLimits.IndexesPerEntity].At,
                entity.Indexes.Count,
                ManifestLimits.IndexesPerEntity,
                "indexes (unique ones included)");
        }

        void Listed(string key, bool unique)
        {
            foreach (var item in section.Sequence(key)?.Items ?? [])
            {
                if (item is not SequenceNode list)
                {
                    _faults.Add(
                        item, WrongType, $"'{key}' is a list of lists of fields: write [[lastName, firstName]].");
                    continue;
                }

                if (list.Items.Length is 0 or > ManifestLimits.FieldsPerIndex)
                {
                    var code = list.Items.IsEmpty ? MissingKey : TooMany;
                    _faults.Add(list, code, $"An index has 1 to {ManifestLimits.FieldsPerIndex} fields.");
                    continue;
                }

                entity.Indexes.Add(new(list, ManifestSection.WordsOf(list, key, _faults), unique));
            }
        }
    }

    private void CheckName(ScalarNode name, string what)
    {
        if (!ManifestText.IsName(name.Value))
        {
            _faults.Add(
                name,
                InvalidName,
                $"{what}'s name is camelCase: it begins with a-z, and has at most 41 letters and digits.");
        }
    }

    private void RefuseTooMany(ManifestNode at, int count, int limit, string what)
    {
        if (count > limit)
        {
            _faults.Add(at, TooMany, $"There are {count} {what}, and {limit} are allowed.");
        }
    }
}
