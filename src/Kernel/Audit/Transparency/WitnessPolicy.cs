using System.Collections.Immutable;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>Of a witness whose cosignature holds: when it had seen the checkpoint.</summary>
public sealed record Witnessed(string Witness, DateTimeOffset At);

/// <param name="IsMet">As many as the threshold says.</param>
/// <param name="Witnesses">Each once.</param>
/// <param name="Wrong">Names of witnesses with a signature that says it is theirs and is not.</param>
/// <param name="NotChecked">Names of witnesses with a signature for which this platform has no algorithm.</param>
public sealed record WitnessVerdict(
    bool IsMet, ImmutableArray<Witnessed> Witnesses, ImmutableArray<string> Wrong, ImmutableArray<string> NotChecked);

/// <summary>
/// Who must have seen a checkpoint: k of n witnesses. A text of lines <c>witness NAME VKEY</c> and one line <c>threshold K</c>; empty
/// lines and those that begin with <c>#</c> are skipped. Several lines of one name are one witness with several keys, counted once.
/// </summary>
public sealed class WitnessPolicy
{
    public const int MaxWitnesses = 128;

    /// <summary>Characters, at most: two keys of ML-DSA-44 for each of the most witnesses fit.</summary>
    public const int MaxLength = 1024 * 1024;

    private readonly ImmutableArray<(string Name, ImmutableArray<NoteKey> Keys)> _witnesses;

    private WitnessPolicy(ImmutableArray<(string Name, ImmutableArray<NoteKey> Keys)> witnesses, int threshold)
    {
        _witnesses = witnesses;
        Threshold = threshold;
    }

    public int Threshold { get; }

    public IEnumerable<string> Names => _witnesses.Select(witness => witness.Name);

    /// <summary>Null for what is none; then why says which line and what to do.</summary>
    public static WitnessPolicy? Parse(string text, out string? why)
    {
        if (text.Length > MaxLength)
        {
            why = $"A policy has at most {MaxLength} characters.";
            return null;
        }

        var keys = new List<(string Name, NoteKey Key)>();
        long? threshold = null;
        foreach (var (number, line) in text.Split('\n').Index())
        {
            var words = line.Split([' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            why = words switch
            {
                [] or [['#', ..], ..] => null,
                ["witness", var name, var vkey] => Add(keys, name, vkey),
                ["threshold", var k] when threshold is null && LogText.TryNumber(k, out var value) && value > 0 =>
                    Set(out threshold, value),
                _ => "It is neither 'witness NAME VKEY' nor the one 'threshold K', K from 1.",
            };
            if (why is not null)
            {
                why = $"Line {number + 1}: {why}";
                return null;
            }
        }

        ImmutableArray<(string Name, ImmutableArray<NoteKey> Keys)> witnesses =
        [
            .. keys.GroupBy(k => k.Name, k => k.Key, StringComparer.Ordinal).Select(g => (g.Key, g.ToImmutableArray())),
        ];
        why = threshold is null || threshold > witnesses.Length || witnesses.Length > MaxWitnesses
            ? $"A policy needs one line 'threshold K', K from 1 to the number of its witnesses, of which there are at most {MaxWitnesses}."
            : null;
        return why is null ? new(witnesses, (int)threshold!) : null;
    }

    public WitnessVerdict Judge(SignedNote note)
    {
        var (seen, wrong, notChecked) = (new List<Witnessed>(), new List<string>(), new List<string>());
        foreach (var (name, keys) in _witnesses)
        {
            DateTimeOffset? earliest = null;
            foreach (var key in keys)
            {
                switch (note.Check(key, out var at))
                {
                    // A cosignature without a time does not say that it was the newest head that the witness had seen.
                    case NoteVerdict.Genuine when at > DateTimeOffset.UnixEpoch:
                        earliest = earliest < at ? earliest : at;
                        break;
                    case NoteVerdict.Wrong:
                        wrong.Add(name);
                        break;
                    case NoteVerdict.NotChecked:
                        notChecked.Add(name);
                        break;
                }
            }

            if (earliest is { } time)
            {
                seen.Add(new(name, time));
            }
        }

        return new(seen.Count >= Threshold, [.. seen], [.. wrong.Distinct()], [.. notChecked.Distinct()]);
    }

    private static string? Add(List<(string Name, NoteKey Key)> keys, string name, string vkey)
    {
        if (NoteKey.Parse(vkey) is not { Cosigns: true } key)
        {
            return "This is no verifier key of cosignatures (name+id+base64, types 04 and 06), as the witness prints it.";
        }

        if (keys.Exists(known => known.Key.PublicKey.AsSpan().SequenceEqual(key.PublicKey)))
        {
            return "The key stands there already: one witness would count as two.";
        }

        keys.Add((name, key));
        return null;
    }

    private static string? Set(out long? threshold, long value)
    {
        threshold = value;
        return null;
    }
}
