using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary>
/// <c>keys list|rotate|revoke|restore|verify</c>: with <c>--tenant</c> as the tenant's security officer, without it as the operator.
/// </summary>
internal static class KeysCommands
{
    private static readonly Option<string?> Tenant = new("--tenant")
    {
        Description = "Slug of the tenant; without it, the installation's roots",
        HelpName = "TENANT",
    };

    private static readonly Option<string> Role = new("--role")
    {
        Description = "Role of the tenant's client to be",
        HelpName = "ROLE",
        DefaultValueFactory = _ => "securityOfficer",
    };

    public static Command Build()
    {
        var command = Online();
        foreach (var local in KeyBackupCommands.Build())
        {
            command.Add(local);
        }

        return command;
    }

    private static Command Online() => new("keys", "Keys: list, rotate, revoke, restore, verify, import, destroy, erase; backup and recover")
    {
        List(), Rotate(), Switch("revoke", "Withdraws a tenant's keys: nothing of its data is read or written until they are restored"),
        Switch("restore", "Gives a tenant's keys back"), Verify(),
        KeyHoldingCommands.Build(),
        KeyImportCommand.Build(), KeyDestroyCommand.Build(), KeyEraseCommand.Build(),
    };

    private static Command List()
    {
        var command = new Command("list", "Which keys there are, who holds them, and whether they are withdrawn") { Tenant, Role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var (credentials, prefix) = Credentials(result);
            using var client = new ApiClient(credentials);
            Output.Write(result, await client.GetAsync(credentials.Url($"{prefix}keys"), cancellationToken), Show);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Rotate()
    {
        var key = new Option<string>("--key")
        {
            Description = "tenant (wraps the keys of rows), data (seals rows), index (finds sealed values), subject (wraps the keys of persons), root",
            Required = true,
        };
        key.AcceptOnlyFromAmong("root", "tenant", "data", "index", "subject");
        var command = new Command("rotate", "A new version of a key, without a pause") { key, Tenant, Role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var what = result.GetRequiredValue(key);
            var isRoot = result.GetValue(Tenant) is null;
            if (isRoot != (what == "root"))
            {
                throw new ApiFault(
                    ExitCode.Usage, [isRoot ? $"Whose {what} key? Add --tenant TENANT" : "The root is the installation's: leave --tenant out"]);
            }

            var (credentials, prefix) = Credentials(result);
            using var client = new ApiClient(credentials);
            var url = credentials.Url(isRoot ? $"{prefix}keys/rotate" : $"{prefix}keys/rotate?key={what}");
            Output.Write(result, await client.PostAsync(url, "", "application/json", cancellationToken), Show);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Switch(string word, string description)
    {
        var tenant = new Option<string>("--tenant") { Description = "Slug of the tenant", HelpName = "TENANT", Required = true };
        var command = new Command(word, description) { tenant, Role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(tenant), result.GetRequiredValue(Role));
            using var client = new ApiClient(credentials);
            await client.GetAsync(credentials.Url("api/v1/keys"), cancellationToken);
            var start = Stopwatch.GetTimestamp();
            var answer = await client.PostAsync(credentials.Url($"api/v1/keys/{word}"), "", "application/json", cancellationToken);
            var took = Stopwatch.GetElapsedTime(start);
            Output.Write(result, answer, shown =>
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"The data of {result.GetRequiredValue(tenant)} is {shown["data"]}: in force in the database after {took.TotalMilliseconds:0} ms"));
                Console.WriteLine("Signing in, the audit log and this switch go on.");
            });
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Verify()
    {
        var tenant = new Option<string>("--tenant") { Description = "Slug of the tenant", HelpName = "TENANT", Required = true };
        var command = new Command("verify", "Opens every key of a tenant and says whether it is the one that was wrapped") { tenant, Role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(tenant), result.GetRequiredValue(Role));
            using var client = new ApiClient(credentials);
            var answer = await client.PostAsync(credentials.Url("api/v1/keys/verify"), "", "application/json", cancellationToken);
            Output.Write(result, answer, shown => Output.Table(
                ["key", "version", "", "problem"],
                (shown["keys"] as JsonArray ?? []).Select(key => (string[])
                    [$"{key?["purpose"]}", $"{key?["number"]}", (bool?)key?["ok"] == true ? "opens" : "FAILS", $"{key?["problem"]}"])));
            return (bool?)answer["ok"] == true ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    private static (ClientCredentials Credentials, string Prefix) Credentials(ParseResult result) => result.GetValue(Tenant) is { } slug
        ? (ClientCredentials.Tenant(result, slug, result.GetRequiredValue(Role)), "api/v1/")
        : (ClientCredentials.Operator(result), "operator/v1/");

    private static void Show(JsonNode keys)
    {
        if (keys["roots"] is JsonArray roots)
        {
            Console.WriteLine($"New roots are made in: {keys["store"]}");
            Output.Table(
                ["root", "store", "created", "state"],
                roots.Select(root => (string[])[$"{root?["root"]}", $"{root?["store"]}", $"{root?["createdAt"]}", State(root)]));
            return;
        }

        Console.WriteLine($"Data: {keys["data"]}{(keys["withdrawnAt"] is { } at ? $" since {at}" : "")}");
        foreach (var progress in keys["rewriting"] as JsonArray ?? [])
        {
            var end = (bool?)progress?["finished"] == true ? ", finished" : "";
            Console.WriteLine($"Rewriting {progress?["entity"]}: {progress?["rewritten"]} of {progress?["seen"]} records seen{end}");
        }

        Output.Table(
            ["key", "version", "held by", "root", "created", "active"],
            (keys["keys"] as JsonArray ?? []).Select(key => (string[])
            [
                $"{key?["purpose"]}", $"{key?["number"]}", $"{key?["heldBy"]}", $"{key?["root"]}", $"{key?["createdAt"]}", $"{key?["activeAt"]}",
            ]));
    }

    private static string State(JsonNode? root) => (root?["retiredAt"], root?["destroyedAt"]) switch
    {
        (null, _) => "in use",
        (_, null) => $"retired; destroyed after {root?["destroyAfter"]}",
        (_, var at) => $"destroyed at {at}",
    };
}
