using System.Collections.Immutable;
using System.Text;
using Bulkhead.Kernel.Keys;
using static Bulkhead.Platform.Apps.ManifestFaultCode;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// What only shows when the whole manifest is known: references, subjects, indexes, names in URLs and in the database.
/// </summary>
internal sealed class ManifestChecks
{
    private readonly ManifestDraft _draft;
    private readonly ManifestFaults _faults;

    private ManifestChecks(ManifestDraft draft, ManifestFaults faults)
    {
        _draft = draft;
        _faults = faults;
    }

    internal static void Run(ManifestDraft draft, ManifestFaults faults)
    {
        var checks = new ManifestChecks(draft, faults);
        checks.Plurals();
        foreach (var entity in draft.Entities)
        {
            checks.Columns(entity);
            checks.References(entity);
            checks.Indexes(entity);
        }

        checks.Commits();
        checks.Inverses();
        foreach (var entity in draft.Entities)
        {
            checks.Subject(entity);
        }

        ManifestCycles.Refuse(draft, faults);
    }

    private void Plurals()
    {
        var seen = new Dictionary<string, EntityDraft>(StringComparer.Ordinal);
        foreach (var entity in _draft.Entities)
        {
            var plural = entity.Plural;
            if (ManifestLimits.ReservedPlurals.Contains(plural.Value))
            {
                _faults.Add(
                    plural, ReservedName, $"/{plural.Value} is a route of the platform: choose another plural.");
            }

            if (!seen.TryAdd(plural.Value, entity))
            {
                var owner = seen[plural.Value].Name.Value;
                _faults.Add(plural, DuplicateName, $"'{plural.Value}' is already the plural of {owner}.");
            }

            if (entity.Name.Value.EndsWith("Pkey", StringComparison.Ordinal))
            {
                _faults.Add(
                    entity.Name, ReservedName, "Names that end in Pkey are those of primary keys in PostgreSQL.");
            }
        }
    }

    /// <summary>What is committed to is a whole number from 0 that every record has.</summary>
    private void Commits()
    {
        foreach (var word in _draft.Commits.Where(w => !CommittedAttributes.All.Contains(w.Value)))
        {
            var place = word.Value.IndexOf('.', StringComparison.Ordinal);
            var entity = place < 0 ? null : _draft.Entity(word.Value[..place]);
            var field = entity?.Fields.Find(f => f.Name.Value == word.Value[(place + 1)..]);
            if (field is null)
            {
                var known = CommittedAttributes.All.Concat(
                    _draft.Entities.SelectMany(e => e.Fields.Where(IsAmount).Select(f => $"{e.Name.Value}.{f.Name.Value}")));
                var near = _faults.DidYouMean(word.Value, known);
                _faults.Add(
                    word,
                    UnknownWord,
                    $"'commits' takes {string.Join(", ", CommittedAttributes.All)}, or entity.field, not '{ManifestText.Shown(word.Value)}'.{near}");
            }
            else if (field.Type is not null && !IsAmount(field))
            {
                _faults.Add(
                    word, WrongType, $"'{word.Value}' must be an integer, or a decimal with a scale, required and with min: 0 or more.");
            }
        }
    }

    private static bool IsAmount(FieldDraft field) =>
        field is { Type: FieldType.Integer, Required: true, Min: >= 0 } or { Type: FieldType.Decimal, Required: true, Min: >= 0, Scale: not null };

