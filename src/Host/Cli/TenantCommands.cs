using System.CommandLine;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary><c>tenant list|show|create</c>.</summary>
internal static class TenantCommands
{
    public static Command Build() => new("tenant", "Tenants: list, show, create") { List(), Show(), TenantCreateCommand.Build() };

    public static void Table(JsonNode? tenants) => Output.Table(
        ["tenant", "name", "status", "isolation", "app"],
        (tenants as JsonArray ?? []).Select(tenant => (string[])
            [$"{tenant?["slug"]}", $"{tenant?["name"]}", $"{tenant?["status"]}", $"{tenant?["isolation"]}", $"{tenant?["app"]}@{tenant?["appVersion"]}"]));

    private static Command List()
    {
        var command = new Command("list", "All tenants, by slug");
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Operator(result);
            using var client = new ApiClient(credentials);
            var answer = await client.GetAsync(credentials.Url("operator/v1/tenants"), cancellationToken);
            Output.Write(result, answer, found => Table(found["data"]));
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Show()
    {
        var slug = new Argument<string>("TENANT") { Description = "Slug of the tenant" };
        var command = new Command("show", "One tenant: where it lives and how it is reached") { slug };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Operator(result);
            using var client = new ApiClient(credentials);
            var path = $"operator/v1/tenants/{Uri.EscapeDataString(result.GetRequiredValue(slug))}";
            var answer = await client.GetAsync(credentials.Url(path), cancellationToken);
            Output.Write(result, answer, Details);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Details(JsonNode tenant) => Output.Table(
        ["", ""],
        tenant.AsObject().Select(entry => (string[])
            [entry.Key, entry.Value is JsonArray list ? string.Join(", ", list) : $"{entry.Value}"]));
}
