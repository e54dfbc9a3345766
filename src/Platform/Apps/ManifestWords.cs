using System.Collections.Frozen;
using static Bulkhead.Platform.Apps.ManifestFaultCode;

namespace Bulkhead.Platform.Apps;

/// <summary>The words that a key takes: the members of an enumeration in camelCase.</summary>
internal sealed class ManifestWords<T>
    where T : struct, Enum
{
    private readonly FrozenDictionary<string, T> _values;
    private readonly string[] _words;

    internal ManifestWords(params IEnumerable<T> except)
    {
        var values = Enum.GetValues<T>().Except(except).ToArray();
        _words = [.. values.Select(WordOf)];
        _values = values.ToFrozenDictionary(WordOf, StringComparer.Ordinal);
    }

    internal static string WordOf(T value)
    {
        var name = value.ToString();
        return char.ToLowerInvariant(name[0]) + name[1..];
    }

    internal T? Read(ScalarNode word, string key, ManifestFaults faults)
    {
        if (_values.TryGetValue(word.Value, out var value))
        {
            return value;
        }

        var near = faults.DidYouMean(word.Value, _words);
        faults.Add(
            word,
            UnknownWord,
            $"'{key}' is one of {string.Join(", ", _words)}, not '{ManifestText.Shown(word.Value)}'.{near}");
        return null;
    }
}

internal static class ManifestWords
{
    internal static ManifestWords<DataClass> Classes { get; } = new();

    internal static ManifestWords<FieldType> Types { get; } = new();

    internal static ManifestWords<OnDelete> OnDelete { get; } = new();

    internal static ManifestWords<EntityActions> Actions { get; } = new(EntityActions.None);
}
