using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Host.Local;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Host.Witnessing;

/// <summary>
/// What a witness keeps beside the checkpoints: <c>witness.key</c>, the bytes <c>BHWITN1</c> and a zero, the seeds of Ed25519 and of
/// ML-DSA-44 (32 each), then the name that they are bound to; and <c>logs</c>, a line for each origin that it ever signed for. By the second
/// a checkpoint that was lost is told from a log that is new: who forgot what it signed would sign a second history.
/// </summary>
internal sealed class WitnessFolder : IDisposable
{
    public const int MaxLogs = 1000;

    /// <summary>Of one kind and log, each of another size: so nobody fills the disk.</summary>
    public const int MaxEvidence = 100;

    private const string Format = "bulkhead-witness/1";
    private const int SeedsLength = Ed25519.SeedLength + MLDsa44.SeedLength;
    private const int LockIsHeld = 11;
    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private static readonly byte[] Magic = "BHWITN1\0"u8.ToArray();

    private readonly string _folder;
    private readonly FileStream _lock;
    private readonly byte[] _seeds;
    private readonly HashSet<string> _signed;

    private WitnessFolder(string folder, FileStream held, byte[] seeds, HashSet<string> signed)
    {
        _folder = folder;
        _lock = held;
        _seeds = seeds;
        _signed = signed;
    }

    /// <exception cref="StartFault">Another witness has it, or what is in it is not what this witness left.</exception>
    public static WitnessFolder Open(string folder, string name)
    {
        Directory.CreateDirectory(folder, DurableFile.OwnerOnly | UnixFileMode.UserExecute);
        var held = Lock(folder);
        try
        {
            var (keyFile, logsFile) = (Path.Combine(folder, "witness.key"), Path.Combine(folder, "logs"));
            if (!File.Exists(keyFile))
            {
                // This order: a start that dies between the two leaves no key that could have signed without remembering.
                if (!File.Exists(logsFile))
                {
                    WriteLogs(logsFile, []);
                }

                CreateKeys(keyFile, name);
            }

            var signed = ReadLogs(logsFile);
            return new(folder, held, ReadKeys(keyFile, name), signed);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>The file of what it signed last of the log. Named after the origin: a log that gets a new key does not begin anew.</summary>
    /// <exception cref="StartFault">It signed for the log, and the file is gone or damaged.</exception>
    public SignedCheckpointFile CheckpointOf(string origin)
    {
        var file = new SignedCheckpointFile(PathOf(origin) + ".checkpoint");
        if (file.Last is null && _signed.Contains(origin))
        {
            throw new StartFault(
                $"{file.Path} is gone, which says what this witness signed of {origin}. "
                + "Next step: bring it back, or begin with an empty folder, so with other keys");
        }

        return file.Last is null || file.Last.Origin == origin
            ? file
            : throw new StartFault($"{file.Path} is of another log than {origin}. Next step: bring the right one back");
    }

    /// <summary>Before the first signature for a log leaves, and after what it is of is on the disk.</summary>
    public void Remember(string origin)
    {
        if (_signed.Contains(origin))
        {
            return;
        }

        WriteLogs(Path.Combine(_folder, "logs"), [.. _signed, origin]);
        _signed.Add(origin);
    }

    /// <summary>
    /// Keeps what shows that a log has two histories: of each size what came first stays. One of all sizes would be used up by an honest
    /// checkpoint with a proof that is none, which anybody can send.
    /// </summary>
    public void KeepEvidence(string origin, string kind, long size, string note)
    {
        var of = $"{PathOf(origin)}.{kind}-";
        var path = of + size.ToString(CultureInfo.InvariantCulture);
        // One that a killed process left half written (.new) counts as well: it is one more.
        if (!File.Exists(path) && Directory.EnumerateFiles(_folder, Path.GetFileName(of) + "*").Take(MaxEvidence).Count() < MaxEvidence)
        {
            DurableFile.Write(path, Encoding.UTF8.GetBytes(note));
        }
    }

    public ReadOnlySpan<byte> Seed(NoteSignatureKind kind) =>
        kind == NoteSignatureKind.CosignatureMLDsa44 ? _seeds.AsSpan(Ed25519.SeedLength) : _seeds.AsSpan(0, Ed25519.SeedLength);

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_seeds);
        _lock.Dispose();
    }

    private string PathOf(string origin) =>
        Path.Combine(_folder, $"log-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(origin)))[..32]}");

    // Two processes that each decide by what they remember would sign two histories. The kernel gives it back, whatever ends us.
    private static FileStream Lock(string folder)
    {
        try
        {
            return new FileStream(Path.Combine(folder, "witness.lock"), new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = DurableFile.OwnerOnly,
            });
        }
        catch (IOException fault) when ((fault.HResult & 0xFFFF) == LockIsHeld)
        {
            throw new StartFault($"Another witness has {folder}. Next step: end it, or choose another folder with --state");
        }
    }

    private static void CreateKeys(string path, string name)
    {
        var bytes = new byte[Magic.Length + SeedsLength + Encoding.UTF8.GetByteCount(name)];
        try
        {
            Magic.CopyTo(bytes, 0);
            RandomNumberGenerator.Fill(bytes.AsSpan(Magic.Length, SeedsLength));
            Encoding.UTF8.GetBytes(name, bytes.AsSpan(Magic.Length + SeedsLength));
            DurableFile.Write(path, bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static byte[] ReadKeys(string path, string name)
    {
        if ((File.GetUnixFileMode(path) & Others) != 0)
        {
            throw new StartFault($"{path} is open to others than its owner. Next step: chmod 600 {path}");
        }

        var bytes = File.ReadAllBytes(path);
        try
        {
            if (bytes.Length <= Magic.Length + SeedsLength || !bytes.AsSpan().StartsWith(Magic))
            {
                throw new StartFault($"{path} holds no keys of a witness. Next step: bring it back, or begin with an empty folder");
            }

            // What Ed25519 cosigns does not name the signer: under two names one witness would count as two.
            var bound = Encoding.UTF8.GetString(bytes.AsSpan(Magic.Length + SeedsLength));
            return bound == name
                ? bytes.AsSpan(Magic.Length, SeedsLength).ToArray()
                : throw new StartFault($"The keys in {path} are those of the witness {bound}, not of {name}. Next step: --name {bound}");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static void WriteLogs(string path, IReadOnlyCollection<string> origins) => DurableFile.Write(
        path, Encoding.UTF8.GetBytes(string.Concat(origins.Order(StringComparer.Ordinal).Prepend(Format).Select(line => line + "\n"))));

    private static HashSet<string> ReadLogs(string path)
    {
        var lines = File.Exists(path) ? File.ReadAllText(path).Split('\n') : [];
        return lines.Length >= 2 && lines[0] == Format && lines[^1].Length == 0
            ? new(lines[1..^1], StringComparer.Ordinal)
            : throw new StartFault(
                $"{path} is gone or damaged, which says which logs this witness signed. "
                + "Next step: bring it back, or begin with an empty folder, so with other keys");
    }
}
