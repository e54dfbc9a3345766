using System.CommandLine;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary>
/// <c>keys destroy --tenant T [--as-operator]</c>: the first call asks, the same by another actor does it and gives the receipt.
/// </summary>
internal static class KeyDestroyCommand
{
    public static Command Build()
    {
        var tenant = new Option<string>("--tenant") { Description = "Slug of the tenant", HelpName = "TENANT", Required = true };
        var role = new Option<string>("--role")
        {
            Description = "Role of the tenant's client to be", HelpName = "ROLE", DefaultValueFactory = _ => "securityOfficer",
        };
        var isOperator = new Option<bool>("--as-operator") { Description = "Act as the operator, as one of the two" };
        var command = new Command(
            "destroy", "Destroys a tenant's keys for good: asked for by one actor, done by another, with a signed receipt")
        {
            tenant, role, isOperator,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            var slug = result.GetRequiredValue(tenant);
            var asOperator = result.GetValue(isOperator);
            var credentials = asOperator
                ? ClientCredentials.Operator(result)
                : ClientCredentials.Tenant(result, slug, result.GetRequiredValue(role));
            using var client = new ApiClient(credentials);
            var path = asOperator ? $"operator/v1/tenants/{Uri.EscapeDataString(slug)}/keys/destroy" : "api/v1/keys/destroy";
            Output.Write(result, await client.PostAsync(credentials.Url(path), "", "application/json", cancellationToken), Show);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Show(JsonNode answer)
    {
        if (answer["receipt"] is not JsonObject receipt)
        {
            Console.WriteLine($"Asked for by {answer["requestedBy"]}: another actor must repeat this before {answer["expiresAt"]}.");
            return;
        }

        ShowReceipt(receipt);
    }

    public static void ShowReceipt(JsonObject receipt)
    {
        Console.WriteLine($"{receipt["text"]}");
        Console.WriteLine();
        Console.WriteLine("Signed by ECDSA P-256" + (receipt["mlDsa65"] is null ? $"; ML-DSA-65 {receipt["whyNoMlDsa65"]}" : " and ML-DSA-65"));
        Console.WriteLine("The signatures are in the answer with --json.");
    }
}
