using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Bulkhead.Host.Local;

/// <summary>Which program holds a data folder.</summary>
internal sealed record Holder(int Pid, string Url);

/// <summary>The folder of an installation on this machine: secrets, keys, credentials for development, PostgreSQL's files.</summary>
internal sealed class DataFolder
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // PostgreSQL's user passes through to its own folder and sees nothing else here.
    private const UnixFileMode FolderMode = OwnerOnly | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    public DataFolder(string path) => Path = RealPath(path);

    public string Path { get; }

    public string SecretsFile => In("secrets.json");

    public string DevFile => In("dev.json");

    public string KeyFolder => In("keys");

    /// <summary>Says where PostgreSQL's files are, when they could not lie here.</summary>
    public string PostgresPointer => In("postgres.path");

    public string PostgresFolder => In("postgres");

    /// <summary>There from the first start until its work is done: what it left is then picked up again.</summary>
    public string UnfinishedMark => In("first-start.unfinished");

    public bool Exists => Directory.Exists(Path);

    /// <summary>A folder that a program of ours has held, or an empty one: deleting it deletes nothing else.</summary>
    public bool IsOurs => File.Exists(LockFile) || !Directory.EnumerateFileSystemEntries(Path).Any();

    private string PidFile => In("bulkhead.pid");

    private string LockFile => In("bulkhead.lock");

    public string In(string name) => System.IO.Path.Combine(Path, name);

    public void Create()
    {
        Directory.CreateDirectory(Path);
        if ((File.GetUnixFileMode(Path) & FolderMode) != FolderMode)
        {
            File.SetUnixFileMode(Path, FolderMode);
        }
    }

    /// <summary>Takes the folder for this process; null when another one has it. The kernel gives it back, whatever ends us.</summary>
    public FileStream? TryLock()
    {
        try
        {
            return new FileStream(LockFile, new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = OwnerOnly,
            });
        }
        // EWOULDBLOCK (11) is another's lock; anything else is a fault of the disk.
        catch (IOException exception) when ((exception.HResult & 0xFFFF) == 11 || exception.HResult == unchecked((int)0x80070020))
        {
            return null;
        }
    }

    public void WriteHolder(Holder holder) =>
        WriteAtomically(PidFile, JsonSerializer.Serialize(holder, JsonSerializerOptions.Web));

    public Holder? ReadHolder()
    {
        try
        {
            return JsonSerializer.Deserialize<Holder>(File.ReadAllText(PidFile), JsonSerializerOptions.Web);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    public void RemoveHolder() => File.Delete(PidFile);

    /// <summary>Writes the whole file or nothing, readable by its owner alone; leaves a file alone that already says the same.</summary>
    public static void WriteAtomically(string file, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        if (File.Exists(file) && File.ReadAllBytes(file).AsSpan().SequenceEqual(bytes))
        {
            return;
        }

        var next = $"{file}.{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}.new";
        File.Delete(next);
        using (var stream = new FileStream(next, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = OwnerOnly,
        }))
        {
            stream.Write(bytes);
            stream.Flush(flushToDisk: true);
        }

        File.Move(next, file, overwrite: true);
    }

    // PostgreSQL and /proc speak of folders by their real path.
    private static string RealPath(string path)
    {
        var full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        var real = System.IO.Path.GetPathRoot(full)!;
        foreach (var part in full[real.Length..].Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            real = System.IO.Path.Combine(real, part);
            if (Directory.Exists(real) && new DirectoryInfo(real).ResolveLinkTarget(returnFinalTarget: true) is { } target)
            {
                real = RealPath(target.FullName);
            }
        }

        return real;
    }
}
