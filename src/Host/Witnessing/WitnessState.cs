using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Host.Witnessing;

/// <summary>An answer of <c>add-checkpoint</c>.</summary>
internal sealed record WitnessAnswer(int Status, string Text, string ContentType = "text/plain");

/// <summary>
/// What a witness knows, and its decision (C2SP tlog-witness): of each log the largest checkpoint that it signed, on disk before anybody
/// gets the signature. So it never signs two histories, whatever it is killed in.
/// </summary>
internal sealed class WitnessState : IDisposable
{
    private const int MaxProof = 64;

    private readonly string _folder;
    private readonly TimeProvider _time;
    private readonly byte[] _seed;
    private readonly Dictionary<string, NoteKey> _logs;
    private readonly Dictionary<string, SignedCheckpointFile> _files;
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _gates = new(StringComparer.Ordinal);

    public WitnessState(string folder, string name, IEnumerable<NoteKey> logs, TimeProvider time)
    {
        _folder = folder;
        _time = time;
        _logs = logs.ToDictionary(log => log.Name, StringComparer.Ordinal);
        Directory.CreateDirectory(folder);
        _files = _logs.Values.ToDictionary(
            log => log.Name,
            log => new SignedCheckpointFile(Path.Combine(folder, $"log-{log.Id:x8}.checkpoint")),
            StringComparer.Ordinal);
        _seed = SeedOf(Path.Combine(folder, "witness.key"));
        Key = NoteKey.Of(name, NoteSignatureKind.CosignatureEd25519, Ed25519.PublicKey(_seed));
    }

    public NoteKey Key { get; }

    public void Dispose() => CryptographicOperations.ZeroMemory(_seed);

    public async Task<WitnessAnswer> AddAsync(string body, CancellationToken cancellationToken)
    {
        var end = body.IndexOf("\n\n", StringComparison.Ordinal);
        var lines = end < 0 ? [] : body[..end].Split('\n');
        if (lines.Length is 0 or > MaxProof || !lines[0].StartsWith("old ", StringComparison.Ordinal)
            || !TryNumber(lines[0][4..], out var oldSize) || Proof(lines.Skip(1)) is not { } proof
            || SignedNote.Parse(body[(end + 2)..]) is not { } note || Checkpoint.Parse(note.Text) is not { } checkpoint)
        {
            return new(400, "The body is 'old SIZE', lines of the proof, an empty line and a signed checkpoint.\n");
        }

        if (!_logs.TryGetValue(checkpoint.Origin, out var log))
        {
            return new(404, "This witness does not know the log.\n");
        }

        if (!note.IsSignedBy(log, out _))
        {
            return new(403, "The checkpoint is not signed by the log's key.\n");
        }

        if (oldSize > checkpoint.Size)
        {
            return new(400, "The old size is larger than the checkpoint's.\n");
        }

        var gate = _gates.GetOrAdd(checkpoint.Origin, _ => new SemaphoreSlim(1));
        await gate.WaitAsync(cancellationToken);
        try
        {
            return Decide(log, note, checkpoint, oldSize, proof);
        }
        finally
        {
            gate.Release();
        }
    }

    private static bool TryNumber(string text, out long number)
    {
        number = 0;
        return text.Length is > 0 and <= 19 && text.All(char.IsAsciiDigit) && (text.Length == 1 || text[0] != '0')
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private static List<byte[]>? Proof(IEnumerable<string> lines)
    {
        var proof = new List<byte[]>();
        foreach (var line in lines)
        {
            var hash = new byte[MerkleTree.HashLength + 3];
            if (!Convert.TryFromBase64String(line, hash, out var length) || length != MerkleTree.HashLength)
            {
                return null;
            }

            proof.Add(hash[..length]);
        }

        return proof;
    }

    private static byte[] SeedOf(string path)
    {
        if (File.Exists(path))
        {
            var known = File.ReadAllBytes(path);
            return known.Length == Ed25519.SeedLength
                ? known
                : throw new InvalidDataException($"{path} holds no key of {Ed25519.SeedLength} bytes. Next step: restore it, or begin in an empty folder");
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

    private WitnessAnswer Decide(NoteKey log, SignedNote note, Checkpoint checkpoint, long oldSize, List<byte[]> proof)
    {
        var file = _files[log.Name];
        var known = file.Last ?? new Checkpoint(checkpoint.Origin, 0, MerkleTree.EmptyRoot, null);
        if (oldSize != known.Size)
        {
            return new(409, string.Create(CultureInfo.InvariantCulture, $"{known.Size}\n"), "text/x.tlog.size");
        }

        var isContinued = known.Size == 0
            ? proof.Count == 0 && (checkpoint.Size > 0 || checkpoint.Root.AsSpan().SequenceEqual(MerkleTree.EmptyRoot))
            : MerkleTree.VerifyConsistency(known.Size, checkpoint.Size, known.Root, checkpoint.Root, proof);
        if (!isContinued)
        {
            // Two histories of one size: kept, as the proof of what the log did.
            if (known.Size == checkpoint.Size && known.Size > 0)
            {
                Create(Path.Combine(_folder, $"log-{log.Id:x8}.split"), Encoding.UTF8.GetBytes(note.ToString()));
            }

            return new(422, "The checkpoint does not continue what this witness knows.\n");
        }

        if (checkpoint.Size > known.Size)
        {
            file.Keep(note, checkpoint);
        }

        var signature = SignedNote.Of(note.Text).With([SignedNote.Cosign(note.Text, Key, _seed, _time.GetUtcNow())]).ToString();
        return new(200, signature[(note.Text.Length + 1)..]);
    }
}
