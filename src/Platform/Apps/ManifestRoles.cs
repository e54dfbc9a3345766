using System.Collections.Frozen;
using System.Collections.Immutable;
using static Bulkhead.Platform.Apps.ManifestFaultCode;

namespace Bulkhead.Platform.Apps;

/// <summary>Reads the roles, against entities and masks that are known already.</summary>
internal sealed class ManifestRoles
{
    private readonly ManifestDraft _draft;
    private readonly ManifestFaults _faults;

    private ManifestRoles(ManifestDraft draft, ManifestFaults faults)
    {
        _draft = draft;
        _faults = faults;
    }

    internal static void Read(MappingNode roles, ManifestDraft draft, ManifestFaults faults)
    {
        var reader = new ManifestRoles(draft, faults);
        if (roles.Entries.Length > ManifestLimits.Roles)
        {
            faults.Add(
                roles, TooMany, $"There are {roles.Entries.Length} roles, and {ManifestLimits.Roles} are allowed.");
        }

        foreach (var (name, value) in roles.Entries.Take(ManifestLimits.Roles))
        {
            reader.Role(name, value);
        }
    }

    private void Role(ScalarNode name, ManifestNode value)
    {
        if (!ManifestText.IsName(name.Value))
        {
            _faults.Add(
                name,
                InvalidName,
                "A role's name is camelCase: it begins with a-z, and has at most 41 letters and digits.");
        }

        if (value is not MappingNode mapping)
        {
            _faults.Add(value, WrongType, $"A role is a mapping, not {value.Kind}.");
            return;
        }

        var section = new ManifestSection(mapping, _faults, ["description", "audit", "keys", "entities"], "A role");
        section.Require(name, "A role", "entities");
        var grants = ImmutableArray.CreateBuilder<GrantDraft>();
        foreach (var (entityName, grant) in section.Mapping("entities")?.Entries ?? [])
        {
            if (_draft.Entity(entityName.Value) is not { } entity)
            {
                var known = _draft.Entities.Select(e => e.Name.Value);
                _faults.Add(entityName, UnknownEntity, Unknown("entity", entityName.Value, known));
            }
            else if (grant is not MappingNode grantMapping)
            {
                _faults.Add(
                    grant,
                    WrongType,
                    $"A grant is a mapping, not {grant.Kind}: write {{ actions: [read], read: all }}.");
            }
            else
            {
                grants.Add(new(entityName, Grant(entity, entityName, grantMapping)));
            }
        }

        _draft.Roles.Add(new(
            name,
            section.Text("description", ManifestLimits.DescriptionLength)?.Value,
            section.Word("audit", new ManifestWords<AuditGrant>()) ?? AuditGrant.None,
            section.Word("keys", new ManifestWords<KeysGrant>()) ?? KeysGrant.None,
            grants.ToImmutable()));
    }

    private GrantModel Grant(EntityDraft entity, ScalarNode at, MappingNode mapping)
    {
        var section = new ManifestSection(mapping, _faults, ["actions", "read", "write", "mask"], "A grant");
        section.Require(at, "A grant", "actions");
        var actions = EntityActions.None;
        foreach (var word in section.Words("actions"))
        {
            actions |= ManifestWords.Actions.Read(word, "actions", _faults) ?? EntityActions.None;
        }

        var readable = Fields(entity, section, "read");
        var writable = Fields(entity, section, "write");
        RequireWritable(entity, section, actions, writable, at);
        return new()
        {
            Actions = actions,
            Readable = readable,
            Writable = writable,
            Masks = Masks(entity, section, readable),
        };
    }

