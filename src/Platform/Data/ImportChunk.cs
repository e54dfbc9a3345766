using Bulkhead.Platform.Access;

namespace Bulkhead.Platform.Data;

/// <summary>A line of a chunk whose body is in order.</summary>
internal sealed record ImportLine(int Line, Guid Id, FieldValue[] Values);

/// <summary>A chunk of an import and what became of each line: every line is counted exactly once.</summary>
internal sealed class ImportChunk
{
    private readonly List<(int Line, Fault Fault)> _rejected = [];

    private ImportChunk(int fields) => Given = new bool[fields];

    /// <summary>By place: was given by some line.</summary>
    public bool[] Given { get; }

    /// <summary>Lines that are not blank.</summary>
    public int Received { get; private set; }

    public int Created { get; private set; }

    public int Existing { get; private set; }

    public IReadOnlyList<(int Line, Fault Fault)> Rejected => _rejected;

    /// <summary>Lines whose fate is not known yet.</summary>
    public List<ImportLine> Waiting { get; private set; } = [];

    /// <summary>Null when there are more lines than the limit.</summary>
    public static ImportChunk? Read(ReadOnlySpan<byte> body, EntityView view, DataLimits limits)
    {
        var chunk = new ImportChunk(view.All.Length);
        var ids = new HashSet<Guid>();
        for (var number = 1; !body.IsEmpty; number++)
        {
            var end = body.IndexOf((byte)'\n');
            var line = (end < 0 ? body : body[..end]).Trim(" \t\r"u8);
            body = end < 0 ? [] : body[(end + 1)..];
            if (line.IsEmpty)
            {
                continue;
            }

            if (++chunk.Received > limits.MaxImportLines)
            {
                return null;
            }

            chunk.ReadLine(number, line, view, limits, ids);
        }

        return chunk;
    }

    public void TakeInserted(HashSet<Guid> ids)
    {
        Created += ids.Count;
        Waiting.RemoveAll(line => ids.Contains(line.Id));
    }

    public void TakeExisting(HashSet<Guid> ids) =>
        Existing += Waiting.RemoveAll(line => ids.Contains(line.Id));

    public void Reject(ImportLine line, Fault fault) => _rejected.Add((line.Line, fault));

    public void RejectWhere(Predicate<ImportLine> isRejected, string code, string detail) => Waiting.RemoveAll(line =>
    {
        if (isRejected(line))
        {
            Reject(line, new Fault(code, detail, ""));
            return true;
        }

        return false;
    });

    public void RejectWaiting(string code, string detail)
    {
        foreach (var line in Waiting)
        {
            Reject(line, new Fault(code, detail, ""));
        }

        Waiting = [];
    }

    private void ReadLine(int number, ReadOnlySpan<byte> json, EntityView view, DataLimits limits, HashSet<Guid> ids)
    {
        if (json.Length > limits.MaxBodyBytes)
        {
            _rejected.Add((number, new("body-too-large", $"A record has at most {limits.MaxBodyBytes} bytes.", "")));
            return;
        }

        if (RecordBody.Read(json, view, BodyKind.Import, limits, out var faults) is not { } read)
        {
            // One rejection per line, so that the counts add up; the first fault speaks for the rest.
            _rejected.Add((number, faults.Count == 1
                ? faults[0]
                : faults[0] with { Detail = $"{faults[0].Detail} The line has {faults.Count} faults." }));
            return;
        }

        if (!ids.Add(read.Id!.Value))
        {
            _rejected.Add((number, new("duplicate-id", "An earlier line of the chunk has the same id.", "/id")));
            return;
        }

        for (var i = 0; i < Given.Length; i++)
        {
            Given[i] |= read.Given[i];
        }

        Waiting.Add(new(number, read.Id.Value, read.Values));
    }
}
