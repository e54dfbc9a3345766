using System.Globalization;
using System.Security.Cryptography;
using Npgsql;

namespace Bulkhead.Bench.Servers;

/// <summary>
/// A PostgreSQL of the bench's own, durable, in a temporary folder, on a Unix socket, as an unprivileged user, gone
/// afterwards.
/// </summary>
internal sealed class PrivatePostgres : IAsyncDisposable
{
    private readonly string _bin;

    private PrivatePostgres(string folder, string bin)
    {
        Folder = folder;
        _bin = bin;
    }

    public string Folder { get; }

    public string Socket => Path.Combine(Folder, "s");

    public string Password { get; } = RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <summary>Process id of the first process, whose children do the work.</summary>
    public int Postmaster => int.Parse(File.ReadLines(Path.Combine(Data, "postmaster.pid")).First(), CultureInfo.InvariantCulture);

    private string Data => Path.Combine(Folder, "d");

    /// <param name="commitTimes">It remembers when transactions were committed.</param>
    public static async Task<PrivatePostgres> StartAsync(bool commitTimes, CancellationToken cancellationToken)
    {
        var server = new PrivatePostgres(Directory.CreateTempSubdirectory("bulkhead-bench-").FullName, FindPrograms());
        try
        {
            await server.CreateAsync(commitTimes, cancellationToken);
            return server;
        }
        catch
        {
            Directory.Delete(server.Folder, recursive: true);
            throw;
        }
    }

    public NpgsqlConnectionStringBuilder Superuser(string database) => new()
    {
        Host = Socket,
        Username = "bench",
        Password = Password,
        Database = database,
        Pooling = false,
        CommandTimeout = 300,
    };

    public async Task<NpgsqlConnection> OpenAsync(string database, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(Superuser(database).ConnectionString);
        await connection.OpenAsync(cancellationToken);
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        await AsServerAsync("pg_ctl", ["-D", Data, "-m", "immediate", "-s", "stop"], CancellationToken.None);
        Directory.Delete(Folder, recursive: true);
    }

    private static string FindPrograms()
    {
        const string debian = "/usr/lib/postgresql";
        var found = Directory.Exists(debian)
            ? Directory.GetDirectories(debian)
                .Where(d => File.Exists(Path.Combine(d, "bin/initdb")))
                .MaxBy(d => int.TryParse(Path.GetFileName(d), CultureInfo.InvariantCulture, out var version) ? version : 0)
            : null;
        return found is null
            ? throw new InvalidOperationException("No PostgreSQL found. Next step: apt-get install postgresql")
            : Path.Combine(found, "bin");
    }

    private async Task CreateAsync(bool commitTimes, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Socket);
        if (Environment.IsPrivilegedProcess)
        {
            await Programs.RunAsync("chown", ["-R", "postgres", Folder], cancellationToken);
        }

        var password = Path.Combine(Folder, "password");
        await File.WriteAllTextAsync(password, Password + "\n", cancellationToken);
        await AsServerAsync(
            "initdb",
            [
                "-D", Data, "-U", "bench", "--auth=scram-sha-256", "--pwfile", password, "--encoding=UTF8", "--locale=C",
                "--data-checksums", "--no-instructions",
            ],
            cancellationToken);
        File.Delete(password);
        // Durable, and large enough that no checkpoint falls into one variant's slice only because of its place in the
        // round.
        string[] settings =
        [
            "listen_addresses = ''", $"unix_socket_directories = '{Socket}'", "max_connections = 200", "jit = off", "fsync = on",
            "synchronous_commit = on", "full_page_writes = on", "shared_buffers = 512MB", "max_wal_size = 4GB",
            "checkpoint_timeout = 30min", "autovacuum = off",
            $"track_commit_timestamp = {(commitTimes ? "on" : "off")}", "log_parameter_max_length = 0",
            "log_parameter_max_length_on_error = 0",
        ];
        await File.AppendAllLinesAsync(Path.Combine(Data, "postgresql.conf"), settings, cancellationToken);
        await AsServerAsync("pg_ctl", ["-D", Data, "-l", Path.Combine(Folder, "log"), "-w", "-s", "start"], cancellationToken);
    }

    private async Task AsServerAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        var path = Path.Combine(_bin, program);
        await (Environment.IsPrivilegedProcess
            ? Programs.RunAsync("runuser", ["-u", "postgres", "--", path, .. arguments], cancellationToken)
            : Programs.RunAsync(path, arguments, cancellationToken));
    }
}
