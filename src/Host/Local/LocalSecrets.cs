using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Bulkhead.Host.Local;

/// <summary>The passwords of an installation on this machine, each with 256 random bits; made once, kept in a file of mode 0600.</summary>
internal sealed record LocalSecrets(
    string DeployerPassword,
    string AppPassword,
    string OperatorClientId,
    string OperatorClientSecret)
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public byte[] OperatorSecretDigest => SHA256.HashData(Encoding.UTF8.GetBytes(OperatorClientSecret));

    public static LocalSecrets LoadOrCreate(DataFolder folder, bool databaseExists)
    {
        if (File.Exists(folder.SecretsFile))
        {
            return Load(folder.SecretsFile);
        }

        if (databaseExists)
        {
            throw new StartFault(
                $"{folder.SecretsFile} is missing, and without it the database is closed: put it back, or start over with ./bulkhead reset");
        }

        var secrets = new LocalSecrets(NewSecret(), NewSecret(), "operator", NewSecret());
        DataFolder.WriteAtomically(folder.SecretsFile, JsonSerializer.Serialize(secrets, Format) + "\n");
        return secrets;
    }

    private static LocalSecrets Load(string file)
    {
        try
        {
            if (JsonSerializer.Deserialize<LocalSecrets>(File.ReadAllText(file), Format) is
                { DeployerPassword: not null, AppPassword: not null, OperatorClientId: not null, OperatorClientSecret: not null } found)
            {
                return found;
            }
        }
        catch (JsonException)
        {
            // The same line as for a file that lacks a value.
        }

        throw new StartFault($"{file} cannot be read: put it back from a copy, or start over with ./bulkhead reset");
    }

    private static string NewSecret() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
}
