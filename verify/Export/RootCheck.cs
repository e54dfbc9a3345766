using Bulkhead.Verify.Notes;

namespace Bulkhead.Verify.Export;

/// <summary>Are the entries the checkpoint's own? If not, which are not, as narrowly as the export tells.</summary>
internal sealed class RootCheck(
    ExportHeader header, Entries entries, Checkpoint checkpoint, IReadOnlyList<Hash> proof, Histories histories, Findings findings)
{
    public void Run(Func<ExportLines> open)
    {
        var tilesHold = CheckTiles();
        if (!entries.AreWhole)
        {
            findings.Break(
                Flaw.Root,
                $"positions are not from {header.From} to {header.To} without a gap: the entries' root cannot be that of the checkpoint");
            histories.Settle(new Dictionary<ulong, Hash>());
            return;
        }

        if (Proofs.Whole(entries.Range, checkpoint.Size, proof) is not { } whole)
        {
            findings.Break(
                Flaw.RangeProof,
                $"the range proof has not as many hashes as positions {header.From} to {header.To} of {checkpoint.Size} need");
            histories.Settle(new Dictionary<ulong, Hash>());
        }
        else if (whole.Root() == checkpoint.Root)
        {
            histories.Settle(Retrace(open, histories.Open(header.From, header.To)));
        }
        else
        {
            if (!tilesHold || !entries.Tiles.ShowChanges)
            {
                Narrow(Retrace(open, histories.Known(header.From, header.To)));
            }

            histories.Settle(new Dictionary<ulong, Hash>());
        }
    }

    private bool CheckTiles()
    {
        if (!entries.Tiles.AreGiven)
        {
            return false;
        }

        if (!entries.Tiles.AreWhole || Proofs.Whole(entries.Tiles.Range, checkpoint.Size, proof) is not { } whole || whole.Root() != checkpoint.Root)
        {
            findings.Break(
                Flaw.Tile,
                $"the tiles with the range proof do not give the checkpoint's root: they, the proof or the checkpoint are not of this log");
            return false;
        }

        entries.Tiles.NameChanges();
        return true;
    }

    /// <summary>Between the last signed root that the entries give and the first that they do not, something was changed.</summary>
    private void Narrow(IReadOnlyDictionary<ulong, Hash> retraced)
    {
        var (sound, soundIsShown, upTo, proofMayBeWrong) = (header.From, header.From == 0, header.To, checkpoint.Size > header.To);
        foreach (var (size, root) in retraced.OrderBy(r => r.Key))
        {
            if (!histories.IsRoot(size, root))
            {
                (upTo, proofMayBeWrong) = (size, false);
                break;
            }

            (sound, soundIsShown) = (size, true);
        }

        findings.Break(Flaw.Root, $"the entries and the range proof do not give the checkpoint's root");
        var doubt = proofMayBeWrong || !soundIsShown ? ", or the range proof is not that of these entries" : "";
        if (upTo == sound)
        {
            findings.Break(Flaw.RangeProof, $"the range proof is not that of these entries");
        }
        else if (upTo - sound == 1)
        {
            findings.Break(Flaw.EntryChanged, $"entry {sound}: its bytes are not those that were sealed{doubt}");
        }
        else
        {
            findings.Break(
                Flaw.EntryChanged,
                $"at least one of entries {sound} to {upTo - 1}: its bytes are not those that were sealed{doubt}");
        }
    }

    private IReadOnlyDictionary<ulong, Hash> Retrace(Func<ExportLines> open, IEnumerable<ulong> sizes)
    {
        var wanted = sizes.ToHashSet();
        if (wanted.Count == 0)
        {
            return new Dictionary<ulong, Hash>();
        }

        using var lines = open();
        return Retracing.Roots(lines, entries.Range, proof, wanted);
    }
}