    private void Columns(EntityDraft entity)
    {
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var field in entity.Fields.Where(f => f.Type is not null && ManifestText.IsName(f.Name.Value)))
        {
            // A reserved field has its fault already, and one of its column would only repeat it.
            var name = field.Name.Value;
            var column = SqlNaming.Column(name, field.Type!.Value).Value;
            if (ManifestLimits.ReservedColumns.Contains(column) && !ManifestLimits.ReservedFields.Contains(name))
            {
                _faults.Add(
                    field.Name, ReservedName, $"'{name}' becomes the column {column}, which every table has already.");
            }

            if (!seen.TryAdd(column, name))
            {
                _faults.Add(field.Name, ColumnClash, $"'{name}' and '{seen[column]}' both become the column {column}.");
            }
        }
    }

    private void References(EntityDraft entity)
    {
        foreach (var field in entity.Fields)
        {
            if (field.To is { } to && _draft.Entity(to.Value) is null)
            {
                var near = _faults.DidYouMean(to.Value, _draft.Entities.Select(e => e.Name.Value));
                _faults.Add(to, UnknownEntity, $"There is no entity '{ManifestText.Shown(to.Value)}'.{near}");
            }

            if (field is { Type: FieldType.Reference, Required: true, OnDelete: OnDelete.SetNull })
            {
                _faults.Add(
                    field.OnDeleteAt,
                    SetNullOnRequired,
                    "A required reference cannot become null: use restrict or cascade.");
            }
        }
    }

    private void Inverses()
    {
        foreach (var entity in _draft.Entities)
        {
            foreach (var field in entity.Fields)
            {
                if (field.Inverse is { } inverse && field.To is { } to && _draft.Entity(to.Value) is { } target)
                {
                    Inverse(entity, field, inverse, target);
                }
            }
        }
    }

    private void Inverse(EntityDraft entity, FieldDraft field, ScalarNode inverse, EntityDraft target)
    {
        var name = inverse.Value;
        if (!ManifestText.IsName(name))
        {
            _faults.Add(
                inverse,
                InvalidName,
                "An inverse is camelCase: it begins with a-z, and has at most 41 letters and digits.");
        }
        else if (ManifestLimits.ReservedFields.Contains(name))
        {
            _faults.Add(inverse, ReservedName, $"'{name}' is a name of the platform: choose another for the inverse.");
        }
        else if (target.Field(name) is not null)
        {
            _faults.Add(inverse, InverseClash, $"{target.Name.Value} has a field '{name}' already.");
        }
        else if (target.Inverses.Find(i => i.Name == name) is { } other)
        {
            _faults.Add(inverse, InverseClash, $"'{name}' is already the inverse of {other.Entity}.{other.Field}.");
        }
        else
        {
            target.Inverses.Add(new(name, entity.Name.Value, field.Name.Value));
        }
    }

    private void Subject(EntityDraft entity)
    {
        var path = entity.SubjectPath;
        if (entity.KeyPerSubject is { } key && !entity.IsSubject)
        {
            _faults.Add(
                key, InvalidSubject, "'keyPerSubject' belongs to the entity that is the person: the one with 'subject: self'.");
        }

        if (path.IsEmpty)
        {
            entity.KeyedSubject = entity is { IsSubject: true, KeyPerSubject: not null } ? entity.Name.Value : null;
            return;
        }

        var at = entity.Subject!;
        if (path.Length > ManifestLimits.SubjectHops)
        {
            _faults.Add(at, InvalidSubject, $"A path to the subject has at most {ManifestLimits.SubjectHops} steps.");
            return;
        }

        var here = entity;
        foreach (var step in path)
        {
            if (here.IsBroken)
            {
                return;
            }

            if (here.Field(step) is not { } field)
            {
                var known = here.Fields.Where(f => f.Type == FieldType.Reference).Select(f => f.Name.Value);
                var near = _faults.DidYouMean(step, known.Append("self").Append("none"));
                _faults.Add(
                    at, InvalidSubject, $"{here.Name.Value} has no reference '{ManifestText.Shown(step)}'.{near}");
                return;
            }

            if (field.Type is not (null or FieldType.Reference))
            {
                _faults.Add(at, InvalidSubject, $"{here.Name.Value}.{step} is no reference, so it leads to nobody.");
                return;
            }

            if (field.To is null || _draft.Entity(field.To.Value) is not { } next)
            {
                return;
            }

            here = next;
        }

        if (!here.IsSubject)
        {
            _faults.Add(
                at,
                InvalidSubject,
                $"The path ends at {here.Name.Value}, which is not a subject: it lacks 'subject: self'.");
        }
        else if (here.KeyPerSubject is not null)
        {
            entity.KeyedSubject = here.Name.Value;
            KeyedPath(entity, path, at);
        }
    }

    /// <summary>What is sealed under a person's key must always be about somebody, and always about the same.</summary>
    private void KeyedPath(EntityDraft entity, ImmutableArray<string> path, ScalarNode at)
    {
        var field = entity.Field(path[0])!;
        if (!field.Required)
        {
            _faults.Add(
                at,
                InvalidSubject,
                $"{entity.Name.Value}.{path[0]} leads to a person with a key of its own: such a reference is 'required: true'.");
        }

        if (_draft.Entity(field.To!.Value) is { IsSubject: false } next && !next.SubjectPath.SequenceEqual(path.Skip(1)))
        {
            _faults.Add(
                at,
                InvalidSubject,
                $"{next.Name.Value} is on the way to a person with a key of its own, and must have the rest of the path as its own: "
                + $"'subject: {string.Join('.', path.Skip(1))}'.");
        }
    }

    private void Indexes(EntityDraft entity)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var index in entity.Indexes)
        {
            var bytes = 0;
            foreach (var word in index.Fields)
            {
                if (entity.Field(word.Value) is not { } field)
                {
                    var near = _faults.DidYouMean(word.Value, entity.Fields.Select(f => f.Name.Value));
                    _faults.Add(word, UnknownField, $"There is no field '{ManifestText.Shown(word.Value)}'.{near}");
                }
                else if (field.Type == FieldType.Json)
                {
                    _faults.Add(word, NotIndexable, "A json field can be neither indexed nor unique.");
                }
                else if (field is { IsSealed: true, Search: null } && !index.Unique)
                {
                    _faults.Add(
                        word,
                        NotIndexable,
                        $"'{field.Name.Value}' is sealed: give it 'search: equality', or leave it out of the index.");
                }
                else if (field.IsSealed && index is { Unique: true, Fields.Length: > 1 } && ManifestSealing.LowEntropy(field) is { } reason)
                {
                    // Alone it occurs once; beside another field it repeats, and its index with it.
                    _faults.Add(
                        word,
                        LowEntropy,
                        $"{reason}: who sees how often each index occurs can tell which value is which. "
                        + $"'{field.Name.Value}' can be unique by itself only.");
                }
                else
                {
                    bytes += field.IsSealed ? RecordKeys.UniqueLength : Width(field);
                }
            }

            if (bytes > ManifestLimits.IndexBytes)
            {
                _faults.Add(
                    index.At,
                    IndexTooWide,
                    $"The fields take up to {bytes} bytes and an index holds {ManifestLimits.IndexBytes}: "
                    + "give its texts a maxLength (4 bytes a character).");
            }

            var fields = string.Join(',', index.Fields.Select(f => f.Value));
            if (!seen.Add($"{index.Unique} {fields}") && !index.Fields.IsEmpty)
            {
                _faults.Add(index.At, DuplicateIndex, "The same fields are listed twice.");
            }
        }
    }

    private static int Width(FieldDraft field) => field.Type switch
    {
        FieldType.Text => 4 * (field.MaxLength ?? ManifestLimits.TextLength),
        FieldType.Enum => field.Values.Select(v => Encoding.UTF8.GetByteCount(v)).DefaultIfEmpty().Max(),
        FieldType.Decimal => 24,
        _ => 16,
    };
}
