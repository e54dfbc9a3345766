using Bulkhead.Verify.Totals;

namespace Bulkhead.Verify.Export;

/// <summary>A claim while the commitments go by, and what came of it.</summary>
internal sealed class TotalClaim : IDisposable
{
    private readonly CommittedNumbers numbers = new();
    private readonly Statement statement;
    private readonly ulong? olderTime;
    private readonly ulong newerTime;
    private readonly Action<string> refuse;
    private readonly EachProofs? each;
    private ulong eachCount;
    private bool broken;

    public TotalClaim(TotalLine line, Statement statement, ulong? olderTime, ulong newerTime, Action<string> refuse)
    {
        (Line, this.statement, this.olderTime, this.newerTime, this.refuse) = (line, statement, olderTime, newerTime, refuse);
        each = line.Kind == TotalKind.Each
            ? new(statement, (position, why) => Break(FormattableString.Invariant($"the proof of entry {position}: {why}"))) : null;
    }

    public TotalLine Line { get; }

    public void Add(ulong position, byte[] bytes, Point point)
    {
        if (each is null)
        {
            numbers.Add(position, bytes, point);
            return;
        }

        // Of kind each, nothing but their number is needed of them all; where proofs are too few it is told at the end.
        if (eachCount < (ulong)Line.Proofs.Length)
        {
            each.Add(position, point, Line.Proofs[(int)eachCount]);
        }

        eachCount++;
    }

    public void Break(string why)
    {
        broken = true;
        refuse(why);
    }

    /// <summary>Null where it does not hold, and then that was said.</summary>
    public ProvenTotal? Proven()
    {
        if (each is not null)
        {
            each.Settle();
            if (eachCount != (ulong)Line.Proofs.Length)
            {
                Break(FormattableString.Invariant($"{eachCount} entries have it, and there are {Line.Proofs.Length} proofs"));
            }
        }
        else if (!broken && TotalProof.Fault(statement, numbers, Line.Proofs[0]) is { } fault)
        {
            Break(FormattableString.Invariant($"its proof over {numbers.Count} commitments does not hold: {fault}"));
        }

        return broken ? null : new(Line, each is null ? numbers.Count : eachCount, olderTime, statement.Newer.Size, newerTime);
    }

    public void Dispose() => numbers.Dispose();
}
