using System.CommandLine;
using System.Text.Json.Nodes;
using Bulkhead.Host.Local;

namespace Bulkhead.Host.Cli;

/// <summary>
/// <c>tenant create</c>: onboards a tenant. Its clients' secrets are shown once; those of a local installation also go into dev.json.
/// </summary>
internal static class TenantCreateCommand
{
    public static Command Build()
    {
        var slug = new Argument<string>("TENANT") { Description = "Slug: a-z, 0-9 and '-'" };
        var name = new Option<string?>("--name") { Description = "Name for people (default: the slug)", HelpName = "NAME" };
        var isolation = new Option<string>("--isolation")
        {
            Description = "shared, schema or database",
            HelpName = "KIND",
            Required = true,
        };
        isolation.AcceptOnlyFromAmong("shared", "schema", "database");
        var app = new Option<string>("--app") { Description = "Name of the deployed app", HelpName = "APP", Required = true };
        var hosts = new Option<string[]>("--host") { Description = "Host name of its own; may be repeated", HelpName = "HOST" };
        var roles = new Option<string[]>("--role") { Description = "Makes a client with that role; may be repeated", HelpName = "ROLE" };
        var command = new Command("create", "Onboards a tenant; shows its clients' secrets once")
        {
            slug, name, isolation, app, hosts, roles,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            var request = new JsonObject
            {
                ["slug"] = result.GetRequiredValue(slug),
                ["name"] = result.GetValue(name) ?? result.GetRequiredValue(slug),
                ["isolation"] = result.GetRequiredValue(isolation),
                ["app"] = result.GetRequiredValue(app),
                ["hosts"] = new JsonArray([.. (result.GetValue(hosts) ?? []).Select(host => JsonValue.Create(host))]),
                ["serviceAccounts"] = new JsonArray([.. (result.GetValue(roles) ?? []).Select(role => new JsonObject { ["role"] = role })]),
            };
            var credentials = ClientCredentials.Operator(result);
            using var client = new ApiClient(credentials);
            var answer = await client.PostAsync(credentials.Url("operator/v1/tenants"), request, cancellationToken);
            Remember(result.DataFolder(), credentials, answer);
            Output.Write(result, answer, Show);
            return ExitCode.Done;
        });
        return command;
    }

    // So that `token` and `data import` know the new tenant; only where the call went to the installation of that file.
    private static void Remember(DataFolder folder, ClientCredentials credentials, JsonNode answer)
    {
        if (DevFile.Read(folder) is { } dev && new Uri(dev.BaseUrl).Equals(credentials.BaseUrl) &&
            (string?)answer["slug"] is { } slug && (string?)answer["isolation"] is { } isolation)
        {
            var tenant = DevFile.Tenant(dev.BaseUrl, slug, isolation, TenantAnswer.Clients(answer));
            (dev with { Tenants = [.. dev.Tenants.Where(known => known.Slug != slug), tenant] }).Write(folder);
        }
    }

    private static void Show(JsonNode tenant)
    {
        Console.WriteLine($"{tenant["slug"]} is ready at {tenant["apiUrl"]}");
        if (TenantAnswer.Clients(tenant) is { Count: > 0 } clients)
        {
            Output.Table(
                ["role", "client id", "client secret"],
                clients.Select(client => (string[])[client.Role, client.ClientId, client.ClientSecret]));
            Output.Message("The secrets are not shown again; on this machine they are also in dev.json.");
        }
    }
}
