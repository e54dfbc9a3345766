using Npgsql;

namespace Bulkhead.Kernel.Audit.Integrity;

/// <summary>What is stored at the positions [from, to) of a log, and what of it can be told without the tree.</summary>
internal sealed class LogChunk(long from, long to)
{
    private readonly List<long> _expired = [];

    /// <summary>Hashes of what is stored; null where nothing is.</summary>
    public byte[]?[] Leaves { get; } = new byte[]?[to - from];

    /// <summary>Of level 0, by their index.</summary>
    public Dictionary<long, byte[]> Tiles { get; } = [];

    /// <summary>Records that entries name, and that <c>audit_record</c> must have.</summary>
    public List<(long Position, Guid Entry, Guid Record)> Named { get; } = [];

    public List<(LogGapKind Kind, long Position)> Found { get; } = [];

    /// <param name="row">
    /// Position, body, commitments, digest of one that expired, whether there is an opening, whether a disclosure, and the columns of the index.
    /// </param>
    public void Add(NpgsqlDataReader row)
    {
        var position = row.GetInt64(0);
        if (!row.IsDBNull(1))
        {
            Add(position, row.GetString(1), row.GetString(2), row.GetBoolean(4), row.GetBoolean(5), EntryIndex.Read(row, 6));
        }
        else if (!row.IsDBNull(3))
        {
            // Of one that expired there is the digest, which is in the leaf as well.
            Leaves[position - from] = AuditLeaf.HashOf(row.GetFieldValue<byte[]>(3), row.GetString(2));
            _expired.Add(position);
        }
    }

    /// <summary>Does something announce each of those that are said to have expired?</summary>
    /// <param name="announced">Rising, without overlaps.</param>
    public bool IsExpiryIn(List<(long From, long To)> announced) => _expired.TrueForAll(position => Covers(announced, position));

    /// <summary>What nothing announced did not expire: it is missing.</summary>
    public void TakeOutUnless(List<(long From, long To)> announced)
    {
        foreach (var position in _expired.Where(position => !Covers(announced, position)))
        {
            Leaves[position - from] = null;
        }
    }

    private static bool Covers(List<(long From, long To)> announced, long position)
    {
        // The last that begins at it or before.
        var (low, high) = (0, announced.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = announced[middle].From > position ? (low, middle) : (middle + 1, high);
        }

        return low > 0 && position < announced[low - 1].To;
    }

    private void Add(long position, string body, string commitments, bool hasOpening, bool hasDisclosure, EntryIndex index)
    {
        Leaves[position - from] = AuditLeaf.HashOf(body, commitments);
        if (EntryIndex.Of(body) is not { } said)
        {
            // The leaf tells that it was changed.
            return;
        }

        if (said.Index != index)
        {
            Found.Add((LogGapKind.IndexChanged, position));
        }

        if (commitments.Length > 0 && !hasOpening)
        {
            Found.Add((LogGapKind.OpeningMissing, position));
        }

        if (said.HasValues && !hasDisclosure)
        {
            Found.Add((LogGapKind.DisclosureMissing, position));
        }

        Named.AddRange(said.Records.Select(record => (position, index.Id, record)));
    }
}
