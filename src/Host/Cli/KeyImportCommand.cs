using System.Buffers.Text;
using System.CommandLine;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Host.Cli;

/// <summary><c>keys import --tenant T FILE</c>: seals a key that the tenant brings to a fresh public key of the platform, and hands it over.</summary>
internal static class KeyImportCommand
{
    private const int KeyLength = 32;

    public static Command Build()
    {
        var tenant = new Option<string>("--tenant") { Description = "Slug of the tenant", HelpName = "TENANT", Required = true };
        var role = new Option<string>("--role")
        {
            Description = "Role of the tenant's client to be", HelpName = "ROLE", DefaultValueFactory = _ => "securityOfficer",
        };
        var file = new Argument<FileInfo>("FILE") { Description = $"File with the key: {KeyLength} random bytes, readable by its owner only" };
        var command = new Command("import", "Brings the tenant's own key: it wraps the keys of the rows from then on") { file, tenant, role };
        command.SetAction(async (result, cancellationToken) =>
        {
            var key = Read(result.GetRequiredValue(file));
            try
            {
                var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(tenant), result.GetRequiredValue(role));
                using var client = new ApiClient(credentials);
                var offer = await client.PostAsync(credentials.Url("api/v1/keys/import"), "", "application/json", cancellationToken);
                var sealedKey = ImportSealing.Seal(Bytes(offer, "publicKey"), key, Bytes(offer, "associated"));
                var body = new JsonObject { ["sealed"] = Base64Url.EncodeToString(sealedKey) };
                var answer = await client.PostAsync(
                    credentials.Url($"api/v1/keys/import/{offer["id"]}"), body, cancellationToken);
                Output.Write(result, answer, _ => Console.WriteLine($"The key was taken, sealed by {offer["algorithm"]}. Keep your copy, or destroy it."));
                return ExitCode.Done;
            }
            finally
            {
                CryptographicOperations.ZeroMemory(key);
            }
        });
        return command;
    }

    private static byte[] Read(FileInfo file)
    {
        if (!file.Exists || file.Length != KeyLength)
        {
            throw new ApiFault(
                ExitCode.Usage, [$"{file.FullName} is no file of {KeyLength} bytes: make one with head -c {KeyLength} /dev/urandom > FILE"]);
        }

        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        return (file.UnixFileMode & others) == 0
            ? File.ReadAllBytes(file.FullName)
            : throw new ApiFault(ExitCode.Usage, [$"{file.FullName} is open to others than its owner: chmod 600 {file.FullName}"]);
    }

    private static byte[] Bytes(JsonNode answer, string name) => Base64Url.DecodeFromChars((string)answer[name]!);
}
