using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Bulkhead.Host.Import;

/// <summary>Reads a mapping file and reports every fault in it, each with its place.</summary>
internal sealed partial class MappingReader
{
    /// <summary>Of a mapping file, in bytes.</summary>
    public const int MaxLength = 1024 * 1024;

    private static readonly ImmutableArray<string> EmptyIsNull = [""];

    private static readonly ImmutableSortedDictionary<string, ColumnType> TypesByName =
        Enum.GetValues<ColumnType>().ToImmutableSortedDictionary(
            type => type.ToString().ToLowerInvariant(), type => type, StringComparer.Ordinal);

    private readonly ImmutableArray<MappingFault>.Builder _faults = ImmutableArray.CreateBuilder<MappingFault>();

    /// <returns>Null and at least one fault, or the mapping and none. Faults are in the order of the file.</returns>
    public static (Mapping? Mapping, ImmutableArray<MappingFault> Faults) Read(string yaml)
    {
        var reader = new MappingReader();
        Mapping? mapping = null;
        try
        {
            mapping = reader.ReadDocument(yaml);
        }
        catch (YamlException exception)
        {
            var place = new MappingPlace((int)exception.Start.Line, (int)exception.Start.Column);
            reader._faults.Add(new MappingFault(place, "invalid-yaml", exception.Message));
        }

        return reader._faults.Count == 0
            ? (mapping, [])
            : (null, [.. reader._faults.OrderBy(fault => fault.Place.Line).ThenBy(fault => fault.Place.Column)]);
    }

