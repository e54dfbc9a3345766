using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary>
/// <c>audit log</c>: what a tenant notes of its log: its key and the newest checkpoint; and, since an older one, the proof that it only
/// grew, for <c>bulkhead-verify split</c>.
/// </summary>
internal static class AuditLogCommand
{
    private const int MaxNote = 1024 * 1024;

    public static Command Build(Option<string> tenant, Option<string> role)
    {
        var note = new Option<FileInfo?>("--note") { Description = "Where to write the newest checkpoint", HelpName = "FILE" };
        var since = new Option<string?>("--since") { Description = "An older checkpoint, as --note wrote it, or its size", HelpName = "FILE|SIZE" };
        var proof = new Option<FileInfo?>("--proof") { Description = "Where to write the proof that it grew from --since", HelpName = "FILE" };
        var command = new Command("log", "What to note of the log: its key, its newest checkpoint, and since an older one the proof that it only grew")
        {
            tenant, role, note, since, proof,
        };
        command.Validators.Add(result =>
        {
            if ((result.GetValue(proof) is null) != (result.GetValue(since) is null))
            {
                result.AddError("--since and --proof belong together: from which checkpoint on, and where to write the proof");
            }
        });
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(tenant), result.GetRequiredValue(role));
            using var client = new ApiClient(credentials);
            var query = result.GetValue(since) is { } older ? $"?since={await SizeAsync(older, cancellationToken)}" : "";
            var log = await client.GetAsync(credentials.Url($"api/v1/audit/log{query}"), cancellationToken);
            if (result.GetValue(note) is { } noteFile)
            {
                var text = (string?)log["note"] ?? throw new ApiFault(ExitCode.Refused, ["Nothing is sealed yet: there is no checkpoint"]);
                await File.WriteAllTextAsync(noteFile.FullName, text, cancellationToken);
            }

            if (result.GetValue(proof) is { } proofFile)
            {
                var hashes = (log["consistency"]?["hashes"] as JsonArray ?? []).Select(hash => $"{hash}");
                await File.WriteAllLinesAsync(proofFile.FullName, hashes, cancellationToken);
            }

            Output.Write(result, log, Show);
            return ExitCode.Done;
        });
        return command;
    }

    private static async Task<long> SizeAsync(string older, CancellationToken cancellationToken)
    {
        if (long.TryParse(older, NumberStyles.None, CultureInfo.InvariantCulture, out var size))
        {
            return size;
        }

        if (new FileInfo(older) is not { Exists: true, Length: <= MaxNote })
        {
            throw new ApiFault(ExitCode.Usage, [$"{older} is no file with a checkpoint, and no size"]);
        }

        // The second line of a checkpoint is its size (C2SP tlog-checkpoint).
        return await File.ReadAllLinesAsync(older, cancellationToken) is [_, var second, ..]
            && long.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out size)
                ? size
                : throw new ApiFault(ExitCode.Usage, [$"{older} is no checkpoint: its second line is not a size"]);
    }

    private static void Show(JsonNode log)
    {
        Console.WriteLine($"log         {log["origin"]}");
        Keys("key         ", log["logKeys"]);
        Console.WriteLine($"entries     {log["size"]}{(log["sealedAt"] is { } at ? $", the last was sealed at {at}" : "")}");
        Console.WriteLine($"heads       {log["headsOrigin"]}");
        Keys("heads key   ", log["headsKeys"]);
    }

    private static void Keys(string head, JsonNode? keys)
    {
        foreach (var key in keys as JsonArray ?? [])
        {
            Console.WriteLine($"{head}{key}");
        }
    }
}
