using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit.Transparency;

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
    private readonly FileStream _hold;
    private readonly byte[] _seed;
    private readonly Dictionary<string, Watched> _logs;

    /// <param name="logs">Several keys of one name are keys of one log.</param>
    /// <exception cref="IOException">Another witness has the folder.</exception>
    /// <exception cref="InvalidDataException">A file of it is damaged.</exception>
    public WitnessState(string folder, string name, IEnumerable<NoteKey> logs, TimeProvider time)
    {
        _time = time;
        Directory.CreateDirectory(folder);

        // Two processes that each decide by what they remember would sign two histories.
        _hold = new FileStream(Path.Combine(folder, "witness.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        try
        {
            _logs = logs.GroupBy(log => log.Name, StringComparer.Ordinal)
                .ToDictionary(keys => keys.Key, keys => new Watched(keys.Key, [.. keys], folder), StringComparer.Ordinal);
            _seed = SeedOf(Path.Combine(folder, "witness.key"));
            Key = NoteKey.OfSeed(name, NoteSignatureKind.CosignatureEd25519, _seed);
        }
        catch
        {
            _hold.Dispose();
            throw;
        }
    }

    public NoteKey Key { get; }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_seed);
        _hold.Dispose();
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
            return Answer(watched.Decide(request), request.Note);
        }
        finally
        {
            watched.Gate.Release();
        }
    }

    private static byte[] SeedOf(string path)
    {
        if (File.Exists(path))
        {
            var known = File.ReadAllBytes(path);
            return known.Length == Ed25519.SeedLength
                ? known
                : throw new InvalidDataException(
                    $"{path} holds no key of {Ed25519.SeedLength} bytes. Next step: restore it, or begin in an empty folder");
        }

        var seed = RandomNumberGenerator.GetBytes(Ed25519.SeedLength);
        Create(path, seed);
        return seed;
    }

    private static void Create(string path, ReadOnlySpan<byte> bytes)
    {
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }

    private WitnessAnswer Answer(WitnessDecision decision, SignedNote? note = null) => decision.Status switch
    {
        200 => new(200, SignedNote.Of(note!.Text).With([SignedNote.Cosign(note.Text, Key, _seed, _time.GetUtcNow())]).SignatureLines()),
        403 => new(403, "The checkpoint is not signed by the log's key.\n"),
        404 => new(404, "This witness does not know the log.\n"),
        409 => new(409, string.Create(CultureInfo.InvariantCulture, $"{decision.Latest!.Size}\n"), AddCheckpoint.SizeType),
        422 => new(422, "The checkpoint does not continue what this witness knows.\n"),
        _ => new(400, "The body is 'old SIZE' of at most the checkpoint's, lines of the proof, an empty line and a signed checkpoint.\n"),
    };

    /// <summary>
    /// A log, what was signed of it, and one at a time. Its files are named after its origin: one that gets a new key does not begin anew.
    /// </summary>
    private sealed class Watched
    {
        private readonly string _path;
        private readonly SignedCheckpointFile _file;
        private WitnessedLog _log;

        public Watched(string origin, NoteKey[] keys, string folder)
        {
            _path = Path.Combine(folder, $"log-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(origin)))[..32]}");
            _file = new SignedCheckpointFile($"{_path}.checkpoint");
            _log = WitnessedLog.Unseen(origin, [.. keys]);
            if (_file.Last is { } last)
            {
                _log = last.Origin == origin
                    ? _log with { Size = last.Size, Root = last.Root }
                    : throw new InvalidDataException($"{_path}.checkpoint is of another log. Next step: restore it");
            }
        }

        public SemaphoreSlim Gate { get; } = new(1);

        public WitnessDecision Decide(AddCheckpoint request)
        {
            var decision = WitnessedLog.Decide(_log, request);
            if (decision.IsSplitView)
            {
                // What the log did, with its own signature.
                Create($"{_path}.split", Encoding.UTF8.GetBytes(request.Note.ToString()));
            }

            if (decision is { Status: 200, Latest: { } latest })
            {
                if (latest.Size > _log.Size)
                {
                    _file.Keep(request.Note, request.Checkpoint);
                }

                _log = latest;
            }

            return decision;
        }
    }
}
