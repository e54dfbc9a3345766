using System.CommandLine;
using System.Globalization;
using Bulkhead.Host.Cli;

namespace Bulkhead.Host.Local;

/// <summary>One run of <c>up</c>, from the folder's lock to the last process stopped.</summary>
internal sealed class Up(ParseResult arguments, int wantedPort, bool dev, StopSignals signals)
{
    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(10);

    private readonly Steps _steps = new();

    public async Task<int> RunAsync()
    {
        var folder = arguments.DataFolder();
        folder.Create();
        using var held = folder.TryLock() ?? throw new StartFault(Held(folder));
        var port = Port.Require(wantedPort);
        var url = string.Create(CultureInfo.InvariantCulture, $"http://localhost:{port}");
        folder.WriteHolder(new Holder(Environment.ProcessId, url));
        try
        {
            var external = ExternalDatabase.FromEnvironment();
            if (external is not null)
            {
                throw new StartFault("not yet");
            }

            var (cluster, secrets) = await StartPostgresAsync(folder);
            try
            {
                await ServeAsync(cluster, url);
            }
            finally
            {
                await _steps.RunAsync("Stopping PostgreSQL", _ => cluster.StopAsync(CancellationToken.None));
            }

            return ExitCode.Done;
        }
        finally
        {
            folder.RemoveHolder();
        }
    }

    private async Task<(PostgresCluster Cluster, LocalSecrets Secrets)> StartPostgresAsync(DataFolder folder)
    {
        RequireSpace(folder);
        return await _steps.RunAsync("Starting PostgreSQL", async progress =>
        {
            var home = await PostgresHome.FindOrCreateAsync(folder, progress, signals.Stop);
            var secrets = LocalSecrets.LoadOrCreate(folder, home.HasDatabase);
            var binaries = await PostgresBinaries.FindAsync(home.Major, signals.Stop);
            var cluster = new PostgresCluster(home, binaries);
            if (!home.HasDatabase)
            {
                progress.Report($"making the database with PostgreSQL {binaries.Version}");
                await cluster.CreateAsync(secrets.DeployerPassword, signals.Stop);
            }

            try
            {
                if (await cluster.StartAsync(signals.Stop))
                {
                    progress.Report("took over the PostgreSQL that an ended program left running");
                }
            }
            catch
            {
                await cluster.StopAsync(CancellationToken.None);
                throw;
            }

            return (cluster, secrets);
        });
    }

    private async Task ServeAsync(PostgresCluster cluster, string url)
    {
        Console.WriteLine($"ready {url} {dev}");
        var watch = new PostgresWatch(cluster, TimeProvider.System, _steps.Say).RunAsync(signals.Stop);
        await watch.ContinueWith(_ => { }, TaskScheduler.Default);
        if (watch.IsFaulted)
        {
            await watch;
        }
    }

    private static string Held(DataFolder folder) => folder.ReadHolder() is { } holder && Posix.IsAlive(holder.Pid)
        ? string.Create(
            CultureInfo.InvariantCulture, $"Already running: process {holder.Pid} at {holder.Url} has {folder.Path}. Stop it with ./bulkhead down")
        : $"Another bulkhead program is just working on {folder.Path}: try again in a moment";

    /// <summary>A new database and its log of changes take about 300 MB; one that is there wants room to recover.</summary>
    private static void RequireSpace(DataFolder folder)
    {
        var home = PostgresHome.Find(folder);
        var place = home?.Folder ?? folder.Path;
        var least = home is { HasDatabase: true } ? 64 : 300;
        var free = new DriveInfo(place).AvailableFreeSpace / (1024 * 1024);
        if (free < least)
        {
            throw new StartFault(string.Create(
                CultureInfo.InvariantCulture,
                $"The disk of {place} is nearly full: {free} MB are free and {least} MB are needed. Free some space, or use --data"));
        }
    }
}
