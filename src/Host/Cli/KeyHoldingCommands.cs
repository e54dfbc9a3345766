using System.CommandLine;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary><c>keys service show|register|remove</c>: a tenant's keys in its own hands. Secrets come from files, never from flags.</summary>
internal static class KeyHoldingCommands
{
    private const string Path = "api/v1/keys/service";

    private static readonly Option<string> Tenant = new("--tenant")
    {
        Description = "Slug of the tenant",
        HelpName = "TENANT",
        Required = true,
    };

    private static readonly Option<string> Role = new("--role")
    {
        Description = "Role of the tenant's client to be",
        HelpName = "ROLE",
        DefaultValueFactory = _ => "securityOfficer",
    };

    public static Command Build() => new("service", "The tenant's own key service: show, register, remove")
    {
        Show(), Register(), Remove(),
    };

    private static Command Show()
    {
        var command = new Command("show", "Which service holds the tenant's keys") { Tenant, Role };
        command.SetAction((result, cancellationToken) => CallAsync(
            result, (client, url) => client.GetAsync(url, cancellationToken)));
        return command;
    }

    private static Command Register()
    {
        var from = new Argument<string>("FROM")
        {
            Description = "Folder that `key-service init` made, or a JSON file with the whole registration (docs/key-service.md)",
        };
        var address = new Option<string?>("--url")
        {
            Description = "Address of the service, with a folder: https://HOST[:PORT]",
            HelpName = "URL",
        };
        var command = new Command("register", "Takes the tenant's keys to its own service, or to a newer key of it")
        {
            from, Tenant, address, Role,
        };
        command.SetAction((result, cancellationToken) => CallAsync(result, async (client, url) =>
        {
            var source = result.GetRequiredValue(from);
            var body = Directory.Exists(source)
                ? FromFolder(
                    new DirectoryInfo(source),
                    result.GetValue(address)
                        ?? throw new ApiFault(ExitCode.Usage, ["Where does the service answer? Add --url https://HOST:PORT"]),
                    await client.GetAsync(url, cancellationToken))
                : FromFile(new FileInfo(source));
            return await client.PutAsync(url, body, cancellationToken);
        }));
        return command;
    }

    private static Command Remove()
    {
        var command = new Command("remove", "Brings the tenant's keys home; the service must open them once more") { Tenant, Role };
        command.SetAction((result, cancellationToken) => CallAsync(
            result, (client, url) => client.DeleteAsync(url, cancellationToken)));
        return command;
    }

    private static async Task<int> CallAsync(ParseResult result, Func<ApiClient, Uri, Task<JsonNode>> call)
    {
        var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(Tenant), result.GetRequiredValue(Role));
        using var client = new ApiClient(credentials);
        Output.Write(result, await call(client, credentials.Url(Path)), Print);
        return ExitCode.Done;
    }

    private static void Print(JsonNode answer)
    {
        if (answer["registration"] is not { } registration)
        {
            Console.WriteLine("The platform holds the tenant's keys.");
            return;
        }

        Console.WriteLine($"The tenant holds its keys at {registration["url"]}, registered {registration["registeredAt"]}");
        Console.WriteLine($"The platform's certificate there is good until {registration["clientCertificateEnds"]}");
        Output.Table(
            ["root", "key", ""],
            (registration["keys"] as JsonArray ?? []).Select(key => (string[])
                [$"{key?["root"]}", $"{key?["id"]}", (bool?)key?["used"] == true ? "in use" : "not in use"]));
    }

    /// <summary>
    /// Reads what is to be handed over, and none of the private keys of the service. Keys that are registered keep their numbers; others
    /// get the next ones, oldest first, so that the newest is used.
    /// </summary>
    internal static JsonObject FromFolder(DirectoryInfo folder, string url, JsonNode shown)
    {
        var platform = ReadText(new FileInfo(System.IO.Path.Combine(folder.FullName, "platform.pem")), isSecret: true);
        var known = (shown["registration"]?["keys"] as JsonArray ?? []).OfType<JsonObject>().ToList();
        var keys = new JsonArray([.. known.Select(k => Key((int)k["root"]!, (string)k["publicKey"]!))]);
        var next = known.Select(k => (int)k["root"]!).DefaultIfEmpty().Max() + 1;
        var found = new DirectoryInfo(System.IO.Path.Combine(folder.FullName, "keys")) is { Exists: true } place
            ? place.GetFiles("*.pub.pem").OrderBy(f => f.LastWriteTimeUtc).ThenBy(f => f.Name, StringComparer.Ordinal)
            : Enumerable.Empty<FileInfo>();
        foreach (var file in found.Where(f => !known.Exists(k => $"{k["id"]}.pub.pem" == f.Name)))
        {
            keys.Add(Key(next++, ReadText(file, isSecret: false)));
        }

        return new JsonObject
        {
            ["url"] = url,
            ["serverCa"] = ReadText(new FileInfo(System.IO.Path.Combine(folder.FullName, "ca.pem")), isSecret: false),
            ["keys"] = keys,
            ["clientCertificate"] = Certificates(platform),
            ["clientKey"] = platform,
        };

        static JsonNode Key(int root, string pem) => new JsonObject { ["root"] = root, ["publicKey"] = pem };
    }

    private static string Certificates(string pem)
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPem(pem);
        return certificates.ExportCertificatePems();
    }

    private static JsonNode FromFile(FileInfo file)
    {
        try
        {
            return JsonNode.Parse(ReadText(file, isSecret: true)) ?? new JsonObject();
        }
        catch (JsonException)
        {
            throw new ApiFault(ExitCode.Usage, [$"{file} is no JSON"]);
        }
    }

    private static string ReadText(FileInfo file, bool isSecret)
    {
        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        if (!file.Exists)
        {
            throw new ApiFault(ExitCode.Usage, [$"{file} is not there: name the folder that `key-service init` made, or a JSON file"]);
        }

        return isSecret && (file.UnixFileMode & others) != 0
            ? throw new ApiFault(ExitCode.Usage, [$"{file} is open to others than its owner: chmod 600 {file}"])
            : File.ReadAllText(file.FullName);
    }
}