    private Mapping? ReadDocument(string yaml)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(yaml));
        if (stream.Documents.Count != 1)
        {
            _faults.Add(new MappingFault(new MappingPlace(1, 1), "invalid-yaml", "One YAML document is expected."));
            return null;
        }

        var root = stream.Documents[0].RootNode;
        var keys = Keys(root, "the mapping", "mapping", "app", "nullValues", "files");
        if (Text(keys, "mapping", root) is { } grammar && grammar != "1")
        {
            Fault(keys["mapping"], "unknown-grammar", "This version reads grammar 1 (mapping: 1).");
        }

        var app = Text(keys, "app", root) ?? "";
        var nullValues = keys.TryGetValue("nullValues", out var node) ? Texts(node, allowEmpty: true) : EmptyIsNull;
        var files = ImmutableArray.CreateBuilder<FileMapping>();
        if (Required(keys, "files", root) is { } list)
        {
            if (list is YamlSequenceNode { Children.Count: > 0 } sequence)
            {
                files.AddRange(sequence.Children.Select(file => ReadFile(file, nullValues)));
            }
            else
            {
                Fault(list, "invalid-type", "files is a list of at least one file.");
            }
        }

        foreach (var again in files.GroupBy(file => (file.File, file.Into)).SelectMany(group => group.Skip(1)))
        {
            var message = $"{again.File} goes into {again.Into} already above.";
            _faults.Add(new MappingFault(again.Place, "duplicate-file", message));
        }

        return new Mapping(app, files.ToImmutable());
    }

    private FileMapping ReadFile(YamlNode node, ImmutableArray<string> nullValues)
    {
        var keys = Keys(node, "a file", "file", "into", "id", "nullValues", "columns", "ignore", "constants");
        var file = Text(keys, "file", node) ?? "";
        if (file.Length > 0 && (file != Path.GetFileName(file) || file is "." or ".."))
        {
            Fault(keys["file"], "invalid-file", "file is a name within the directory of --from, without a path.");
        }

        var into = Text(keys, "into", node) ?? "";
        if (into.Length > 0 && !Name().IsMatch(into))
        {
            Fault(keys["into"], "invalid-name", "into is the name of a collection, in camelCase.");
        }

        if (keys.TryGetValue("nullValues", out var own))
        {
            nullValues = Texts(own, allowEmpty: true);
        }

        var id = Required(keys, "id", node) is { } idNode ? ReadId(idNode) : new IdMapping(false, []);
        var columns = Required(keys, "columns", node) is { } columnsNode ? ReadColumns(columnsNode, nullValues) : [];
        var ignore = keys.TryGetValue("ignore", out var ignored) ? PlacedTexts(ignored) : [];
        var constants = keys.TryGetValue("constants", out var fixedValues) ? ReadConstants(fixedValues) : [];
        CheckNames(id, columns, ignore, constants);
        return new FileMapping(file, into, id, columns, ignore, constants, Place(node));
    }

    private IdMapping ReadId(YamlNode node)
    {
        if (node is YamlScalarNode { Value: { Length: > 0 } column })
        {
            return new IdMapping(false, [new PlacedName(column, Place(node))]);
        }

        if (node is not YamlMappingNode)
        {
            Fault(node, "invalid-type", "id is the name of a column, or { from: [columns] }.");
            return new IdMapping(false, []);
        }

        var keys = Keys(node, "id", "from");
        return new IdMapping(true, Required(keys, "from", node) is { } from ? PlacedTexts(from) : []);
    }

    private ImmutableArray<ColumnMapping> ReadColumns(YamlNode node, ImmutableArray<string> nullValues)
    {
        if (node is not YamlMappingNode mapping)
        {
            Fault(node, "invalid-type", "columns maps names of columns to fields.");
            return [];
        }

        var columns = ImmutableArray.CreateBuilder<ColumnMapping>(mapping.Children.Count);
        foreach (var (key, value) in mapping.Children)
        {
            var column = (key as YamlScalarNode)?.Value ?? "";
            if (value is YamlScalarNode { Value: { Length: > 0 } name })
            {
                CheckField(value, name);
                var text = ColumnType.Text;
                columns.Add(new ColumnMapping(column, name, text, nullValues, [], Place(key), Place(value)));
                continue;
            }

            var keys = Keys(value, $"column {column}", "field", "type", "nullValues", "formats");
            var field = Text(keys, "field", value) ?? "";
            if (field.Length > 0)
            {
                CheckField(keys["field"], field);
            }

            var type = keys.TryGetValue("type", out var named) ? ReadType(named) : ColumnType.Text;
            var nulls = keys.TryGetValue("nullValues", out var own) ? Texts(own, allowEmpty: true) : nullValues;
            var formats = keys.TryGetValue("formats", out var given) ? Texts(given, allowEmpty: false) : [];
            if (formats.Length > 0 && type is not (ColumnType.Date or ColumnType.Timestamp))
            {
                Fault(given!, "unknown-key", "formats are for date and timestamp only.");
            }

            var fieldPlace = keys.TryGetValue("field", out var placed) ? Place(placed) : Place(value);
            columns.Add(new ColumnMapping(column, field, type, nulls, formats, Place(key), fieldPlace));
        }

        return columns.ToImmutable();
    }

    private ColumnType ReadType(YamlNode node)
    {
        var text = (node as YamlScalarNode)?.Value ?? "";
        if (TypesByName.TryGetValue(text, out var type))
        {
            return type;
        }

        var known = string.Join(", ", TypesByName.Keys);
        Fault(node, "unknown-type", $"The types are {known}. Enum fields take text, references uuid.");
        return ColumnType.Text;
    }

    private ImmutableArray<ConstantMapping> ReadConstants(YamlNode node)
    {
        if (node is not YamlMappingNode mapping)
        {
            Fault(node, "invalid-type", "constants maps fields to values.");
            return [];
        }

        var constants = ImmutableArray.CreateBuilder<ConstantMapping>(mapping.Children.Count);
        foreach (var (key, value) in mapping.Children)
        {
            var field = (key as YamlScalarNode)?.Value ?? "";
            CheckField(key, field);
            if (value is YamlScalarNode scalar)
            {
                constants.Add(new ConstantMapping(field, Json(scalar), Place(key)));
            }
            else
            {
                Fault(value, "invalid-type", "A constant is a text, a number, true or false.");
            }
        }

        return constants.ToImmutable();
    }

    /// <summary>Plain scalars that look like a JSON number or boolean are one, as in YAML's core schema.</summary>
    private static string Json(YamlScalarNode scalar)
    {
        var text = scalar.Value ?? "";
        if (scalar.Style == ScalarStyle.Plain && text is "true" or "false")
        {
            return text;
        }

        return scalar.Style == ScalarStyle.Plain && JsonNumber().IsMatch(text)
            ? text
            : JsonSerializer.Serialize(text);
    }

    /// <summary>Each column is used or ignored once, each field filled once.</summary>
    private void CheckNames(
        IdMapping id,
        ImmutableArray<ColumnMapping> columns,
        ImmutableArray<PlacedName> ignore,
        ImmutableArray<ConstantMapping> constants)
    {
        var used = columns.Select(column => column.Column).ToHashSet(StringComparer.Ordinal);
        if (!id.Derived)
        {
            // Columns that an id is derived from usually fill fields too.
            foreach (var both in id.Columns.Where(name => used.Contains(name.Name)))
            {
                Fault(both.Place, "duplicate-column", $"{both.Name} is the id and cannot fill a field too.");
            }
        }

        foreach (var both in ignore.Where(name => used.Contains(name.Name)))
        {
            Fault(both.Place, "duplicate-column", $"{both.Name} is both mapped and ignored.");
        }

        foreach (var twice in id.Columns.GroupBy(name => name.Name).SelectMany(group => group.Skip(1))
            .Concat(ignore.GroupBy(name => name.Name).SelectMany(group => group.Skip(1))))
        {
            Fault(twice.Place, "duplicate-column", $"{twice.Name} is named twice.");
        }

        var fields = columns.Select(column => new PlacedName(column.Field, column.FieldPlace))
            .Concat(constants.Select(constant => new PlacedName(constant.Field, constant.Place)));
        foreach (var twice in fields.GroupBy(field => field.Name).SelectMany(group => group.Skip(1)))
        {
            Fault(twice.Place, "duplicate-field", $"The field {twice.Name} is filled twice.");
        }
    }

    private void CheckField(YamlNode node, string field)
    {
        if (!Name().IsMatch(field))
        {
            Fault(node, "invalid-name", "A field's name is camelCase: letters and digits, at most 41.");
        }
        else if (field == "id")
        {
            Fault(node, "invalid-name", "The id is given by id:, not by a column.");
        }
    }

    private Dictionary<string, YamlNode> Keys(YamlNode node, string what, params ReadOnlySpan<string> known)
    {
        var found = new Dictionary<string, YamlNode>(StringComparer.Ordinal);
        if (node is not YamlMappingNode mapping)
        {
            Fault(node, "invalid-type", $"{what} is a mapping with the keys {string.Join(", ", known)}.");
            return found;
        }

        foreach (var (key, value) in mapping.Children)
        {
            var name = (key as YamlScalarNode)?.Value ?? "";
            if (known.Contains(name))
            {
                found[name] = value;
            }
            else
            {
                Fault(key, "unknown-key", $"{what} knows only the keys {string.Join(", ", known)}.");
            }
        }

        return found;
    }

    private YamlNode? Required(Dictionary<string, YamlNode> keys, string name, YamlNode parent)
    {
        if (keys.TryGetValue(name, out var node))
        {
            return node;
        }

        if (parent is YamlMappingNode)
        {
            Fault(parent, "required", $"{name} is missing.");
        }

        return null;
    }

    private string? Text(Dictionary<string, YamlNode> keys, string name, YamlNode parent)
    {
        var node = Required(keys, name, parent);
        if (node is YamlScalarNode { Value: { Length: > 0 } text })
        {
            return text;
        }

        if (node is not null)
        {
            Fault(node, "invalid-type", $"{name} is a text.");
        }

        return null;
    }

    private ImmutableArray<string> Texts(YamlNode node, bool allowEmpty)
    {
        if (node is YamlSequenceNode list
            && list.Children.All(item => item is YamlScalarNode { Value: { } text } && (allowEmpty || text.Length > 0)))
        {
            return [.. list.Children.Select(item => ((YamlScalarNode)item).Value!)];
        }

        Fault(node, "invalid-type", "A list of texts is expected.");
        return [];
    }

    private ImmutableArray<PlacedName> PlacedTexts(YamlNode node)
    {
        var texts = Texts(node, allowEmpty: false);
        if (texts.Length == 0)
        {
            Fault(node, "invalid-type", "At least one column is expected.");
            return [];
        }

        return [.. ((YamlSequenceNode)node).Children.Zip(texts, (item, text) => new PlacedName(text, Place(item)))];
    }

    private void Fault(YamlNode node, string code, string message) => Fault(Place(node), code, message);

    private void Fault(MappingPlace place, string code, string message) =>
        _faults.Add(new MappingFault(place, code, message));

    private static MappingPlace Place(YamlNode node) => new((int)node.Start.Line, (int)node.Start.Column);

    [GeneratedRegex(@"\A[a-z][a-zA-Z0-9]{0,40}\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"\A-?(0|[1-9][0-9]*)(\.[0-9]+)?\z")]
    private static partial Regex JsonNumber();
}
