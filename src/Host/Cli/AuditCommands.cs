using System.CommandLine;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary><c>audit search|tail|values|export|prove|prove-total|verify</c>: a tenant's log, and what proves it.</summary>
internal static class AuditCommands
{
    private static readonly Option<string> Tenant = new("--tenant") { Description = "Slug of the tenant", HelpName = "TENANT", Required = true };

    private static readonly Option<string> Role = new("--role")
    {
        Description = "Role of the tenant's client to be", HelpName = "ROLE", DefaultValueFactory = _ => "securityOfficer",
    };

    private static readonly (string Name, string[] Options, string Words)[] Filters =
    [
        ("action", ["--action"], "What was done: data.read, or 'data.*' for all that begin so (docs/audit-events.md)"),
        ("actor", ["--actor"], "Who did it: id of a client or user"),
        ("entity", ["--entity"], "On what: patient"),
        ("record", ["--record"], "On which record: its id; also entries that name it among others"),
        ("request", ["--request"], "Id of the request, as answers have it"),
        ("result", ["--result"], "ok or denied"),
        ("at.gte", ["--at-from", "--from"], "From this date or RFC 3339 instant on"),
        ("at.lt", ["--at-until", "--until", "--to"], "Before this date or instant"),
        ("order", ["--order"], "newest (as it is without it) or oldest"),
        ("limit", ["--limit"], "Entries of a page, 1 to 200"),
        ("after", ["--after"], "The page after this cursor: next of the page before"),
        ("before", ["--before"], "The page before this cursor: previous of the page after"),
    ];

    public static Command Build() => new("audit", "A tenant's audit log: search and follow it, export it with its proofs, verify an export")
    {
        Search(), AuditTailCommand.Build(Tenant, Role), AuditValuesCommand.Build(Tenant), AuditPolicyCommand.Build(Tenant, Role),
        AuditLogCommand.Build(Tenant, Role), Export(), AuditCountCommand.Build(Tenant, Role), Prove(), ProveTotal(), Verify(), AuditStreamCommands.Build(),
        AuditRetentionCommands.Retention(), AuditRetentionCommands.Holds(),
    };

    private static Command Search()
    {
        var filters = Filters
            .Select(f => (f.Name, Option: new Option<string?>(f.Options[0], f.Options[1..]) { Description = f.Words }))
            .ToList();
        var command = new Command("search", "Newest entries first; about one record with --record, of many actions with --action 'keys.*'") { Tenant, Role };
        filters.ForEach(filter => command.Add(filter.Option));
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(Tenant), result.GetRequiredValue(Role));
            using var client = new ApiClient(credentials);
            var query = string.Join('&', filters.Where(f => result.GetValue(f.Option) is not null)
                .Select(f => $"{f.Name}={Uri.EscapeDataString(result.GetValue(f.Option)!)}"));
            var page = await client.GetAsync(credentials.Url("api/v1/audit" + (query.Length > 0 ? "?" + query : "")), cancellationToken);
            Output.Write(result, page, Show);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Export()
    {
        var file = new Option<FileInfo>("--out") { Description = "Where to write it", HelpName = "FILE", Required = true };
        var from = new Option<string?>("--from") { Description = "Acts from this date or RFC 3339 instant on" };
        var until = new Option<string?>("--until", "--to") { Description = "Acts before this date or instant" };
        var format = new Option<string>("--format")
        {
            Description = "proven, for bulkhead-verify, or ocsf: events for a SIEM, which prove nothing", DefaultValueFactory = _ => "proven",
        };
        format.AcceptOnlyFromAmong("proven", "ocsf");
        var disclose = Disclose();
        var command = new Command("export", "Entries as JSON Lines, with what proves them unless --format is ocsf")
        {
            Tenant, Role, file, from, until, format, disclose,
        };
        command.SetAction((result, cancellationToken) => SaveAsync(
            result,
            "export",
            [
                ("at.gte", result.GetValue(from)), ("at.lt", result.GetValue(until)), ("disclose", result.GetValue(disclose)),
                ("format", result.GetValue(format) == "ocsf" ? "ocsf" : null),
            ],
            result.GetRequiredValue(file),
            cancellationToken));
        return command;
    }

