using System.Collections.Immutable;
using System.Globalization;

namespace Bulkhead.Kernel.Audit.Integrity;

/// <summary>What a sealed log can have lost. The words are those of the alert, of the status and of the entry <c>audit.gap</c>.</summary>
public enum LogGapKind
{
    /// <summary>The entry's bytes are not those that were sealed.</summary>
    EntryChanged,

    /// <summary>The entry is not there, or nothing says which it was; and no sealed entry announced that it expires.</summary>
    EntryMissing,

    /// <summary>An entry that was sealed, and stands in another's position.</summary>
    EntryMoved,

    /// <summary>An entry that lies before what was sealed, and never was: somebody wrote it in later.</summary>
    EntryForged,

    /// <summary>What stands beside the entry for whoever searches is not what the entry says.</summary>
    IndexChanged,

    /// <summary>What opens the entry's commitments is gone.</summary>
    OpeningMissing,

    /// <summary>What discloses the entry's values is gone.</summary>
    DisclosureMissing,

    /// <summary>A hash of the tree is not that of what is below it.</summary>
    TreeChanged,

    /// <summary>The newest checkpoint is not one that the log's key signed over this tree.</summary>
    CheckpointChanged,

    /// <summary>The log is not the one whose heads are in the log of heads: it was rewritten, or cut off.</summary>
    HistoryChanged,

    /// <summary>The log of heads does not hold, at positions of its own.</summary>
    HeadsChanged,
}

/// <param name="From">The first position that it concerns.</param>
/// <param name="To">The position after the last.</param>
/// <param name="Entry">Of a forged entry, which has no position; otherwise empty.</param>
internal sealed record LogGap(LogGapKind Kind, long From, long To, Guid Entry = default)
{
    private static readonly ImmutableArray<(LogGapKind Kind, string Word)> Words =
    [
        (LogGapKind.EntryChanged, "entry-changed"),
        (LogGapKind.EntryMissing, "entry-missing"),
        (LogGapKind.EntryMoved, "entry-moved"),
        (LogGapKind.EntryForged, "entry-forged"),
        (LogGapKind.IndexChanged, "index-changed"),
        (LogGapKind.OpeningMissing, "opening-missing"),
        (LogGapKind.DisclosureMissing, "disclosure-missing"),
        (LogGapKind.TreeChanged, "tree-changed"),
        (LogGapKind.CheckpointChanged, "checkpoint-changed"),
        (LogGapKind.HistoryChanged, "history-changed"),
        (LogGapKind.HeadsChanged, "heads-changed"),
    ];

    public string Word => WordOf(Kind);

    /// <summary>For people and logs: no values, positions alone.</summary>
    public string Place => Kind == LogGapKind.EntryForged
        ? Entry.ToString()
        : To - From == 1
            ? string.Create(CultureInfo.InvariantCulture, $"position {From}")
            : string.Create(CultureInfo.InvariantCulture, $"positions {From} to {To - 1}");

    public static string WordOf(LogGapKind kind) => Words.First(w => w.Kind == kind).Word;

    public static LogGapKind KindOf(string word) => Words.First(w => w.Word == word).Kind;

    public bool Overlaps(LogGap other) => Entry == other.Entry && (Entry != Guid.Empty || (From < other.To && other.From < To));
}
