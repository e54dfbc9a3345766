using System.Diagnostics;

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

    public static async Task<PostgresCluster> StartAsync(params string[] settings)
    {
        var bin = Directory.GetDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin"))
            .Where(d => File.Exists(Path.Combine(d, "initdb")))
            .OrderByDescending(d => int.Parse(Path.GetFileName(Path.GetDirectoryName(d)!), global::System.Globalization.CultureInfo.InvariantCulture))
            .First();
        var folder = Path.Combine(Path.GetTempPath(), "bh-" + Guid.NewGuid().ToString("N")[..10]);
        Directory.CreateDirectory(folder);
        Directory.CreateDirectory(Path.Combine(folder, "s"));
        var cluster = new PostgresCluster(folder, bin);
        if (Environment.UserName == "root")
        {
            await RunAsync("chown", ["-R", "postgres", folder]);
        }

        var password = Path.Combine(folder, "pw");
        await File.WriteAllTextAsync(password, "tests\n");
        await cluster.AsServerAsync("initdb", "-D", cluster.Data, "-U", cluster.Superuser, "--auth=scram-sha-256",
            "--pwfile", password, "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions");
        string[] lines =
        [
            "listen_addresses = ''", $"unix_socket_directories = '{cluster.Socket}'", "max_connections = 150", "jit = off",
            "shared_buffers = 128MB", "log_parameter_max_length = 0", "log_parameter_max_length_on_error = 0", .. settings,
        ];
        await File.AppendAllLinesAsync(Path.Combine(cluster.Data, "postgresql.conf"), lines);
        await cluster.AsServerAsync("pg_ctl", "-D", cluster.Data, "-l", cluster.Log, "-w", "-s", "start");
        return cluster;
    }

    public async ValueTask DisposeAsync()
    {
        await AsServerAsync("pg_ctl", "-D", Data, "-m", "immediate", "-s", "stop");
        Directory.Delete(_folder, recursive: true);
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
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = "/", RedirectStandardOutput = true, RedirectStandardError = true };
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
