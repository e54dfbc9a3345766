using System.CommandLine;
using System.Data.Common;
using System.Globalization;
using Bulkhead.Host.Cli;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.Pkcs11;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Host.Local;

/// <summary>One run of <c>up</c>, from the folder's lock to the last process stopped.</summary>
internal sealed class Up(ParseResult arguments, LocalRun run, StopSignals signals)
{
    /// <summary>For open requests, after the signal to stop.</summary>
    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(10);

    private readonly Steps _steps = new();

    // Null: the roots are files.
    private Pkcs11Options? _hsm;

    public async Task<int> RunAsync()
    {
        var external = ExternalDatabase.FromEnvironment();
        if (external is null && run.Role != ProcessRole.All)
        {
            throw new StartFault(
                $"The role {run.Role.Word()} wants BULKHEAD_DATABASE: the private PostgreSQL belongs to one process, whose role is all");
        }

        var folder = arguments.DataFolder();
        folder.Create();
        if (external is not null && run.Role == ProcessRole.Worker)
        {
            await RunWorkerAsync(folder, external);
            return ExitCode.Done;
        }

        using var held = folder.TryLock() ?? throw new StartFault(Held(folder));
        var port = Port.Require(run.Port);
        var url = UrlOf(port);
        folder.WriteHolder(new Holder(Environment.ProcessId, url));
        try
        {
            _hsm = await new TrialHsm(folder).PrepareAsync(run.WithHsm, signals.Stop);
            if (external is not null)
            {
                await RunOnAsync(folder, external, port, url);
                return ExitCode.Done;
            }

            try
            {
                await RunPrivateAsync(folder, port, url);
            }
            catch (LostSecrets lost)
            {
                _steps.Say($"{lost.Message.Split(':')[0]}; the first start was interrupted and begins anew");
                ResetCommand.DeleteDatabase(folder);
                await RunPrivateAsync(folder, port, url);
            }

            return ExitCode.Done;
        }
        finally
        {
            folder.RemoveHolder();
        }
    }

    private async Task RunPrivateAsync(DataFolder folder, int port, string url)
    {
        RequireSpace(folder);
        var (cluster, home, secrets) = await _steps.RunAsync(
            "Starting PostgreSQL", progress => PrivatePostgres.StartAsync(folder, progress, signals.Stop));
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(signals.Stop);
        var watch = WatchAsync(cluster, ending);
        try
        {
            var kernel = KeySettings.Apply(Kernel(folder, PrivatePostgres.Connections(home, secrets), secrets), Environment.GetEnvironmentVariable);
            await ServeAsync(folder, kernel, secrets, port, url, withDev: true, ending.Token);
        }
        catch (OperationCanceledException) when (watch.IsFaulted)
        {
            // What the watch found is the reason, and is thrown below.
        }
        finally
        {
            await ending.CancelAsync();
            await watch.ContinueWith(_ => { }, TaskScheduler.Default);
            await _steps.RunAsync("Stopping PostgreSQL", _ => cluster.StopAsync(CancellationToken.None));
        }

        await watch;
    }

    private async Task RunOnAsync(DataFolder folder, ExternalDatabase database, int port, string url)
    {
        var secrets = LocalSecrets.LoadOrCreate(folder, databaseExists: false);
        try
        {
            await ServeAsync(folder, KeySettings.Apply(Kernel(folder, database, secrets), Environment.GetEnvironmentVariable), secrets, port, url, run.Dev, signals.Stop);
        }
        catch (LostSecrets lost)
        {
            throw new StartFault(lost.Message, lost);
        }
    }

    /// <summary>
    /// Beside whoever serves from the folder, whose keys it uses; it takes no lock and leaves nothing behind. It prepares nothing: the
    /// installation is there.
    /// </summary>
    private async Task RunWorkerAsync(DataFolder folder, ExternalDatabase database)
    {
        _hsm = await new TrialHsm(folder).PrepareAsync(false, signals.Stop);
        var kernel = KeySettings.Apply(Kernel(folder, database, null), Environment.GetEnvironmentVariable);
        var port = Port.Require(run.Port);
        await using var app = Serve.BuildWorker(kernel, port);
        await CheckAsync(app.Services, signals.Stop);
        await RunUntilAsync(app, () => Ready.WriteAsync(arguments, UrlOf(port), null, signals.Stop), signals.Stop);
    }

