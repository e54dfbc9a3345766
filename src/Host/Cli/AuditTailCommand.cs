using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary><c>audit tail</c>: entries as they are sealed, until Ctrl-C; goes on where it was when the stream breaks off.</summary>
internal static class AuditTailCommand
{
    /// <summary>Twice a heartbeat and some.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(40);

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(15);

    public static Command Build(Option<string> tenant, Option<string> role)
    {
        var from = new Option<long?>("--from") { Description = "Position to begin at; without it, what happens from now on", HelpName = "POSITION" };
        var command = new Command("tail", "Follows the log as entries are sealed, until Ctrl-C; --json prints each as a line")
        {
            tenant, role, from,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(tenant), result.GetRequiredValue(role));
            using var client = new ApiClient(credentials);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var json = result.GetValue(Output.Json);
            await FollowAsync(client, credentials, result.GetValue(from), entry => Print(entry, json), TimeProvider.System, stop.Token);
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>Until cancelled, which is how following ends: no fault of it.</summary>
    /// <exception cref="ApiFault">Refused, or not reachable at the first try.</exception>
    internal static async Task FollowAsync(
        ApiClient client, ClientCredentials credentials, long? from, Action<ServerEvent> print, TimeProvider time, CancellationToken stop)
    {
        long? last = null;
        var wait = TimeSpan.Zero;
        var connected = false;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await client.EventsAsync(
                    credentials.Url("api/v1/audit/tail" + (from is { } begin ? $"?from={begin}" : "")),
                    last,
                    Silence,
                    entry =>
                    {
                        (connected, wait) = (true, TimeSpan.Zero);
                        if (entry.Type == "begin")
                        {
                            from = (long?)JsonNode.Parse(entry.Data)?["from"] ?? from;
                        }
                        else if (entry.Type is "entry" or "gone" or "changed" && long.TryParse(entry.Id, CultureInfo.InvariantCulture, out var position))
                        {
                            last = position;
                            print(entry);
                        }
                    },
                    stop);
                connected = true;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (ApiFault fault) when (connected && fault.Status is null or 401 or 429 or >= 500)
            {
                Output.Message($"{fault.Lines[0]}; trying again");
            }

            wait = wait == TimeSpan.Zero ? TimeSpan.FromMilliseconds(500) : wait * 2 < LongestWait ? wait * 2 : LongestWait;
            try
            {
                await Task.Delay(wait, time, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private static void Print(ServerEvent entry, bool json)
    {
        if (json)
        {
            Console.WriteLine(entry.Type == "changed"
                ? $$"""{"position":{{entry.Id}},"entry":null,"changed":true}"""
                : $$"""{"position":{{entry.Id}},"entry":{{(entry.Type == "gone" ? "null" : entry.Data)}}}""");
            return;
        }

        if (entry.Type == "changed")
        {
            Console.WriteLine($"{entry.Id}\tchanged: what is stored is not what was sealed. Next step: docs/audit-integrity.md");
            return;
        }

        var body = JsonNode.Parse(entry.Data);
        Console.WriteLine(
            $"{entry.Id}\t{body?["at"]}\t{body?["actor"]?["kind"]} {body?["actor"]?["id"]}\t{body?["action"]}\t{body?["entity"]}\t{body?["result"]}");
    }
}
