namespace Bulkhead.Kernel.Proofs;

/// <summary>The two bytes that every proof begins with.</summary>
internal static class ProofHeader
{
    public const int Length = 2;

    private const byte Version = 1;

    public static Span<byte> Write(Span<byte> proof, StatementKind kind)
    {
        proof[0] = Version;
        proof[1] = (byte)kind;
        return proof[Length..];
    }

    public static bool TryRead(ref ReadOnlySpan<byte> proof, StatementKind kind)
    {
        var known = proof[0] == Version && proof[1] == (byte)kind;
        proof = proof[Length..];
        return known;
    }

    /// <exception cref="ArgumentException">
    /// The statement is of another kind, or the commitments were gathered for another range.
    /// </exception>
    public static void Require(Statement statement, StatementKind kind, CoveredCommitments? commitments)
    {
        if (statement.Kind != kind)
        {
            throw new ArgumentException("The statement is of another kind", nameof(statement));
        }

        if (commitments is not null && (commitments.Range.From != statement.Range.From || commitments.Range.To != statement.Range.To))
        {
            throw new ArgumentException("The commitments were gathered for another range", nameof(commitments));
        }
    }
}
