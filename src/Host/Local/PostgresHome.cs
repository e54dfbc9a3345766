using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Host.Local;

/// <summary>
/// Where the private PostgreSQL's files lie, and as whom it runs: it refuses to run as root. The folder and the settings in it are
/// ours; <c>data</c>, <c>log</c> and <c>socket</c> belong to the unprivileged user.
/// </summary>
internal sealed class PostgresHome
{
    // sun_path holds 108 bytes on Linux; PostgreSQL puts "/.s.PGSQL.5432" and ".lock" behind the folder.
    private const int LongestSocketFolder = 86;

    private const string SystemFolder = "/var/lib/bulkhead";

    private PostgresHome(string folder, string? user)
    {
        Folder = folder;
        User = user;
        SocketFolder = ChooseSocketFolder(folder);
    }

    public string Folder { get; }

    /// <summary>The unprivileged user; null when we are not root and PostgreSQL runs as ourselves.</summary>
    public string? User { get; }

    public string Data => Path.Combine(Folder, "data");

    public string Log => Path.Combine(Folder, "log", "postgres.log");

    public string SocketFolder { get; }

    public bool HasDatabase => File.Exists(Path.Combine(Data, "PG_VERSION"));

    /// <summary>Major version that made the database; null when there is none.</summary>
    public int? Major => HasDatabase
        ? int.Parse(File.ReadAllText(Path.Combine(Data, "PG_VERSION")).Trim(), CultureInfo.InvariantCulture)
        : null;

    /// <summary>The home of an existing installation; null when it never got one.</summary>
    public static PostgresHome? Find(DataFolder folder)
    {
        if (File.Exists(folder.PostgresPointer))
        {
            return new PostgresHome(File.ReadAllText(folder.PostgresPointer).Trim(), ExistingUser());
        }

        return Directory.Exists(folder.PostgresFolder) ? new PostgresHome(folder.PostgresFolder, ExistingUser()) : null;
    }

    public static async Task<PostgresHome> FindOrCreateAsync(
        DataFolder folder, IProgress<string> progress, CancellationToken cancellationToken)
    {
        if (Find(folder) is not { } home)
        {
            var user = Environment.IsPrivilegedProcess ? await EnsureUserAsync(cancellationToken) : null;
            if (user is null || await CanEnterAsync(user, folder.Path, cancellationToken))
            {
                home = new PostgresHome(folder.PostgresFolder, user);
            }
            else
            {
                home = new PostgresHome(Path.Combine(SystemFolder, NameFor(folder.Path)), user);
                await SetAsideAsync(home, progress, cancellationToken);
                CreateEnterable(SystemFolder);
                CreateEnterable(home.Folder);
                DataFolder.WriteAtomically(folder.PostgresPointer, home.Folder + "\n");
            }
        }

        if (home.Folder.AsSpan().IndexOfAny("\"$`\\\n") >= 0)
        {
            // pg_ctl hands its paths to a shell, quoted for plain ones only.
            throw new StartFault($"PostgreSQL cannot work in {home.Folder}: choose a folder without \" $ ` and \\ in its path with --data");
        }

        CreateEnterable(home.Folder);
        home.RefuseAnothers(folder);
        foreach (var part in new[] { Path.GetDirectoryName(home.Log)!, home.SocketFolder })
        {
            await home.CreateFolderAsync(part, cancellationToken);
        }

        return home;
    }

    /// <summary>Makes a folder that PostgreSQL's user alone may enter.</summary>
    public async Task CreateFolderAsync(string folder, CancellationToken cancellationToken)
    {
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(folder, ownerOnly);
        await GiveAsync(folder, cancellationToken);
        if (File.GetUnixFileMode(folder) != ownerOnly)
        {
            // Fails, as it should, on a folder that somebody else has put there.
            File.SetUnixFileMode(folder, ownerOnly);
        }
    }

    /// <summary>Gives a file or folder to PostgreSQL's user.</summary>
    public async Task GiveAsync(string path, CancellationToken cancellationToken)
    {
        if (User is null)
        {
            return;
        }

        var result = await ChildProcess.RunAsync(
            "chown", ["--no-dereference", $"{User}:", path], null, TimeSpan.FromSeconds(10), cancellationToken);
        if (!result.Succeeded)
        {
            throw new StartFault($"{path} could not be given to the user {User}: {result.LastLine}");
        }
    }

