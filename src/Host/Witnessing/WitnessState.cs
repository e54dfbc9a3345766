using System.Collections.Immutable;
using System.Globalization;
using Bulkhead.Host.Local;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Host.Witnessing;

/// <summary>An answer of <c>add-checkpoint</c>.</summary>
internal sealed record WitnessAnswer(int Status, string Text, string ContentType = "text/plain");

/// <summary>
/// What a witness knows, on disk before anybody gets the signature: of each log the largest checkpoint that it signed. So it never signs
/// two histories, whatever it is killed in. What it decides is <see cref="WitnessedLog"/>'s.
/// </summary>
internal sealed class WitnessState : IDisposable
{
    private readonly TimeProvider _time;
    private readonly WitnessFolder _folder;
    private readonly Dictionary<string, Watched> _logs;

    // What is remembered of all logs is one file.
    private readonly Lock _remembering = new();

    /// <param name="logs">Several keys of one name are keys of one log.</param>
    /// <exception cref="StartFault">It must not go on: another witness has the folder, a file of it is lost or damaged.</exception>
    public WitnessState(string folder, string name, IReadOnlyCollection<NoteKey> logs, TimeProvider time)
    {
        _time = time;
        _folder = WitnessFolder.Open(folder, name);
        try
        {
            _logs = logs.GroupBy(log => log.Name, StringComparer.Ordinal)
                .ToDictionary(keys => keys.Key, keys => new Watched(keys.Key, [.. keys], _folder), StringComparer.Ordinal);
            NoteSignatureKind[] kinds = PostQuantumSupport.HasMLDsa
                ? [NoteSignatureKind.CosignatureEd25519, NoteSignatureKind.CosignatureMLDsa44]
                : [NoteSignatureKind.CosignatureEd25519];
            Keys = [.. kinds.Select(kind => NoteKey.OfSeed(name, kind, _folder.Seed(kind)))];
            if (_logs.Count > WitnessFolder.MaxLogs)
            {
                throw new StartFault($"A witness watches at most {WitnessFolder.MaxLogs} logs. Next step: start another for the rest");
            }

            // What the witness signs would be signatures of that log.
            if (logs.FirstOrDefault(log => Keys.Any(key => key.PublicKey.AsSpan().SequenceEqual(log.PublicKey))) is { } own)
            {
                throw new StartFault($"The key of {own.Name} is this witness's own. Next step: give the log's key to --log");
            }
        }
        catch
        {
            _folder.Dispose();
            throw;
        }
    }

    /// <summary>What it signs with: Ed25519 first, and ML-DSA-44 where the platform has it.</summary>
    public ImmutableArray<NoteKey> Keys { get; }

    public void Dispose()
    {
        _folder.Dispose();
        foreach (var watched in _logs.Values)
        {
            watched.Gate.Dispose();
        }
    }

    public async Task<WitnessAnswer> AddAsync(string body, CancellationToken cancellationToken)
    {
        var request = AddCheckpoint.Parse(body);
        if (request is null || !_logs.TryGetValue(request.Checkpoint.Origin, out var watched))
        {
            return Answer(WitnessedLog.Decide(null, request));
        }

        await watched.Gate.WaitAsync(cancellationToken);
        try
        {
            return Answer(Decide(watched, request), request.Note);
        }
        finally
        {
            watched.Gate.Release();
        }
    }

    private WitnessDecision Decide(Watched watched, AddCheckpoint request)
    {
        var decision = WitnessedLog.Decide(watched.Log, request);
        var (origin, size, note) = (watched.Log.Origin, request.Checkpoint.Size, $"{request.Note}");
        if (decision.IsSplitView && watched.File.Note is { } signed)
        {
            // Both bear the log's own signature, and are of one size: whoever has the two needs nobody's word.
            _folder.KeepEvidence(origin, "signed", size, signed);
            _folder.KeepEvidence(origin, "split", size, note);
        }
        else if (decision.Status == 422)
        {
            _folder.KeepEvidence(origin, "unproven", size, note);
        }

        if (decision is { Status: 200, Latest: { } latest })
        {
            if (latest.Size > watched.Log.Size)
            {
                watched.File.Keep(request.Note, request.Checkpoint);
                lock (_remembering)
                {
                    _folder.Remember(origin);
                }
            }

            watched.Log = latest;
        }

        return decision;
    }

    private WitnessAnswer Answer(WitnessDecision decision, SignedNote? note = null) => decision.Status switch
    {
        200 => new(200, SignatureLines(note!.Text)),
        403 => new(403, "The checkpoint is not signed by the log's key.\n"),
        404 => new(404, "This witness does not know the log.\n"),
        409 => new(409, string.Create(CultureInfo.InvariantCulture, $"{decision.Latest!.Size}\n"), AddCheckpoint.SizeType),
        422 => new(422, "The checkpoint does not continue what this witness knows.\n"),
        _ => new(400, "The body is 'old SIZE' of at most the checkpoint's, lines of the proof, an empty line and a signed checkpoint.\n"),
    };

    private string SignatureLines(string text)
    {
        var at = _time.GetUtcNow();
        return SignedNote.Of(text).With(Keys.Select(key => SignedNote.Cosign(text, key, _folder.Seed(key.Kind), at))).SignatureLines();
    }

    /// <summary>A log, what was signed of it, and one at a time.</summary>
    private sealed class Watched
    {
        public Watched(string origin, ImmutableArray<NoteKey> keys, WitnessFolder folder)
        {
            File = folder.CheckpointOf(origin);
            Log = WitnessedLog.Unseen(origin, keys);
            if (File.Last is { } last)
            {
                Log = Log with { Size = last.Size, Root = last.Root };
            }
        }

        public SemaphoreSlim Gate { get; } = new(1);

        public SignedCheckpointFile File { get; }

        public WitnessedLog Log { get; set; }
    }
}
