using System.Collections.Immutable;
using static Bulkhead.Platform.Apps.ManifestFaultCode;

namespace Bulkhead.Platform.Apps;

/// <summary>Reads a field: what every type takes, and what only some take.</summary>
internal static class ManifestFields
{
    private static readonly ImmutableArray<string> Common =
        ["type", "class", "required", "default", "unique", "description", "sealed", "search"];

    private static readonly ImmutableArray<string> Special =
        ["minLength", "maxLength", "min", "max", "scale", "values", "to", "onDelete", "inverse"];

    internal static FieldDraft Read(ScalarNode name, ManifestNode value, ManifestFaults faults)
    {
        var field = new FieldDraft(name);
        if (value is not MappingNode mapping)
        {
            faults.Add(
                value, WrongType, $"A field is a mapping, not {value.Kind}: write {{ type: text, class: internal }}.");
            return field;
        }

        var section = new ManifestSection(mapping, faults, [.. Common, .. Special], "A field");
        section.Require(name, "A field", "type");
        field.Type = section.Word("type", ManifestWords.Types);
        RefuseForeignKeys(section, field.Type, faults);
        ReadCommon(section, field, faults);
        switch (field.Type)
        {
            case FieldType.Text:
                ReadText(section, field, faults);
                break;
            case FieldType.Integer:
                field.Min = section.Integer("min", long.MinValue, long.MaxValue);
                field.Max = section.Integer("max", long.MinValue, long.MaxValue);
                RefuseEmptyRange(section, "min", field.Min, "max", field.Max, faults);
                break;
            case FieldType.Decimal:
                field.Min = section.Number("min");
                field.Max = section.Number("max");
                field.Scale = (int?)section.Integer("scale", 0, ManifestLimits.Scale);
                RefuseEmptyRange(section, "min", field.Min, "max", field.Max, faults);
                break;
            case FieldType.Enum:
                ReadValues(section, field, faults);
                break;
            case FieldType.Reference:
                ReadReference(section, field);
                break;
        }

        ManifestSealing.Read(section, field, faults);
        if (section.Value("default") is { } standard)
        {
            field.Default = ManifestDefaults.Read(standard, field, faults);
        }

        return field;
    }

    private static void RefuseForeignKeys(ManifestSection section, FieldType? type, ManifestFaults faults)
    {
        if (type is not { } known)
        {
            return;
        }

        foreach (var key in Special.Add("default").Where(section.Has).Where(k => !Takes(known, k)))
        {
            var word = ManifestWords<FieldType>.WordOf(known);
            faults.Add(section.Key(key)!, KeyNotForType, $"A field of type {word} takes no '{key}'.");
        }

        if (known == FieldType.Json && section.Flag("unique") is true)
        {
            faults.Add(section.Key("unique")!, NotIndexable, "A json field cannot be unique.");
        }
    }

    private static bool Takes(FieldType type, string key) => key switch
    {
        "minLength" or "maxLength" => type == FieldType.Text,
        "min" or "max" => type is FieldType.Integer or FieldType.Decimal,
        "scale" => type == FieldType.Decimal,
        "values" => type == FieldType.Enum,
        "to" or "onDelete" or "inverse" => type == FieldType.Reference,
        "default" => type != FieldType.Reference,
        _ => true,
    };

    private static void ReadCommon(ManifestSection section, FieldDraft field, ManifestFaults faults)
    {
        if (!section.Has("class") && field.Type is not (null or FieldType.Reference))
        {
            faults.Add(
                field.Name, MissingKey, "A field needs 'class': what it holds decides who is recorded reading it.");
        }

        field.Class = section.Word("class", ManifestWords.Classes) ?? DataClass.Internal;
        field.Description = section.Text("description", ManifestLimits.DescriptionLength)?.Value;
        field.Required = section.Flag("required") ?? false;
        if (field.Type != FieldType.Json && section.Flag("unique") is true)
        {
            field.Unique = section.Key("unique");
        }
    }

    private static void ReadText(ManifestSection section, FieldDraft field, ManifestFaults faults)
    {
        field.MinLength = (int?)section.Integer("minLength", 0, ManifestLimits.TextLength);
        field.MaxLength = (int?)section.Integer("maxLength", 1, ManifestLimits.TextLength);
        RefuseEmptyRange(section, "minLength", field.MinLength, "maxLength", field.MaxLength, faults);
    }

    private static void RefuseEmptyRange(
        ManifestSection section, string minKey, decimal? min, string maxKey, decimal? max, ManifestFaults faults)
    {
        if (min > max)
        {
            faults.Add(
                section.Value(minKey)!, EmptyRange, $"'{minKey}' is larger than '{maxKey}': no value would fit.");
        }
    }

    private static void ReadValues(ManifestSection section, FieldDraft field, ManifestFaults faults)
    {
        section.Require(field.Name, "A field of type enum", "values");
        if (section.Sequence("values") is not { } list)
        {
            return;
        }

        if (list.Items.Length is 0 or > ManifestLimits.EnumValues)
        {
            var code = list.Items.IsEmpty ? EmptyRange : TooMany;
            faults.Add(list, code, $"An enum has 1 to {ManifestLimits.EnumValues} values.");
        }

        var words = ManifestSection.WordsOf(list, "values", faults);
        foreach (var word in words.Where(w => ManifestText.Scalars(w.Value) is 0 or > ManifestLimits.EnumValueLength))
        {
            faults.Add(word, TooLong, $"A value of an enum has 1 to {ManifestLimits.EnumValueLength} characters.");
        }

        field.Values = [.. words.Select(w => w.Value)];
    }

    private static void ReadReference(ManifestSection section, FieldDraft field)
    {
        section.Require(field.Name, "A field of type reference", "to");
        field.To = section.Text("to", 100);
        field.OnDelete = section.Word("onDelete", ManifestWords.OnDelete) ?? OnDelete.Restrict;
        field.OnDeleteAt = section.Value("onDelete") ?? field.Name;
        field.Inverse = section.Text("inverse", 100);
    }
}
