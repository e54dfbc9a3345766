using System.Diagnostics;
using System.Globalization;

namespace Bulkhead.Tests.System.Infrastructure;

/// <summary>A PostgreSQL of the tests' own: in a temporary folder, on a Unix socket, as an unprivileged user, gone afterwards.</summary>
public sealed class PostgresCluster : IAsyncDisposable
{
    private readonly string _folder;
    private readonly string _bin;

    private PostgresCluster(string folder, string bin)
    {
        _folder = folder;
        _bin = bin;
    }

    public string Socket => Path.Combine(_folder, "s");

    public string Superuser => "tests";

    public string Data => Path.Combine(_folder, "d");

    public string Log => Path.Combine(_folder, "log");

    public string ConnectionString(string database) =>
        $"Host={Socket};Port=5432;Username={Superuser};Password=tests;Database={database}";

    /// <summary>
    /// No setting here closes what the kernel has to close itself: parameters would be logged by default, and every statement is.
    /// </summary>
    public static async Task<PostgresCluster> StartAsync(params string[] settings)
    {
        var bin = Directory.GetDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin"))
            .Where(d => File.Exists(Path.Combine(d, "initdb")))
            .OrderByDescending(d => int.Parse(Path.GetFileName(Path.GetDirectoryName(d)!), CultureInfo.InvariantCulture))
            .First();
        var folder = Path.Combine(Path.GetTempPath(), "bh-" + Guid.NewGuid().ToString("N")[..10]);
        Directory.CreateDirectory(folder);
        Directory.CreateDirectory(Path.Combine(folder, "s"));
        var cluster = new PostgresCluster(folder, bin);
        var password = Path.Combine(folder, "pw");
        await File.WriteAllTextAsync(password, "tests\n");
        if (Environment.UserName == "root")
        {
            await RunAsync("chown", ["-R", "postgres", folder]);
        }

        await cluster.AsServerAsync("initdb", "-D", cluster.Data, "-U", cluster.Superuser, "--auth=scram-sha-256",
            "--pwfile", password, "--encoding=UTF8", "--locale=C", "--no-instructions", "--no-sync");
        string[] lines =
        [
            "listen_addresses = ''", $"unix_socket_directories = '{cluster.Socket}'", "max_connections = 150",
            "shared_buffers = 128MB", "log_line_prefix = '%m [%p] %u@%d '", .. settings,
        ];
        await File.AppendAllLinesAsync(Path.Combine(cluster.Data, "postgresql.conf"), lines);
        await cluster.StartAgainAsync();
        return cluster;
    }

    public Task StartAgainAsync() => AsServerAsync("pg_ctl", "-D", Data, "-l", Log, "-w", "-s", "start");

    /// <summary>As a power cut would: the postmaster and all its backends, without a word.</summary>
    public async Task KillAsync()
    {
        var postmaster = int.Parse(
            (await File.ReadAllLinesAsync(Path.Combine(Data, "postmaster.pid")))[0], CultureInfo.InvariantCulture);
        var family = Family(postmaster);
        foreach (var pid in family)
        {
            Kill(pid);
        }

        while (family.Any(pid => Directory.Exists($"/proc/{pid}")))
        {
            await Task.Delay(20);
        }
    }

    /// <summary>Everything, roles as well, as a logical backup restores it into a cluster that is new.</summary>
    public Task RestoreIntoAsync(PostgresCluster other) => RunAsync("bash",
    [
        "-o", "pipefail", "-c",
        $"export PGPASSWORD=tests; '{_bin}/pg_dumpall' -h '{Socket}' -U {Superuser} | '{_bin}/psql' -q -o /dev/null -h '{other.Socket}' -U {Superuser} -d postgres",
    ]);

    /// <summary>The server ends every other session after the loss of one, and recovers.</summary>
    public static void Kill(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            process.Kill();
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException)
        {
            // It had ended by itself.
        }
    }

    public async Task<string> ReadLogAsync()
    {
        await using var file = new FileStream(Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return await reader.ReadToEndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await AsServerAsync("pg_ctl", "-D", Data, "-m", "immediate", "-s", "stop");
        Directory.Delete(_folder, recursive: true);
    }

    private static List<int> Family(int postmaster)
    {
        List<int> family = [postmaster];
        foreach (var folder in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var pid))
            {
                continue;
            }

            try
            {
                // pid (comm) state ppid …; the name may hold blanks.
                var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                var parent = stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1];
                if (parent == postmaster.ToString(CultureInfo.InvariantCulture))
                {
                    family.Add(pid);
                }
            }
            catch (IOException)
            {
                // It ended while we looked.
            }
        }

        return family;
    }

    private Task AsServerAsync(string program, params string[] arguments)
    {
        var path = Path.Combine(_bin, program);
        return Environment.UserName == "root"
            ? RunAsync("runuser", ["-u", "postgres", "--", path, .. arguments])
            : RunAsync(path, arguments);
    }

    private static async Task RunAsync(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = "/",
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {await output}{await error}");
        }
    }
}
