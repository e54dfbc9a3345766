using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary><c>audit retention [--keep]</c>, <c>audit holds list|place|lift</c>: how long entries are kept, and what is kept in any case.</summary>
internal static class AuditRetentionCommands
{
    private static readonly Option<string> Tenant = new("--tenant") { Description = "Slug of the tenant", HelpName = "TENANT", Required = true };

    private static readonly Option<string> Role = new("--role")
    {
        Description = "Role of the tenant's client to be", HelpName = "ROLE", DefaultValueFactory = _ => "securityOfficer",
    };

    public static Command Retention()
    {
        var keep = new Option<string?>("--keep") { Description = "Days, no less than the floor; or 'forever'", HelpName = "DAYS" };
        var command = new Command("retention", "How long entries are kept: look, or change it with --keep") { keep, Tenant, Role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = Credentials(result);
            using var client = new ApiClient(credentials);
            var url = credentials.Url("api/v1/audit/retention");
            if (result.GetValue(keep) is not { } days)
            {
                Output.Write(result, await client.GetAsync(url, cancellationToken), Show);
                return ExitCode.Done;
            }

            var isNumber = long.TryParse(days, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            if (!isNumber && days != "forever")
            {
                throw new ApiFault(ExitCode.Usage, ["--keep is a whole number of days, or 'forever'"]);
            }

            var body = new JsonObject { ["keepDays"] = isNumber ? number : null };
            Output.Write(result, await client.PutAsync(url, body, cancellationToken), Show);
            return ExitCode.Done;
        });
        return command;
    }

    public static Command Holds() => new("holds", "What is kept whatever its age: list, place, lift") { List(), Place(), Lift() };

    private static Command List()
    {
        var command = new Command("list", "All holds, lifted ones too") { Tenant, Role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = Credentials(result);
            using var client = new ApiClient(credentials);
            Output.Write(result, await client.GetAsync(credentials.Url("api/v1/audit/holds"), cancellationToken), answer => Table(answer["holds"] as JsonArray));
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Place()
    {
        var reason = new Option<string>("--reason") { Description = "Why; stands in the log", Required = true };
        (string Name, Option<string?> Option)[] scope =
        [
            ("record", new("--record") { Description = "Entries that name this record" }),
            ("actor", new("--actor") { Description = "Entries of this actor" }),
            ("at.gte", new("--from") { Description = "Acts from this date or RFC 3339 instant on" }),
            ("at.lt", new("--until") { Description = "Acts before this date or instant" }),
        ];
        var command = new Command("place", "Keeps what meets all that is given; everything without") { reason, Tenant, Role };
        foreach (var (_, option) in scope)
        {
            command.Add(option);
        }

        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = Credentials(result);
            using var client = new ApiClient(credentials);
            var body = new JsonObject { ["reason"] = result.GetRequiredValue(reason) };
            foreach (var (name, option) in scope)
            {
                if (result.GetValue(option) is { } value)
                {
                    body[name] = value;
                }
            }

            var hold = await client.PostAsync(credentials.Url("api/v1/audit/holds"), body, cancellationToken);
            Output.Write(result, hold, one => Table([one.DeepClone()]));
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Lift()
    {
        var id = new Argument<Guid>("id") { Description = "Of the hold" };
        var reason = new Option<string>("--reason") { Description = "Why; stands in the log", Required = true };
        var command = new Command("lift", "Ends a hold; another account than the one that placed it") { id, reason, Tenant, Role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = Credentials(result);
            using var client = new ApiClient(credentials);
            var hold = await client.PostAsync(
                credentials.Url($"api/v1/audit/holds/{result.GetRequiredValue(id)}/lift"),
                new JsonObject { ["reason"] = result.GetRequiredValue(reason) },
                cancellationToken);
            Output.Write(result, hold, one => Table([one.DeepClone()]));
            return ExitCode.Done;
        });
        return command;
    }

    private static ClientCredentials Credentials(ParseResult result) =>
        ClientCredentials.Tenant(result, result.GetRequiredValue(Tenant), result.GetRequiredValue(Role));

    private static void Show(JsonNode state)
    {
        Console.WriteLine($"kept: {(state["keepDays"] is { } days ? $"{days} days" : "for ever")}; the floor is {state["floorDays"]} days");
        Console.WriteLine($"expired: {state["expired"]} of {state["size"]} entries; the walk is at position {state["walkedTo"] ?? "0"}");
    }

    private static void Table(JsonArray? holds) => Output.Table(
        ["hold", "reason", "record", "actor", "from", "until", "placed by", "lifted by"],
        (holds ?? []).Select(h => (string[])
        [
            $"{h?["id"]}", $"{h?["reason"]}", $"{h?["record"]}", $"{h?["actor"]}", $"{h?["begin"]}", $"{h?["end"]}", $"{h?["placedBy"]}",
            $"{h?["liftedBy"]}",
        ]));
}
