using System.Collections.Immutable;
using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using static Bulkhead.Platform.Apps.ManifestFaultCode;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// Reads the narrow YAML of a manifest: one document, no anchors, aliases or tags, no duplicate keys. It works on the
/// parser's events, so that every node keeps its place and nothing is expanded before a limit was checked.
/// </summary>
internal sealed class ManifestYaml
{
    internal const int MaxBytes = 1024 * 1024;
    internal const int MaxDepth = 20;

    private readonly Parser _parser;
    private readonly ManifestFaults _faults;

    private ManifestYaml(Parser parser, ManifestFaults faults)
    {
        _parser = parser;
        _faults = faults;
    }

    /// <summary>Null when the text is no such document; the faults say why.</summary>
    internal static ManifestNode? Read(string yaml, ManifestFaults faults)
    {
        var start = new ScalarNode(1, 1, "", true);
        if (yaml.Length > MaxBytes || Encoding.UTF8.GetByteCount(yaml) > MaxBytes)
        {
            faults.Add(start, TooLarge, "A manifest has at most 1 MiB.");
            return null;
        }

        try
        {
            return new ManifestYaml(new Parser(new StringReader(yaml.TrimStart('\uFEFF'))), faults).Document();
        }
        catch (Unreadable)
        {
            return null;
        }
        catch (YamlException e)
        {
            faults.Add(At(e.Start), InvalidYaml, $"This is not YAML: {e.Message}");
            return null;
        }
        catch (Exception e)
            when (e is ArgumentException or InvalidOperationException or FormatException or OverflowException)
        {
            // The scanner lets some escapes out of its own exceptions (\UFFFFFFFF); the parser knows where it stood.
            faults.Add(start, InvalidYaml, $"This is not YAML: {e.Message}");
            return null;
        }
    }

    private ManifestNode? Document()
    {
        _parser.Consume<StreamStart>();
        if (_parser.TryConsume<StreamEnd>(out var empty))
        {
            _faults.Add(At(empty.Start), InvalidYaml, "The manifest is empty.");
            return null;
        }

        _parser.Consume<DocumentStart>();
        var root = Node(1);
        _parser.Consume<DocumentEnd>();
        if (_parser.TryConsume<DocumentStart>(out var second))
        {
            _faults.Add(At(second.Start), SeveralDocuments, "A manifest is one document: remove what follows '---'.");
            return null;
        }

        return root;
    }

    private ManifestNode Node(int depth)
    {
        var at = _parser.Current is { } current ? At(current.Start) : new ScalarNode(1, 1, "", true);
        if (depth > MaxDepth)
        {
            _faults.Add(at, TooDeep, $"A manifest nests at most {MaxDepth} levels.");
            throw new Unreadable();
        }

        if (_parser.TryConsume<AnchorAlias>(out var alias))
        {
            _faults.Add(at, AliasRefused, $"Aliases are not allowed: write out what '*{alias.Value}' stands for.");
            return at;
        }

        if (_parser.Current is NodeEvent node)
        {
            RefuseProperties(node, at);
        }

        if (_parser.TryConsume<Scalar>(out var scalar))
        {
            if (!ManifestText.IsStorable(scalar.Value))
            {
                _faults.Add(at, InvalidCharacter, "Text holds neither U+0000 nor half of a surrogate pair.");
            }

            return new ScalarNode(at.Line, at.Column, scalar.Value, scalar.Style == ScalarStyle.Plain);
        }

        if (_parser.TryConsume<SequenceStart>(out _))
        {
            var items = ImmutableArray.CreateBuilder<ManifestNode>();
            while (!_parser.TryConsume<SequenceEnd>(out _))
            {
                items.Add(Node(depth + 1));
            }

            return new SequenceNode(at.Line, at.Column, items.ToImmutable());
        }

        _parser.Consume<MappingStart>();
        return Mapping(at, depth);
    }

    private MappingNode Mapping(ScalarNode at, int depth)
    {
        var entries = ImmutableArray.CreateBuilder<MappingEntry>();
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            var key = Node(depth + 1);
            var value = Node(depth + 1);
            if (key is not ScalarNode name)
            {
                _faults.Add(key, WrongType, $"A key is a word, not {key.Kind}.");
            }
            else if (!seen.TryAdd(name.Value, name.Line))
            {
                _faults.Add(
                    name,
                    DuplicateKey,
                    $"'{ManifestText.Shown(name.Value)}' is already given in line {seen[name.Value]}.");
            }
            else
            {
                entries.Add(new(name, value));
            }
        }

        return new(at.Line, at.Column, entries.ToImmutable());
    }

    private void RefuseProperties(NodeEvent node, ScalarNode at)
    {
        if (!node.Anchor.IsEmpty)
        {
            _faults.Add(at, AliasRefused, $"Anchors are not allowed: remove '&{node.Anchor.Value}'.");
        }

        if (!node.Tag.IsEmpty)
        {
            _faults.Add(at, TagRefused, "Tags are not allowed: a value has the type that its key asks for.");
        }
    }

    private static ScalarNode At(Mark mark) => new((int)mark.Line, (int)mark.Column, "", true);

    /// <summary>Leaves the reader where going on would be dangerous; never seen outside.</summary>
    private sealed class Unreadable : Exception;
}
