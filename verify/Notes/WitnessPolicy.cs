using System.Collections.Immutable;

namespace Bulkhead.Verify.Notes;

internal sealed record Witness(string Name, ImmutableArray<VerifierKey> Keys);

/// <summary>A cosignature that verifies; where several of one witness do, the earliest: by then it had seen the checkpoint.</summary>
internal sealed record Cosignature(string Witness, ulong Time);

internal sealed record Witnessing(
    ImmutableArray<Cosignature> Cosignatures,
    ImmutableArray<string> Invalid,
    ImmutableArray<string> NotChecked);

/// <summary>Who must have seen a checkpoint: k of n witnesses, each counted once, however many keys and signatures it has.</summary>
internal sealed record WitnessPolicy(ImmutableArray<Witness> Witnesses, int Threshold)
{
    private const int MostWitnesses = 128;

    public static WitnessPolicy? TryParse(IEnumerable<string> lines, out string why)
    {
        var keys = new List<(string Name, VerifierKey Key)>();
        ulong? threshold = null;
        foreach (var line in lines.Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#'))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            switch (words)
            {
                case ["witness", var name, var vkey]:
                    if (VerifierKey.TryParse(vkey, out why) is not { } key)
                    {
                        why = $"the key of witness {name} cannot be used: {why}";
                        return null;
                    }

                    if (key.Type == KeyType.Ed25519)
                    {
                        why = $"the key of witness {name} is one that signs notes, not one that cosigns (types 0x04 and 0x06)";
                        return null;
                    }

                    if (keys.Any(k => k.Key.PublicKey.AsSpan().SequenceEqual(key.PublicKey)))
                    {
                        why = $"the key of witness {name} stands there twice: one witness would count as two";
                        return null;
                    }

                    keys.Add((name, key));
                    break;
                case ["threshold", var number] when threshold is null && Checkpoint.Number(number) is > 0 and var k:
                    threshold = k;
                    break;
                default:
                    why = $"this line is neither 'witness NAME VKEY' nor the one 'threshold K', K from 1: {line}";
                    return null;
            }
        }

        ImmutableArray<Witness> witnesses =
            [.. keys.GroupBy(k => k.Name, StringComparer.Ordinal).Select(g => new Witness(g.Key, [.. g.Select(k => k.Key)]))];
        if (threshold is null || threshold > (ulong)witnesses.Length || witnesses.Length > MostWitnesses)
        {
            why = "it needs one line 'threshold K', with K from 1 to the number of witnesses, and at most 128 witnesses";
            return null;
        }

        why = "";
        return new(witnesses, (int)threshold);
    }

    public Witnessing Check(SignedCheckpoint signed)
    {
        var valid = ImmutableArray.CreateBuilder<Cosignature>();
        var invalid = ImmutableArray.CreateBuilder<string>();
        var notChecked = ImmutableArray.CreateBuilder<string>();
        foreach (var witness in Witnesses)
        {
            ulong? earliest = null;
            foreach (var key in witness.Keys)
            {
                foreach (var line in signed.Note.Signatures.Where(s => s.IsOf(key)))
                {
                    switch (key.Verify(signed.Checkpoint, line.Signature, out var time))
                    {
                        case Verdict.Valid when time > 0:
                            earliest = Math.Min(earliest ?? time, time);
                            break;
                        case Verdict.NotChecked:
                            notChecked.Add(witness.Name);
                            break;
                        default:
                            // Time 0 makes no statement that this was the newest head seen: it witnesses nothing of use here.
                            invalid.Add(witness.Name);
                            break;
                    }
                }
            }

            if (earliest is { } seen)
            {
                valid.Add(new(witness.Name, seen));
            }
        }

        return new(valid.ToImmutable(), invalid.ToImmutable(), notChecked.ToImmutable());
    }
}
