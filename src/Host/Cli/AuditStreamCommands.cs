using System.CommandLine;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary><c>audit streams list|show|add|remove</c>: where a tenant's log is streamed to.</summary>
internal static class AuditStreamCommands
{
    private static readonly Option<string> Tenant = new("--tenant") { Description = "Slug of the tenant", HelpName = "TENANT", Required = true };

    private static readonly Option<string> Role = new("--role")
    {
        Description = "Role of the tenant's client to be", HelpName = "ROLE", DefaultValueFactory = _ => "securityOfficer",
    };

    public static Command Build() => new("streams", "Where the log is streamed to: list, show, add, remove") { List(), Show(), Add(), Remove() };

    private static Command List()
    {
        var command = new Command("list", "All streams of the tenant, and how far each is") { Tenant, Role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = Credentials(result);
            using var client = new ApiClient(credentials);
            Output.Write(result, await client.GetAsync(credentials.Url("api/v1/audit/streams"), cancellationToken), Table);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Show()
    {
        var name = new Argument<string>("name") { Description = "As it was added" };
        var command = new Command("show", "One stream: what it lags, and what was wrong last") { name, Tenant, Role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = Credentials(result);
            using var client = new ApiClient(credentials);
            Output.Write(result, await client.GetAsync(Url(credentials, result.GetRequiredValue(name)), cancellationToken), One);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Add()
    {
        var name = new Argument<string>("name") { Description = "How to call it here" };
        var url = new Option<string>("--url") { Description = "syslog://HOST:PORT (over TLS) or https://HOST/PATH", Required = true };
        var format = new Option<string?>("--format") { Description = "json (the canonical entry)" };
        var authority = new Option<FileInfo?>("--authority") { Description = "PEM of the authority that vouches for the collector" };
        var from = new Option<long?>("--from") { Description = "First position to send; without, what comes from now on" };
        var command = new Command("add", "Appoints a collector; for https the secret is shown once") { name, url, format, authority, from, Tenant, Role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = Credentials(result);
            using var client = new ApiClient(credentials);
            var body = new JsonObject { ["name"] = result.GetRequiredValue(name), ["url"] = result.GetRequiredValue(url) };
            if (result.GetValue(format) is { } word)
            {
                body["format"] = word;
            }

            if (result.GetValue(authority) is { } file)
            {
                body["authority"] = await File.ReadAllTextAsync(file.FullName, cancellationToken);
            }

            if (result.GetValue(from) is { } position)
            {
                body["from"] = position;
            }

            Output.Write(result, await client.PostAsync(credentials.Url("api/v1/audit/streams"), body, cancellationToken), One);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Remove()
    {
        var name = new Argument<string>("name") { Description = "As it was added" };
        var command = new Command("remove", "Ends a stream; what it had not taken is not sent") { name, Tenant, Role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = Credentials(result);
            using var client = new ApiClient(credentials);
            await client.DeleteAsync(Url(credentials, result.GetRequiredValue(name)), cancellationToken);
            Output.Message($"The stream {result.GetRequiredValue(name)} is removed");
            return ExitCode.Done;
        });
        return command;
    }

    private static ClientCredentials Credentials(ParseResult result) =>
        ClientCredentials.Tenant(result, result.GetRequiredValue(Tenant), result.GetRequiredValue(Role));

    private static Uri Url(ClientCredentials credentials, string name) => credentials.Url($"api/v1/audit/streams/{Uri.EscapeDataString(name)}");

    private static void Table(JsonNode answer) => Output.Table(
        ["stream", "url", "format", "next", "lag", "seconds", "fault"],
        (answer["streams"] as JsonArray ?? []).Select(s => (string[])
        [
            $"{s?["name"]}", $"{s?["url"]}", $"{s?["format"]}", $"{s?["next"]}", $"{s?["lagEntries"]}", $"{s?["lagSeconds"]}", $"{s?["fault"]}",
        ]));

    private static void One(JsonNode stream)
    {
        Console.WriteLine($"{stream["name"]}: {stream["url"]}, format {stream["format"]}, authorities: {stream["authority"]}");
        Console.WriteLine($"next position {stream["next"]}; lag {stream["lagEntries"]} entries, {stream["lagSeconds"]} seconds");
        if (stream["fault"] is { } fault)
        {
            Console.WriteLine($"failed {stream["failures"]} times: {fault}");
            Console.WriteLine($"tried again at {stream["nextAttempt"]}");
        }

        if (stream["secret"] is { } secret)
        {
            Console.WriteLine($"secret, shown this once: {secret}");
        }
    }
}
