using System.CommandLine;
using Bulkhead.Host.Cli;

namespace Bulkhead.Host.Local;

/// <summary><c>reset</c>: stops everything and deletes the data folder, after asking.</summary>
internal static class ResetCommand
{
    public static Command Build()
    {
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        var command = new Command("reset", "Stops the server and deletes every tenant, key and password of this installation") { yes };
        command.SetAction(async (result, cancellationToken) =>
        {
            var folder = result.DataFolder();
            if (!folder.Exists)
            {
                Output.Write(result, new { deleted = false }, _ => Console.WriteLine("nothing to delete"));
                return ExitCode.Done;
            }

            if (!folder.IsOurs)
            {
                throw new StartFault($"{folder.Path} does not look like a data folder of Bulkhead: nothing was deleted");
            }

            if (!result.GetValue(yes) && !Ask(folder))
            {
                Output.Message("Nothing was deleted.");
                return ExitCode.Failed;
            }

            await DownCommand.StopAsync(folder, new Steps(), cancellationToken);
            DeleteDatabase(folder);
            Directory.Delete(folder.Path, recursive: true);
            Output.Write(result, new { deleted = true }, _ => Console.WriteLine($"deleted {folder.Path}"));
            return ExitCode.Done;
        });
        return command;
    }

    private static bool Ask(DataFolder folder)
    {
        if (Console.IsInputRedirected)
        {
            throw new StartFault("reset asks on a terminal; elsewhere it wants --yes");
        }

        Console.Error.Write($"Delete every tenant, key and password in {folder.Path}? Type yes: ");
        return Console.ReadLine()?.Trim() is "yes" or "y";
    }

    /// <summary>Deletes the private PostgreSQL, its keys and credentials; the folder stays, with who holds it. PostgreSQL is stopped.</summary>
    public static void DeleteDatabase(DataFolder folder)
    {
        // The pointer's target before the pointer, without which nobody would find it again.
        if (PostgresHome.Find(folder) is { } home)
        {
            foreach (var part in new[] { home.Folder, home.SocketFolder }.Where(Directory.Exists))
            {
                Directory.Delete(part, recursive: true);
            }
        }

        if (Directory.Exists(folder.KeyFolder))
        {
            Directory.Delete(folder.KeyFolder, recursive: true);
        }

        foreach (var file in new[] { folder.PostgresPointer, folder.DevFile, folder.SecretsFile, folder.UnfinishedMark })
        {
            File.Delete(file);
        }
    }
}
