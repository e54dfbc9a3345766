using System.CommandLine;

namespace Bulkhead.Host.Cli;

/// <summary><c>token TENANT --role R</c>: prints an access token, and nothing else, so that it fits into another command.</summary>
internal static class TokenCommand
{
    public static Command Build()
    {
        var tenant = new Argument<string>("TENANT") { Description = "Slug of the tenant" };
        var role = new Option<string>("--role") { Description = "Role of the client to be", HelpName = "ROLE", Required = true };
        var command = new Command("token", "Prints an access token of a tenant's client") { tenant, role };
        command.SetAction(async (result, cancellationToken) =>
        {
            using var client = new ApiClient(
                ClientCredentials.Tenant(result, result.GetRequiredValue(tenant), result.GetRequiredValue(role)));
            var answer = await client.TokenAsync(cancellationToken);
            Output.Write(result, answer, token => Console.WriteLine((string?)token["access_token"]));
            return ExitCode.Done;
        });
        return command;
    }
}
