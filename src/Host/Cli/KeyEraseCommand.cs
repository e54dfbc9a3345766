using System.CommandLine;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary>
/// <c>keys erase --tenant T --subject people/ID</c>: destroys the key of one person; <c>--show</c> only shows the receipt.
/// </summary>
internal static class KeyEraseCommand
{
    public static Command Build()
    {
        var tenant = new Option<string>("--tenant") { Description = "Slug of the tenant", HelpName = "TENANT", Required = true };
        var role = new Option<string>("--role")
        {
            Description = "Role of the tenant's client to be", HelpName = "ROLE", DefaultValueFactory = _ => "securityOfficer",
        };
        var subject = new Option<string>("--subject")
        {
            Description = "The person, as in the API: people/018f…", HelpName = "PLURAL/ID", Required = true,
        };
        var isShown = new Option<bool>("--show") { Description = "Erases nothing: shows the receipt of an erasure" };
        var command = new Command(
            "erase", "Erases one person by destroying the person's key (for entities with keyPerSubject), with a signed receipt")
        {
            tenant, role, subject, isShown,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            if (result.GetRequiredValue(subject).Split('/') is not [var plural, var id] || !Guid.TryParse(id, out _))
            {
                throw new ApiFault(
                    ExitCode.Usage, ["--subject is the person's path in the API, such as people/018f0000-0000-7000-8000-000000000001"]);
            }

            var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(tenant), result.GetRequiredValue(role));
            using var client = new ApiClient(credentials);
            var url = $"api/v1/keys/subjects/{Uri.EscapeDataString(plural)}/{id}";
            var answer = result.GetValue(isShown)
                ? await client.GetAsync(credentials.Url(url), cancellationToken)
                : await client.PostAsync(credentials.Url($"{url}/erase"), "", "application/json", cancellationToken);
            Output.Write(result, answer, Show);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Show(JsonNode answer)
    {
        Console.WriteLine($"{answer["entity"]} {answer["subject"]} was erased at {answer["erasedAt"]} by {answer["erasedBy"]}.");
        if (answer["receipt"] is JsonObject receipt)
        {
            KeyDestroyCommand.ShowReceipt(receipt);
        }
        else
        {
            Console.WriteLine("What was sealed about it is unreadable now. The receipt comes when no key of the installation opens a copy");
            Console.WriteLine("of the person's key any more, within minutes: repeat this with --show.");
        }
    }
}