    private async Task ServeAsync(
        DataFolder folder, KernelOptions kernel, LocalSecrets secrets, int port, string url, bool withDev, CancellationToken stop)
    {
        await using var app = Serve.Build(kernel, new ServeOptions(port, url, withDev ? folder : null));
        await PrepareAsync(app.Services, kernel, stop);
        await RunUntilAsync(app, FillAsync, stop);

        async Task FillAsync()
        {
            var first = new FirstStart(folder, url, secrets);
            var known = first.Finished();
            if (known is null && kernel.DeployConnection is not null)
            {
                known = await _steps.RunAsync("Filling the new installation", progress => first.RunAsync(progress, stop));
            }

            await Ready.WriteAsync(arguments, url, known, stop);
        }
    }

    private async Task RunUntilAsync(WebApplication app, Func<Task> started, CancellationToken stop)
    {
        try
        {
            await _steps.RunAsync("Starting the server", _ => app.StartAsync(stop));
            await started();
            await Task.Delay(Timeout.Infinite, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The usual end.
        }
        finally
        {
            using var drain = CancellationTokenSource.CreateLinkedTokenSource(signals.Hurry);
            drain.CancelAfter(LongestDrain);
            await _steps.RunAsync("Stopping the server", _ => app.StopAsync(drain.Token));
        }
    }

    private Task PrepareAsync(IServiceProvider services, KernelOptions kernel, CancellationToken stop) => ReportAsync(async () =>
    {
        if (kernel.DeployConnection is not null)
        {
            await _steps.RunAsync(
                "Preparing the database",
                progress => services.GetRequiredService<Deployment>().PrepareAsync(progress, stop));
        }

        await CheckAsync(services, stop);
        await SayRootsToMoveAsync(services.GetRequiredService<KeyCustody>(), stop);
    });

    private Task CheckAsync(IServiceProvider services, CancellationToken stop) => ReportAsync(
        () => _steps.RunAsync("Checking the database", _ => services.GetRequiredService<KernelStart>().CheckAsync(stop)));

    /// <summary>What the operator can do something about becomes a line of its own.</summary>
    private static async Task ReportAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (UnsafeDatabase unsafeDatabase)
        {
            throw new StartFault(string.Join('\n', unsafeDatabase.Faults.Prepend("Refusing to serve:")), unsafeDatabase);
        }
        catch (Exception fault) when (fault is InvalidOperationException or KeyStoreFault && fault.Message.Contains("Next step:", StringComparison.Ordinal))
        {
            throw new StartFault(fault.Message, fault);
        }
        catch (DbException fault)
        {
            throw new StartFault($"PostgreSQL refuses or does not answer: {fault.Message}", fault);
        }
    }

    private async Task SayRootsToMoveAsync(KeyCustody custody, CancellationToken stop)
    {
        if (custody.IsAvailable)
        {
            foreach (var root in await custody.RootsToMoveAsync(stop))
            {
                _steps.Say(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Root {root.Root} ({root.Store}) is kept otherwise than is set now. Next step: ./bulkhead keys rotate --key root"));
            }
        }
    }

    // A PostgreSQL that cannot be kept up ends the run; its reason comes out of the task.
    private async Task WatchAsync(PostgresCluster cluster, CancellationTokenSource ending)
    {
        try
        {
            await new PostgresWatch(cluster, TimeProvider.System, _steps.Say).RunAsync(ending.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The run is over.
        }
        catch
        {
            await ending.CancelAsync();
            throw;
        }
    }

    private KernelOptions Kernel(DataFolder folder, ExternalDatabase database, LocalSecrets? secrets) => new()
    {
        Role = run.Role,
        AppConnection = database.App,
        DeployConnection = database.Deployer,
        KeyDirectory = folder.KeyFolder,
        // Here a tenant's own key service is on this machine, too.
        HeldKeyAllowPrivateAddresses = true,
        StreamsAllowPrivateAddresses = true,
        Hsm = _hsm,
        OperatorClientId = secrets?.OperatorClientId,
        OperatorSecretDigest = secrets?.OperatorSecretDigest,
    };

    private static string UrlOf(int port) => string.Create(CultureInfo.InvariantCulture, $"http://localhost:{port}");

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
