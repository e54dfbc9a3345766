using System.CommandLine;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary><c>witnesses list|add|remove</c>: who signs the log of all tenants' heads besides the installation itself.</summary>
internal static class WitnessesCommands
{
    public static Command Build() => new("witnesses", "Who signs the log of all tenants' heads: list, add, remove") { List(), Add(), Remove() };

    private static Command List()
    {
        var command = new Command("list", "Witnesses, what each signed last, and the key that they are to know");
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Operator(result);
            using var client = new ApiClient(credentials);
            Output.Write(result, await client.GetAsync(credentials.Url("operator/v1/witnesses"), cancellationToken), Show);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Add()
    {
        var name = new Argument<string>("name") { Description = "How to call it here" };
        var vkey = new Option<string[]>("--vkey") { Description = "Its verifier key, as it prints it; its second by a second --vkey", Required = true };
        var url = new Option<string>("--url") { Description = "Where it listens, ending in '/'", Required = true };
        vkey.Validators.Add(option =>
        {
            if (option.Tokens.Count > 2)
            {
                option.AddError("A witness has one key, or two: of Ed25519, then of ML-DSA-44");
            }
        });
        var command = new Command("add", "Appoints a witness") { name, vkey, url };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Operator(result);
            using var client = new ApiClient(credentials);
            var keys = result.GetRequiredValue(vkey);
            var body = new JsonObject { ["vkey"] = keys[0], ["url"] = result.GetRequiredValue(url) };
            if (keys.Length == 2)
            {
                body["postQuantumVkey"] = keys[1];
            }

            Output.Write(result, await client.PutAsync(Url(credentials, result.GetRequiredValue(name)), body, cancellationToken), Show);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Remove()
    {
        var name = new Argument<string>("name") { Description = "As it was added" };
        var command = new Command("remove", "Takes an appointment back") { name };
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Operator(result);
            using var client = new ApiClient(credentials);
            Output.Write(result, await client.DeleteAsync(Url(credentials, result.GetRequiredValue(name)), cancellationToken), Show);
            return ExitCode.Done;
        });
        return command;
    }

    private static Uri Url(ClientCredentials credentials, string name) => credentials.Url($"operator/v1/witnesses/{Uri.EscapeDataString(name)}");

    private static void Show(JsonNode answer)
    {
        Console.WriteLine($"Log of heads {answer["origin"]}: {answer["logKey"]}");
        if (answer["postQuantumLogKey"] is { } second)
        {
            Console.WriteLine($"Its key of ML-DSA-44: {second}");
        }

        var witnesses = answer["witnesses"] as JsonArray ?? [];
        Output.Table(
            ["witness", "signed", "last answer", "url", "key"],
            witnesses.Select(w => (string[])[$"{w?["name"]}", $"{w?["signed"]}", Answer(w), $"{w?["url"]}", $"{w?["vkey"]}"]));
        foreach (var witness in witnesses)
        {
            if (witness?["refusal"] is { } refusal)
            {
                Output.Message($"{witness["name"]}, since {refusal["since"]}: {refusal["message"]} Next step: {refusal["nextStep"]}");
            }
        }
    }

    private static string Answer(JsonNode? witness) =>
        witness?["refusal"]?["kind"] is { } kind ? $"{kind}" : $"{witness?["signed"]}" == "0" ? "none yet" : "signed";
}
