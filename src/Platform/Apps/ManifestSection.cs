using System.Collections.Immutable;
using static Bulkhead.Platform.Apps.ManifestFaultCode;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// A mapping whose keys are known. Reading a key adds its faults and answers null, so that the reader goes on and the
/// author gets every fault at once.
/// </summary>
internal sealed class ManifestSection
{
    private readonly Dictionary<string, MappingEntry> _entries = new(StringComparer.Ordinal);
    private readonly ManifestFaults _faults;

    internal ManifestSection(MappingNode node, ManifestFaults faults, ImmutableArray<string> keys, string what)
    {
        Node = node;
        _faults = faults;
        foreach (var entry in node.Entries)
        {
            if (keys.Contains(entry.Key.Value, StringComparer.Ordinal))
            {
                _entries.Add(entry.Key.Value, entry);
            }
            else
            {
                var word = entry.Key.Value;
                faults.Add(
                    entry.Key,
                    UnknownKey,
                    $"{what} has no key '{ManifestText.Shown(word)}'.{faults.DidYouMean(word, keys)}");
            }
        }
    }

    internal MappingNode Node { get; }

    internal bool Has(string key) => _entries.ContainsKey(key);

    /// <summary>The key itself, to point at; null when it is absent.</summary>
    internal ScalarNode? Key(string key) => _entries.TryGetValue(key, out var entry) ? entry.Key : null;

    internal ManifestNode? Value(string key) => _entries.TryGetValue(key, out var entry) ? entry.Value : null;

    internal void Require(ManifestNode at, string what, params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
        {
            if (!Has(key))
            {
                _faults.Add(at, MissingKey, $"{what} needs '{key}'.");
            }
        }
    }

    internal ScalarNode? Text(string key, int maxLength)
    {
        if (Value(key) is not { } value)
        {
            return null;
        }

        if (TextOf(value, key, _faults) is not { } text)
        {
            return null;
        }

        if (ManifestText.Scalars(text.Value) > maxLength)
        {
            _faults.Add(text, TooLong, $"'{key}' has at most {maxLength} characters.");
            return null;
        }

        return text;
    }

    internal bool? Flag(string key)
    {
        if (Value(key) is not { } value)
        {
            return null;
        }

        if (value is ScalarNode { IsBoolean: true } flag)
        {
            return flag.Value[0] is 't' or 'T';
        }

        _faults.Add(value, WrongType, $"'{key}' is true or false, not {value.Kind}.");
        return null;
    }

    internal long? Integer(string key, long min, long max)
    {
        if (Value(key) is not { } value)
        {
            return null;
        }

        if (value is not ScalarNode { IsNumber: true } scalar || !ManifestText.TryInteger(scalar.Value, out var number))
        {
            var code = value is ScalarNode { IsNumber: true } ? OutOfRange : WrongType;
            _faults.Add(value, code, $"'{key}' is a whole number from {min} to {max}.");
            return null;
        }

        if (number < min || number > max)
        {
            _faults.Add(value, OutOfRange, $"'{key}' is a whole number from {min} to {max}.");
            return null;
        }

        return number;
    }

    internal decimal? Number(string key)
    {
        if (Value(key) is not { } value)
        {
            return null;
        }

        if (value is not ScalarNode { IsNumber: true } scalar)
        {
            _faults.Add(value, WrongType, $"'{key}' is a number, not {value.Kind}.");
            return null;
        }

        if (!ManifestText.TryDecimal(scalar.Value, out var number))
        {
            _faults.Add(value, OutOfRange, $"'{key}' is a decimal number of at most 28 digits.");
            return null;
        }

        return number;
    }

    internal MappingNode? Mapping(string key)
    {
        if (Value(key) is not { } value)
        {
            return null;
        }

        if (value is not MappingNode mapping)
        {
            _faults.Add(value, WrongType, $"'{key}' is a mapping, not {value.Kind}.");
            return null;
        }

        return mapping;
    }

    internal SequenceNode? Sequence(string key)
    {
        if (Value(key) is not { } value)
        {
            return null;
        }

        if (value is not SequenceNode sequence)
        {
            _faults.Add(value, WrongType, $"'{key}' is a list, not {value.Kind}: write [a, b].");
            return null;
        }

        return sequence;
    }

    /// <summary>A list of words, without those that are no words and without repetitions; both are faults.</summary>
    internal ImmutableArray<ScalarNode> Words(string key) =>
        Sequence(key) is { } list ? WordsOf(list, key, _faults) : [];

    /// <summary>One of the known words.</summary>
    internal T? Word<T>(string key, ManifestWords<T> known)
        where T : struct, Enum =>
        Value(key) is { } value && TextOf(value, key, _faults) is { } word ? known.Read(word, key, _faults) : null;

    internal static ImmutableArray<ScalarNode> WordsOf(SequenceNode list, string key, ManifestFaults faults)
    {
        var words = ImmutableArray.CreateBuilder<ScalarNode>(list.Items.Length);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in list.Items)
        {
            if (TextOf(item, key, faults) is not { } word)
            {
                continue;
            }

            if (seen.Add(word.Value))
            {
                words.Add(word);
            }
            else
            {
                faults.Add(word, DuplicateName, $"'{ManifestText.Shown(word.Value)}' stands twice in '{key}'.");
            }
        }

        return words.ToImmutable();
    }

    internal static ScalarNode? TextOf(ManifestNode value, string key, ManifestFaults faults)
    {
        if (value is not ScalarNode scalar || scalar.IsNull)
        {
            faults.Add(value, WrongType, $"'{key}' is text, not {value.Kind}.");
            return null;
        }

        if (scalar.IsBoolean || scalar.IsNumber)
        {
            faults.Add(value, WrongType, $"'{key}' is text: put \"{scalar.Value}\" into quotes.");
            return null;
        }

        return scalar;
    }
}