    private static Command Prove()
    {
        var file = new Option<FileInfo>("--out") { Description = "Where to write it", HelpName = "FILE", Required = true };
        var entry = new Option<Guid>("--entry") { Description = "Id of the entry", HelpName = "ID", Required = true };
        var command = new Command("prove", "One entry with the proof that it is in the log") { Tenant, Role, entry, file };
        var disclose = Disclose();
        command.Add(disclose);
        command.SetAction(async (result, cancellationToken) =>
        {
            var (export, fields) = (result.GetRequiredValue(file), result.GetValue(disclose));
            await SaveAsync(
                result, "export", [("entry", $"{result.GetRequiredValue(entry)}"), ("disclose", fields)], export, cancellationToken);
            if (fields is not null && !await DisclosesAsync(export, cancellationToken))
            {
                Output.Message($"Nothing is disclosed: the entry has no value of {fields}, or it is not kept any more (who is forgotten takes it along).");
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static Option<string?> Disclose() => new("--disclose")
    {
        Description = "With what the values of these fields were, joined by commas, or '*'; for a role with audit: disclose", HelpName = "FIELDS",
    };

    private static Command ProveTotal()
    {
        var file = new Option<FileInfo>("--out") { Description = "Where to write it", HelpName = "FILE", Required = true };
        var attribute = new Option<string>("--attribute") { Description = "One that the app commits to: recordsRead", HelpName = "NAME", Required = true };
        var from = new Option<string?>("--from") { Description = "From this date or RFC 3339 instant on" };
        var to = new Option<string?>("--to", "--until") { Description = "Until this date or instant" };
        var below = new Option<string?>("--below") { Description = "Prove that the total is below this, and do not tell it", HelpName = "NUMBER" };
        var each = new Option<string?>("--each-below") { Description = "Prove that every single number is below this", HelpName = "NUMBER" };
        var command = new Command("prove-total", "A total of committed numbers, proven without showing an entry")
        {
            Tenant, Role, attribute, from, to, below, each, file,
        };
        command.SetAction((result, cancellationToken) => SaveAsync(
            result,
            "total",
            [
                ("attribute", result.GetRequiredValue(attribute)), ("at.gte", result.GetValue(from)), ("at.lt", result.GetValue(to)),
                ("below", result.GetValue(below)), ("each", result.GetValue(each)),
            ],
            result.GetRequiredValue(file),
            cancellationToken));
        return command;
    }

    private static Command Verify()
    {
        var arguments = new Argument<string[]>("arguments")
        {
            Description = "Those of bulkhead-verify: export FILE …", Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new Command("verify", "Runs bulkhead-verify, which shares nothing with the platform but the formats") { arguments };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction((result, cancellationToken) =>
            VerifierProcess.RunAsync((result.GetValue(arguments) ?? []).Concat(result.UnmatchedTokens), cancellationToken));
        return command;
    }

    private static async Task<int> SaveAsync(
        ParseResult result, string what, IReadOnlyList<(string Name, string? Value)> parameters, FileInfo file, CancellationToken cancellationToken)
    {
        var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(Tenant), result.GetRequiredValue(Role));
        await AuditDownload.SaveAsync(credentials, what, parameters, file, cancellationToken);
        Output.Message(parameters.Contains(("format", "ocsf"))
            ? $"{file.FullName}: {file.Length} bytes, without proofs: to prove them, export without --format"
            : $"{file.FullName}: {file.Length} bytes. Next step: ./bulkhead audit verify -- export {file.FullName} --log KEY (the one that you noted; ./bulkhead audit log says it)");
        return ExitCode.Done;
    }

    /// <summary>Of one entry: its line comes early, and is short.</summary>
    private static async Task<bool> DisclosesAsync(FileInfo file, CancellationToken cancellationToken)
    {
        await foreach (var line in File.ReadLinesAsync(file.FullName, cancellationToken))
        {
            if (line.StartsWith("{\"type\":\"entry\"", StringComparison.Ordinal))
            {
                return line.Contains(",\"disclosures\":[", StringComparison.Ordinal);
            }
        }

        return false;
    }

    private static void Show(JsonNode page)
    {
        Output.Table(
            ["at", "actor", "action", "entity", "result", "records"],
            (page["data"] as JsonArray ?? []).Select(entry => (string[])
            [
                $"{entry?["at"]}", $"{entry?["actor"]?["kind"]} {entry?["actor"]?["id"]}", $"{entry?["action"]}", $"{entry?["entity"]}",
                $"{entry?["result"]}", Records(entry?["records"]),
            ]));
        if (page["next"] is not null)
        {
            Output.Message($"There are more. Next step: --limit, a narrower filter, or --after {page["next"]}");
        }
    }

    private static string Records(JsonNode? records) =>
        records?["ids"] is JsonArray { Count: 1 } one ? $"{one[0]}" : records?["ids"] is JsonArray ids ? $"{ids.Count}" : $"{records?["count"]}";
}
