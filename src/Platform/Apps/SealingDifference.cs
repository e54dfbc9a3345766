using System.Collections.Frozen;

namespace Bulkhead.Platform.Apps;

/// <summary>What a newer version of an entity does to values that are sealed, or are to be.</summary>
internal sealed class SealingDifference
{
    private readonly EntityModel _old;
    private readonly EntityModel _new;

    public SealingDifference(EntityModel old, EntityModel entity)
    {
        _old = old;
        _new = entity;
        Fresh = entity.Fields.Where(f => !old.ByName.TryGetValue(f.Name, out var before) || IsReplaced(before, f))
            .Select(f => f.Name).ToFrozenSet(StringComparer.Ordinal);
        NeedsResealing = old.Fields.Any(IsLeaving) || entity.Fields.Any(IsComing);
    }

    /// <summary>Fields that take over no value.</summary>
    public IReadOnlySet<string> Fresh { get; }

    /// <summary>Rows that exist must be sealed anew: it is not enough that a field comes which they have not.</summary>
    public bool NeedsResealing { get; }

    /// <summary>The field keeps its name and loses its values: what is stored is of another kind.</summary>
    public static bool IsReplaced(FieldModel before, FieldModel field) =>
        before.Type != field.Type || before.Reference?.Target != field.Reference?.Target;

    /// <summary>Why the change cannot be made; null when it can.</summary>
    public static string? Refusal(FieldModel before, FieldModel field, string name) => before.IsSealed && !field.IsSealed
        ? $"unseal {name}: values that were sealed are not written in the clear again; "
            + $"add a new field of class {Word(field.Class)}, fill it through the API, then drop this one"
        : null;

    /// <summary>What is done to the rows, in words.</summary>
    public IEnumerable<string> Lines()
    {
        foreach (var field in _new.Fields.Where(f => f.IsSealed))
        {
            var name = $"{_new.Name}.{field.Name}";
            if (Fresh.Contains(field.Name))
            {
                if (field.Default is not null)
                {
                    yield return $"seal {name}: its default goes into the envelope of {Word(field.Class)} of all records, online";
                }

                continue;
            }

            var before = _old.ByName[field.Name];
            if (!before.IsSealed)
            {
                yield return $"seal {name}: its values move into the envelope of {Word(field.Class)}, online";
            }
            else if (before.Class != field.Class)
            {
                yield return $"reseal {name}: its values move from the envelope of {Word(before.Class)} into that of {Word(field.Class)}, online";
            }

            if (before.IsSealed && !Equals(before.BlindIndex, field.BlindIndex))
            {
                yield return field.BlindIndex is null
                    ? $"change {name}: can no longer be searched; its blind index goes"
                    : $"change {name}: can be searched; its blind index is made, online";
            }
            else if (before is { IsSealed: true, BlindIndex: not null } && before.BlindIndexLength != field.BlindIndexLength)
            {
                yield return $"change {name}: its blind index is made anew, online";
            }
        }

        foreach (var field in _old.Fields.Where(f => f.IsSealed && (Fresh.Contains(f.Name) || !_new.ByName.ContainsKey(f.Name))))
        {
            yield return $"reseal {_old.Name}: the values of {field.Name} go out of the envelope of {Word(field.Class)}, online";
        }
    }

    /// <summary>An envelope holds the field's values, and must not any more.</summary>
    private bool IsLeaving(FieldModel before) =>
        before.IsSealed && (!_new.ByName.TryGetValue(before.Name, out var field) || IsReplaced(before, field) || !field.IsSealed);

    private bool IsComing(FieldModel field)
    {
        if (!field.IsSealed)
        {
            return false;
        }

        if (Fresh.Contains(field.Name))
        {
            return field.Default is not null;
        }

        var before = _old.ByName[field.Name];
        return !before.IsSealed || before.Class != field.Class || !Equals(before.BlindIndex, field.BlindIndex)
            || (field.BlindIndex is not null && before.BlindIndexLength != field.BlindIndexLength);
    }

    private static string Word(DataClass dataClass) => ManifestWords<DataClass>.WordOf(dataClass);
}
