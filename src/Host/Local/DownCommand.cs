using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Bulkhead.Host.Cli;

namespace Bulkhead.Host.Local;

/// <summary><c>down</c>: asks the running program to stop and waits for it; ends a PostgreSQL that was left behind.</summary>
internal static class DownCommand
{
    /// <summary>Ten seconds for open requests, then PostgreSQL's shutdown.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(75);

    public static Command Build()
    {
        var command = new Command("down", "Stops the server and its PostgreSQL");
        command.SetAction(async (result, cancellationToken) =>
        {
            var folder = result.DataFolder();
            var stopped = await StopAsync(folder, new Steps(), cancellationToken);
            Output.Write(result, new { stopped }, _ => Console.WriteLine(stopped ? "stopped" : "nothing was running"));
            return ExitCode.Done;
        });
        return command;
    }

    /// <returns>False when nothing was running.</returns>
    public static async Task<bool> StopAsync(DataFolder folder, Steps steps, CancellationToken cancellationToken)
    {
        if (!folder.Exists)
        {
            return false;
        }

        var stopped = false;
        using var free = folder.TryLock() ?? await steps.RunAsync("Stopping the server", async _ =>
        {
            stopped = true;
            return await StopHolderAsync(folder, cancellationToken);
        });
        if (PostgresHome.Find(folder) is { HasDatabase: true } home && Posix.WorkingIn(home.Data).Count > 0)
        {
            stopped = true;
            var binaries = await PostgresBinaries.FindAsync(home.Major, cancellationToken);
            await steps.RunAsync(
                "Stopping the PostgreSQL that was left behind",
                _ => new PostgresCluster(home, binaries).StopAsync(cancellationToken));
        }

        folder.RemoveHolder();
        return stopped;
    }

    private static async Task<FileStream> StopHolderAsync(DataFolder folder, CancellationToken cancellationToken)
    {
        var since = Stopwatch.GetTimestamp();
        var asked = 0;
        while (Stopwatch.GetElapsedTime(since) < Patience)
        {
            // The number is written right after the lock was taken: a moment later, it is there.
            if (folder.ReadHolder() is { } holder && holder.Pid != asked && Posix.IsAlive(holder.Pid))
            {
                if (!Posix.Signal(holder.Pid, Posix.Terminate))
                {
                    throw new StartFault(string.Create(
                        CultureInfo.InvariantCulture,
                        $"The server (process {holder.Pid}) belongs to another user: stop it as that user"));
                }

                asked = holder.Pid;
            }

            await Task.Delay(50, cancellationToken);
            if (folder.TryLock() is { } free)
            {
                return free;
            }
        }

        throw new StartFault(string.Create(
            CultureInfo.InvariantCulture,
            $"The server did not stop within {Patience.TotalSeconds} s: kill -9 {asked}, then ./bulkhead down again"));
    }
}
