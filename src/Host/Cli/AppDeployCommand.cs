using System.CommandLine;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary><c>app deploy [--watch]</c>: puts a manifest into force for every tenant of the app.</summary>
internal static class AppDeployCommand
{
    /// <summary>Polling: changes are noticed on every file system, network mounts included.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    public static Command Build()
    {
        var file = AppCommands.ManifestArgument();
        var allowLoss = new Option<bool>("--allow-loss") { Description = "Also make changes that lose data" };
        var watch = new Option<bool>("--watch") { Description = "Deploy again whenever the file changes, until Ctrl-C" };
        var command = new Command("deploy", "Deploys the manifest: migrates every tenant of the app, or nothing") { file, allowLoss, watch };
        command.SetAction(async (result, cancellationToken) =>
        {
            var manifest = result.GetRequiredValue(file);
            var credentials = ClientCredentials.Operator(result);
            using var client = new ApiClient(credentials);
            var path = result.GetValue(allowLoss) ? "operator/v1/apps?allowLoss=true" : "operator/v1/apps";
            async Task DeployAsync(string text)
            {
                var answer = await client.PostAsync(credentials.Url(path), text, "application/yaml", cancellationToken);
                Output.Write(result, answer, Show);
            }

            if (!result.GetValue(watch))
            {
                await DeployAsync(AppCommands.Read(manifest));
                return ExitCode.Done;
            }

            return await WatchAsync(manifest, DeployAsync, cancellationToken);
        });
        return command;
    }

    private static async Task<int> WatchAsync(FileInfo manifest, Func<string, Task> deploy, CancellationToken cancellationToken)
    {
        string? last = null;
        while (true)
        {
            try
            {
                // An editor may be replacing the file just now: the next look finds it.
                var text = File.Exists(manifest.FullName) ? await File.ReadAllTextAsync(manifest.FullName, cancellationToken) : last;
                if (text is not null && text != last)
                {
                    last = text;
                    await deploy(text);
                }
            }
            catch (ApiFault fault) when (fault.ExitCode != ExitCode.NotReachable)
            {
                // The person is still writing: show every fault and look on.
                Array.ForEach([.. fault.Lines], Output.Message);
            }

            await Task.Delay(Look, cancellationToken);
        }
    }

    private static void Show(JsonNode answer)
    {
        Console.WriteLine($"{answer["app"]}: version {answer["to"] ?? answer["version"]} is in force");
        foreach (var line in answer["lines"] as JsonArray ?? [])
        {
            Console.WriteLine($"  {line}");
        }
    }
}