    /// <summary><c>all</c>, <c>none</c>, a list, or <c>{ except: [ssn] }</c> for all but some.</summary>
    private FrozenSet<string> Fields(EntityDraft entity, ManifestSection section, string key)
    {
        var all = entity.Fields.Select(f => f.Name.Value);
        switch (section.Value(key))
        {
            case null or ScalarNode { Value: "none" }:
                return [];
            case ScalarNode { Value: "all" }:
                return all.ToFrozenSet(StringComparer.Ordinal);
            case SequenceNode list:
                return Known(entity, ManifestSection.WordsOf(list, key, _faults)).ToFrozenSet(StringComparer.Ordinal);
            case MappingNode mapping:
                var but = new ManifestSection(mapping, _faults, ["except"], $"'{key}'");
                but.Require(mapping, $"'{key}'", "except");
                return all.Except(Known(entity, but.Words("except"))).ToFrozenSet(StringComparer.Ordinal);
            case { } other:
                // All of them: what hangs on the list would only repeat this fault.
                _faults.Add(other, WrongType, $"'{key}' is all, none, a list of fields, or {{ except: [field] }}.");
                return all.ToFrozenSet(StringComparer.Ordinal);
        }
    }

    private List<string> Known(EntityDraft entity, ImmutableArray<ScalarNode> words)
    {
        var known = new List<string>(words.Length);
        foreach (var word in words)
        {
            if (entity.Field(word.Value) is not null || entity.IsBroken)
            {
                known.Add(word.Value);
            }
            else
            {
                _faults.Add(word, UnknownField, Unknown("field", word.Value, entity.Fields.Select(f => f.Name.Value)));
            }
        }

        return known;
    }

    private void RequireWritable(
        EntityDraft entity, ManifestSection section, EntityActions actions, FrozenSet<string> writable, ScalarNode at)
    {
        if (!actions.HasFlag(EntityActions.Create))
        {
            return;
        }

        var needed = entity.Fields
            .Where(f => f is { Required: true, Default: null } && !writable.Contains(f.Name.Value))
            .Select(f => f.Name.Value)
            .ToList();
        if (needed.Count > 0)
        {
            _faults.Add(
                section.Key("write") ?? at,
                CreateWithoutRequired,
                $"The role may create but not write what is required: {string.Join(", ", needed)}.");
        }
    }

    private FrozenDictionary<string, MaskModel> Masks(
        EntityDraft entity, ManifestSection section, FrozenSet<string> readable)
    {
        var masks = new Dictionary<string, MaskModel>(StringComparer.Ordinal);
        foreach (var (name, value) in section.Mapping("mask")?.Entries ?? [])
        {
            var field = entity.Field(name.Value);
            if (field is null && !entity.IsBroken)
            {
                _faults.Add(name, UnknownField, Unknown("field", name.Value, entity.Fields.Select(f => f.Name.Value)));
            }
            else if (field is not null && !readable.Contains(name.Value))
            {
                _faults.Add(name, MaskMismatch, $"The role does not read '{name.Value}': there is nothing to mask.");
            }

            if (ManifestSection.TextOf(value, "mask", _faults) is not { } word)
            {
                continue;
            }

            if (!_draft.Masks.TryGetValue(word.Value, out var mask))
            {
                _faults.Add(word, UnknownMask, Unknown("mask", word.Value, _draft.Masks.Keys));
            }
            else if (mask is not null && field?.Type is { } type)
            {
                if (!Fits(mask.Kind, type))
                {
                    _faults.Add(word, MaskMismatch, Misfit(mask.Kind));
                }

                masks[name.Value] = mask;
            }
        }

        return masks.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static bool Fits(MaskKind mask, FieldType type) => mask switch
    {
        MaskKind.Hide => true,
        MaskKind.KeepLast => type == FieldType.Text,
        MaskKind.YearOnly => type is FieldType.Date or FieldType.Timestamp,
        _ => false,
    };

    private static string Misfit(MaskKind mask) => mask == MaskKind.KeepLast
        ? "keepLast masks text only."
        : "yearOnly masks dates and timestamps only.";

    private string Unknown(string what, string word, IEnumerable<string> known) =>
        $"There is no {what} '{ManifestText.Shown(word)}'.{_faults.DidYouMean(word, known)}";
}
