using System.CommandLine;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary><c>audit values</c>: what a record held before an act and after it.</summary>
internal static class AuditValuesCommand
{
    public static Command Build(Option<string> tenant)
    {
        var entry = new Argument<Guid>("entry") { Description = "Id of the entry, as audit search --json shows it" };
        var fields = new Option<string?>("--fields") { Description = "Only these, joined by commas", HelpName = "FIELDS" };
        var role = new Option<string>("--role")
        {
            Description = "Role of the tenant's client to be; one with audit: disclose", HelpName = "ROLE", DefaultValueFactory = _ => "privacyOfficer",
        };
        var command = new Command("values", "What the fields of a record held before an act and after it; itself recorded") { entry, tenant, role, fields };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(tenant), result.GetRequiredValue(role));
            using var client = new ApiClient(credentials);
            var query = result.GetValue(fields) is { } names ? $"?fields={Uri.EscapeDataString(names)}" : "";
            var values = await client.GetAsync(credentials.Url($"api/v1/audit/{result.GetRequiredValue(entry)}/values{query}"), cancellationToken);
            Output.Write(result, values, Show);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Show(JsonNode values)
    {
        Console.WriteLine($"{values["entity"]} {values["record"]}");
        if ($"{values["erased"]}" == "true")
        {
            Output.Message("The person was forgotten, or the record deleted: nobody discloses these values any more.");
        }

        Output.Table(
            ["field", "before", "after", "digest in the entry"],
            (values["values"] as JsonArray ?? []).Select(v => (string[])
                [$"{v?["field"]}", Text(v?["before"]), Text(v?["after"]), $"{v?["digest"]}"]));
    }

    private static string Text(JsonNode? value) => value?.ToJsonString() ?? "-";
}