    // A copied data folder points to the original's database; two programs on it would be one too many.
    private void RefuseAnothers(DataFolder folder)
    {
        var mark = Path.Combine(Folder, "belongs-to");
        if (!File.Exists(mark))
        {
            DataFolder.WriteAtomically(mark, folder.Path + "\n");
            return;
        }

        var owner = File.ReadAllText(mark).Trim();
        if (owner == folder.Path)
        {
            return;
        }

        var pointer = Path.Combine(owner, Path.GetFileName(folder.PostgresPointer));
        if (File.Exists(folder.PostgresPointer) && File.Exists(pointer) && File.ReadAllText(pointer).Trim() == Folder)
        {
            throw new StartFault(
                $"{folder.Path} is a copy and its database {Folder} belongs to {owner}: start there, or delete the copy");
        }

        // The folder was moved: it took its database along, or its pointer.
        DataFolder.WriteAtomically(mark, folder.Path + "\n");
    }

    // A clone that was deleted without a reset leaves its database: kept, but not in the way of the next clone at this place.
    private static async Task SetAsideAsync(PostgresHome home, IProgress<string> progress, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(home.Folder))
        {
            return;
        }

        await PostgresCluster.EndLeftoversAsync(home, cancellationToken);
        var aside = home.Folder + TimeProvider.System.GetUtcNow().ToString("'.left-'yyyyMMddHHmmss", CultureInfo.InvariantCulture);
        Directory.Move(home.Folder, aside);
        progress.Report($"A database of a deleted installation was set aside in {aside}: delete it when it is of no use");
    }

    // Whatever the umask: PostgreSQL's user passes through to its own folders, and lists nothing.
    private static void CreateEnterable(string folder)
    {
        Directory.CreateDirectory(folder);
        File.SetUnixFileMode(
            folder,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute |
            UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
    }

    private static async Task<bool> CanEnterAsync(string user, string folder, CancellationToken cancellationToken)
    {
        var result = await ChildProcess.RunAsync(
            "/bin/sh", ["-c", "cd \"$0\"", folder], user, TimeSpan.FromSeconds(10), cancellationToken);
        return result.Succeeded;
    }

    private static string? ExistingUser() =>
        !Environment.IsPrivilegedProcess ? null
        : HasUser("postgres") ? "postgres"
        : HasUser("bulkhead") ? "bulkhead"
        : throw new StartFault("PostgreSQL's user is gone: install PostgreSQL again (apt-get install postgresql)");

    private static async Task<string> EnsureUserAsync(CancellationToken cancellationToken)
    {
        if (HasUser("postgres"))
        {
            return "postgres";
        }

        if (!HasUser("bulkhead"))
        {
            var result = await ChildProcess.RunAsync(
                "useradd", ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "bulkhead"], null,
                TimeSpan.FromSeconds(30), cancellationToken);
            if (!result.Succeeded)
            {
                throw new StartFault(
                    $"PostgreSQL refuses to run as root, and no user could be made for it: {result.LastLine} " +
                    "Start as another user, or run: useradd --system bulkhead");
            }
        }

        return "bulkhead";
    }

    private static bool HasUser(string name) =>
        File.ReadLines("/etc/passwd").Any(line => line.StartsWith(name + ":", StringComparison.Ordinal));

    private static string ChooseSocketFolder(string folder)
    {
        var own = Path.Combine(folder, "socket");
        if (IsPlain(own))
        {
            return own;
        }

        // Root's place is closed to others. Elsewhere a foreign folder of that name stops us: its mode cannot be set.
        var name = NameFor(folder);
        var runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        return Environment.IsPrivilegedProcess ? $"/run/bulkhead-{name}"
            : !string.IsNullOrEmpty(runtime) && Directory.Exists(runtime) && IsPlain($"{runtime}/bulkhead-{name}") ? $"{runtime}/bulkhead-{name}"
            : $"/tmp/bulkhead-{name}";
    }

    // The path stands in a connection string, where a comma separates hosts.
    private static bool IsPlain(string path) =>
        Encoding.UTF8.GetByteCount(path) <= LongestSocketFolder &&
        path.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '-' or '_');

    private static string NameFor(string path) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)).AsSpan(0, 6));
}
