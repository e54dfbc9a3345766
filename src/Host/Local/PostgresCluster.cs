using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace Bulkhead.Host.Local;

/// <summary>The private PostgreSQL server of a data folder: made once, then started, adopted when still running, and stopped.</summary>
internal sealed class PostgresCluster(PostgresHome home, PostgresBinaries binaries)
{
    /// <summary>Only names the socket: no network port is open.</summary>
    public const int Port = 5432;

    public const string Deployer = "bulkhead_deployer";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public string Version => binaries.Version;

    /// <summary>Process id of the running server's first process; 0 when it does not run.</summary>
    public int Pid { get; private set; }

    public bool IsAlive => Pid != 0 && Posix.IsAlive(Pid);

    private string SettingsFile => Path.Combine(home.Folder, "postgresql.conf");

    private string AccessRulesFile => Path.Combine(home.Folder, "pg_hba.conf");

    /// <summary>Makes the database. It gets its final name when complete, so that an interrupted start leaves nothing half-made.</summary>
    public async Task CreateAsync(string deployerPassword, CancellationToken cancellationToken)
    {
        if (home.HasDatabase)
        {
            return;
        }

        var unfinished = home.Data + ".unfinished";
        var passwordFile = Path.Combine(home.Folder, "password");
        await DeleteUnfinishedAsync(unfinished, cancellationToken);
        DeleteFolder(home.Data);
        await home.CreateFolderAsync(unfinished, cancellationToken);
        try
        {
            DataFolder.WriteAtomically(passwordFile, deployerPassword + "\n");
            await home.GiveAsync(passwordFile, cancellationToken);
            var result = await ChildProcess.RunAsync(
                binaries["initdb"],
                [
                    "--pgdata", unfinished, "--username", Deployer, "--pwfile", passwordFile, "--auth", "scram-sha-256",
                    "--encoding", "UTF8", "--locale", "C", "--data-checksums", "--no-instructions",
                ],
                home.User, Patience, cancellationToken);
            if (!result.Succeeded)
            {
                DeleteFolder(unfinished);
                throw Fault("The database could not be made", result.Output, result.LastLine);
            }
        }
        finally
        {
            File.Delete(passwordFile);
        }

        Directory.Move(unfinished, home.Data);
    }

    /// <summary>Starts the server, or adopts the one that an ended program left running on our data.</summary>
    /// <returns>True when it was adopted.</returns>
    public async Task<bool> StartAsync(CancellationToken cancellationToken)
    {
        var changed = WriteSettings();
        if (RunningPid(home) is { } running)
        {
            Pid = running;
            if (!changed && await AnswersAsync(cancellationToken))
            {
                return true;
            }

            await StopAsync(cancellationToken);
        }

        await EndLeftoversAsync(home, cancellationToken);
        KeepLogShort();
        var logged = File.Exists(home.Log) ? new FileInfo(home.Log).Length : 0;
        var result = await ChildProcess.RunAsync(
            binaries["pg_ctl"],
            ["start", "--pgdata", home.Data, "--log", home.Log, "--wait", "--timeout", "60", "--options", Options()],
            home.User, Patience + TimeSpan.FromSeconds(5), cancellationToken);
        Pid = RunningPid(home) ?? 0;
        if (!result.Succeeded || Pid == 0)
        {
            var log = LogSince(logged);
            throw Fault("PostgreSQL did not start", log + result.Output, LastComplaint(log) ?? result.LastLine);
        }

        return false;
    }

    /// <summary>Fast shutdown: sessions are ended, everything is written. At once, with recovery at the next start, when that takes too long.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (RunningPid(home) is not null)
        {
            foreach (var mode in new[] { "fast", "immediate" })
            {
                var result = await ChildProcess.RunAsync(
                    binaries["pg_ctl"], ["stop", "--pgdata", home.Data, "--mode", mode, "--wait", "--timeout", "30"],
                    home.User, TimeSpan.FromSeconds(35), cancellationToken);
                if (result.Succeeded || RunningPid(home) is null)
                {
                    break;
                }
            }
        }

