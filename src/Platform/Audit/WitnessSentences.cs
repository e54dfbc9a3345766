using System.Globalization;
using Bulkhead.Kernel.Audit;

namespace Bulkhead.Platform.Audit;

/// <summary>What a witness's refusal means for whoever runs the installation, and what to do.</summary>
internal static class WitnessSentences
{
    public static string Kind(WitnessRefusal refusal) => refusal.Kind switch
    {
        WitnessRefusalKind.Unreachable => "unreachable",
        WitnessRefusalKind.Unsigned => "unsigned",
        WitnessRefusalKind.OtherKey => "other-key",
        WitnessRefusalKind.UnknownLog => "unknown-log",
        WitnessRefusalKind.HeadsLost => "heads-lost",
        WitnessRefusalKind.SplitView => "split-view",
        WitnessRefusalKind.NotContinued => "not-continued",
        _ => "refused",
    };

    public static string Message(WitnessRefusal refusal) => string.Create(CultureInfo.InvariantCulture, $"{refusal.Kind switch
    {
        WitnessRefusalKind.Unreachable => "It does not answer.",
        WitnessRefusalKind.Unsigned => "It answered, and not with a signature of the key that we know.",
        WitnessRefusalKind.OtherKey => "It knows our log of heads by another key (403).",
        WitnessRefusalKind.UnknownLog => "It does not watch our log of heads (404).",
        WitnessRefusalKind.HeadsLost =>
            $"It signed our log of heads of size {refusal.Known}, and here are {refusal.Size}: heads were lost or deleted.",
        WitnessRefusalKind.SplitView =>
            $"Split view: of size {refusal.Known} it signed another log of heads than stands here ({refusal.Status}). History was rewritten.",
        WitnessRefusalKind.NotContinued =>
            $"Our log of heads of size {refusal.Size} does not continue the {refusal.Known} that it signed ({refusal.Status}): history was rewritten.",
        _ => $"It refused ({refusal.Status}).",
    }}");

    public static string NextStep(WitnessRefusal refusal) => refusal.Kind switch
    {
        WitnessRefusalKind.Unreachable => "See whether it runs and is reached at its address.",
        WitnessRefusalKind.Unsigned => "Appoint it again with the keys that it prints.",
        WitnessRefusalKind.OtherKey or WitnessRefusalKind.UnknownLog => "Have it started with --log and our log's key.",
        WitnessRefusalKind.HeadsLost => "If a backup was restored, restore a later one; else find out who wrote in the control database.",
        WitnessRefusalKind.SplitView or WitnessRefusalKind.NotContinued =>
            "Find out who wrote in the control database, or who runs a copy of this installation; the witness keeps both notes, see docs/witness.md.",
        _ => "See what the witness logged.",
    };
}
