namespace Bulkhead.Verify.Totals;

/// <summary>Proofs of kind each, as the commitments go by: many are checked as one, and one by one only where that does not hold.</summary>
internal sealed class EachProofs(Statement statement, Action<ulong, string> broken)
{
    private const int Most = 64;

    private readonly Transcript begun = statement.Begin();
    private readonly List<(ulong Position, Point Committed, byte[] Proof)> pending = [];
    private MultiSum sum = new();

    public void Add(ulong position, Point committed, byte[] proof)
    {
        var single = new MultiSum();
        if (TotalProof.AddRange(single, statement, At(position), committed, proof) is { } fault)
        {
            broken(position, fault);
            return;
        }

        sum.Add(single);
        pending.Add((position, committed, proof));
        if (pending.Count == Most)
        {
            Settle();
        }
    }

    /// <summary>Names those that do not hold, of what was added since.</summary>
    public void Settle()
    {
        if (!sum.Value().IsInfinity)
        {
            foreach (var (position, committed, proof) in pending)
            {
                if (TotalProof.FaultOfRange(statement, At(position), committed, proof) is { } fault)
                {
                    broken(position, fault);
                }
            }
        }

        sum = new();
        pending.Clear();
    }

    private Transcript At(ulong position)
    {
        var transcript = begun.Fork();
        transcript.Append("position", position);
        return transcript;
    }
}