        await EndLeftoversAsync(home, cancellationToken);
        Pid = 0;
    }

    /// <summary>
    /// Ends processes of a server whose first process is gone: while one holds the shared memory, no other server starts.
    /// Then the server's lock files say nothing any more: the number in them may be another program's by now, or that of a dead
    /// process which nobody has collected, and PostgreSQL would refuse to start.
    /// </summary>
    public static async Task EndLeftoversAsync(PostgresHome home, CancellationToken cancellationToken)
    {
        var since = Stopwatch.GetTimestamp();
        while (Posix.WorkingIn(home.Data) is { Count: > 0 } left)
        {
            var waited = Stopwatch.GetElapsedTime(since);
            if (waited > TimeSpan.FromSeconds(2))
            {
                left.ForEach(pid => Posix.Signal(pid, Posix.Kill));
            }

            if (waited > TimeSpan.FromSeconds(15))
            {
                throw new StartFault($"PostgreSQL's process {left[0]} does not end: end it, then start again");
            }

            await Task.Delay(50, cancellationToken);
        }

        File.Delete(Path.Combine(home.Data, "postmaster.pid"));
        File.Delete(SocketFile(home) + ".lock");
        File.Delete(SocketFile(home));
    }

    // The first line of postmaster.pid, when that process lives and works in our folder: pids are used again.
    internal static int? RunningPid(PostgresHome home)
    {
        try
        {
            var first = File.ReadLines(Path.Combine(home.Data, "postmaster.pid")).FirstOrDefault();
            return int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) &&
                Posix.IsAlive(pid) && Posix.WorkingIn(home.Data).Contains(pid) ? pid : null;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static string SocketFile(PostgresHome home) =>
        Path.Combine(home.SocketFolder, string.Create(CultureInfo.InvariantCulture, $".s.PGSQL.{Port}"));

    /// <summary>True when the server takes connections, or soon does: bounded by ten seconds of recovery.</summary>
    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < 100 && IsAlive; attempt++)
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketFile(home)), cancellationToken);
                if (IsReady())
                {
                    return true;
                }
            }
            catch (SocketException)
            {
                // Not there yet.
            }

            await Task.Delay(100, cancellationToken);
        }

        return false;
    }

    // The eighth line of postmaster.pid is the server's state (PostgreSQL: src/include/utils/pidfile.h).
    private bool IsReady()
    {
        var lines = File.ReadAllLines(Path.Combine(home.Data, "postmaster.pid"));
        return lines.Length >= 8 && lines[7].Trim() == "ready";
    }

    private bool WriteSettings()
    {
        var changed = WriteReadable(SettingsFile, PostgresSettings.For(home, AccessRulesFile));
        return WriteReadable(AccessRulesFile, PostgresSettings.AccessRules) || changed;
    }

    // Ours, and readable by PostgreSQL's user; the folder above holds nothing secret but what that user owns.
    private static bool WriteReadable(string file, string text)
    {
        if (File.Exists(file) && File.ReadAllText(file) == text)
        {
            return false;
        }

        DataFolder.WriteAtomically(file, text);
        File.SetUnixFileMode(
            file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        return true;
    }

    // pg_ctl hands its options to a shell.
    private string Options() => $"-c 'config_file={SettingsFile.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private void KeepLogShort()
    {
        if (new FileInfo(home.Log) is { Exists: true, Length: > 10 * 1024 * 1024 })
        {
            File.Move(home.Log, home.Log + ".1", overwrite: true);
        }
    }

    private string LogSince(long position)
    {
        if (!File.Exists(home.Log))
        {
            return "";
        }

        using var stream = new FileStream(home.Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        stream.Seek(Math.Clamp(position, Math.Max(0, stream.Length - (64 * 1024)), stream.Length), SeekOrigin.Begin);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static string? LastComplaint(string log) => log
        .Split('\n')
        .LastOrDefault(line => line.Contains("FATAL:", StringComparison.Ordinal) || line.Contains("PANIC:", StringComparison.Ordinal));

    private StartFault Fault(string what, string output, string reason) => StartFault.SaysDiskFull(output)
        ? new StartFault($"{what}: the disk of {home.Folder} is full. Free some space and start again.")
        : new StartFault($"{what}: {reason.Trim()} The log is {home.Log}");

    // Its initdb may still be at work, when the program that started it was killed a moment ago.
    private static async Task DeleteUnfinishedAsync(string folder, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            Posix.WorkingIn(folder).ForEach(pid => Posix.Signal(pid, Posix.Kill));
            try
            {
                DeleteFolder(folder);
                return;
            }
            catch (IOException) when (attempt < 100)
            {
                await Task.Delay(50, cancellationToken);
            }
        }
    }

    private static void DeleteFolder(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
