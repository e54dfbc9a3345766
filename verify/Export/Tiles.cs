namespace Bulkhead.Verify.Export;

/// <summary>
/// Leaf hashes that stand before the entries they are of, 256 at a time. They are worth nothing until they give the checkpoint's root; then
/// they tell exactly which entries are not what was sealed.
/// </summary>
internal sealed class Tiles(ExportHeader header, Findings findings)
{
    public const ulong Width = 256;

    private readonly CompactRange range = new(header.From);
    private readonly List<(ulong Position, ulong? SealedAt)> changed = [];
    private Hash[] hashes = [];
    private ulong first;
    private long unnamed;

    public bool AreGiven { get; private set; }

    public bool AreWhole => range.End == header.To;

    public CompactRange Range => range;

    public bool ShowChanges => changed.Count > 0;

    public void Add(ulong index, byte[] bytes)
    {
        AreGiven = true;
        if (index != range.End / Width || range.End >= header.To)
        {
            throw new FormatException($"tile {index} does not follow: the next is {range.End / Width}, and they end with position {header.To}");
        }

        var count = Math.Min((index + 1) * Width, header.To) - range.End;
        if (bytes.Length != (int)count * Hash.Size)
        {
            throw new FormatException($"tile {index} must hold the {count} hashes of positions {range.End} to {range.End + count - 1}");
        }

        first = range.End;
        hashes = [.. Enumerable.Range(0, (int)count).Select(i => Hash.Read(bytes.AsSpan(i * Hash.Size)))];
        foreach (var hash in hashes)
        {
            range.Append(hash);
        }
    }

    public void Check(ulong position, Hash leaf)
    {
        if (!AreGiven || position < first || position - first >= (ulong)hashes.Length || hashes[position - first] == leaf)
        {
            return;
        }

        if (changed.Count == Findings.NamedOfEach)
        {
            unnamed++;
            return;
        }

        var index = Array.IndexOf(hashes, leaf);
        changed.Add((position, index < 0 ? null : first + (ulong)index));
    }

    /// <summary>Once it is known that the tiles are those of the checkpoint.</summary>
    public void NameChanges()
    {
        foreach (var (position, sealedAt) in changed)
        {
            if (sealedAt is { } other)
            {
                findings.Break(
                    Flaw.EntryChanged,
                    $"entry {position}: its bytes are not those that were sealed; they were sealed as entry {other}");
            }
            else
            {
                findings.Break(Flaw.EntryChanged, $"entry {position}: its bytes are not those that were sealed");
            }
        }

        if (unnamed > 0)
        {
            findings.Break(Flaw.EntryChanged, $"and {unnamed} more entries whose bytes are not those that were sealed");
        }
    }
}
