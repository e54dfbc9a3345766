using System.Collections.Immutable;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>What a witness does with a request (C2SP tlog-witness).</summary>
/// <param name="Status">Of HTTP: 200 sign it, 400, 403, 404, 409 (another size is the latest), 422.</param>
/// <param name="Latest">With 200: what is to be on disk before anybody gets the signature. With 409: whose size is the answer.</param>
/// <param name="IsSplitView">The log signed two roots of one size: the note is the proof of it, and to be kept.</param>
public sealed record WitnessDecision(int Status, WitnessedLog? Latest, bool IsSplitView = false);

/// <summary>
/// A log that a witness watches, and the latest checkpoint of it that the witness signed. Kept by its origin, whatever its keys: a log that
/// gets a new key does not begin anew. Whoever decides and keeps does both under one lock.
/// </summary>
/// <param name="Keys">Of the log; one signature is enough.</param>
/// <param name="Size">0 when it has signed none.</param>
public sealed record WitnessedLog(string Origin, ImmutableArray<NoteKey> Keys, long Size, byte[] Root)
{
    public static WitnessedLog Unseen(string origin, params ImmutableArray<NoteKey> keys) => new(origin, keys, 0, MerkleTree.EmptyRoot);

    /// <param name="log">That of the checkpoint's origin; null when the witness does not watch it.</param>
    /// <param name="request">Null when the body was none.</param>
    public static WitnessDecision Decide(WitnessedLog? log, AddCheckpoint? request)
    {
        if (request is null)
        {
            return new(400, null);
        }

        if (log is null || log.Origin != request.Checkpoint.Origin)
        {
            return new(404, null);
        }

        return log.Keys.Any(key => request.Note.IsSignedBy(key, out _)) ? log.Decide(request) : new(403, null);
    }

    private WitnessDecision Decide(AddCheckpoint request)
    {
        var next = request.Checkpoint;
        if (request.OldSize > next.Size)
        {
            return new(400, null);
        }

        // Of a log that was not seen yet the size is 0 and the root that of the empty tree: no other checkpoint of size 0 is signed.
        var isSplitView = next.Size == Size && !next.Root.AsSpan().SequenceEqual(Root);
        if (request.OldSize != Size || isSplitView)
        {
            return new(409, this, isSplitView);
        }

        var isContinued = Size == 0 || Size == next.Size
            ? request.Proof.IsEmpty
            : MerkleTree.VerifyConsistency(Size, next.Size, Root, next.Root, request.Proof);
        return isContinued ? new(200, this with { Size = next.Size, Root = next.Root }) : new(422, null);
    }
}
