using System.CommandLine;

namespace Bulkhead.Host.Cli;

/// <summary><c>audit policy</c>: the access rules whose digest entries have, on standard output without a line's end: what the digest is of.</summary>
internal static class AuditPolicyCommand
{
    public static Command Build(Option<string> tenant, Option<string> role)
    {
        var digest = new Option<string?>("--digest") { Description = "Those of an entry's policy; without it, those of now", HelpName = "DIGEST" };
        var command = new Command("policy", "The access rules that decided, as their digest in entries has them") { tenant, role, digest };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(tenant), result.GetRequiredValue(role));
            using var client = new ApiClient(credentials);
            var query = result.GetValue(digest) is { } wanted ? $"?digest={Uri.EscapeDataString(wanted)}" : "";
            var policy = await client.GetAsync(credentials.Url($"api/v1/audit/policy{query}"), cancellationToken);
            Console.Out.Write(policy.ToJsonString());
            return ExitCode.Done;
        });
        return command;
    }
}
