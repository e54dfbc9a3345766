using System.Security.Cryptography;

namespace Samples.KeyService;

/// <summary>
/// All that the service keeps. Every request reads it anew, so that a command, or deleting a file by hand, works at once.
/// </summary>
internal sealed class KeyFolder(string path)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The CA that the platform trusts for this service, and no other.</summary>
    public string Ca => Path.Combine(path, "ca.pem");

    public string CaKey => Path.Combine(path, "ca-key.pem");

    /// <summary>Certificate and private key of this server.</summary>
    public string ServerPem => Path.Combine(path, "server.pem");

    /// <summary>Certificate and private key that the platform presents.</summary>
    public string PlatformPem => Path.Combine(path, "platform.pem");

    /// <summary>One JSON line for each request.</summary>
    public string Log => Path.Combine(path, "unwraps.log");

    /// <summary>The only tenant whose keys are unwrapped.</summary>
    public Guid Tenant => Guid.ParseExact(File.ReadAllText(TenantFile).Trim(), "D");

    public bool IsWithdrawn
    {
        // A folder that cannot be read withholds, too: File.Exists alone would answer "granted".
        get => File.Exists(WithdrawnFile) || !File.Exists(TenantFile);
        set
        {
            _ = Tenant;
            if (value)
            {
                WriteSecret(WithdrawnFile, "");
            }
            else
            {
                File.Delete(WithdrawnFile);
            }
        }
    }

    private string TenantFile => Path.Combine(path, "tenant");

    private string WithdrawnFile => Path.Combine(path, "withdrawn");

    private string Keys => Path.Combine(path, "keys");

    public string PublicKeyOf(string id) => Path.Combine(Keys, id + ".pub.pem");

    /// <summary>Gives the id of the first key.</summary>
    public string Create(Guid tenant)
    {
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
        {
            throw new InvalidOperationException($"{path} is not empty. A new key would not open what the old one holds.");
        }

        Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
        Directory.CreateDirectory(Keys, OwnerOnly | UnixFileMode.UserExecute);
        WriteSecret(TenantFile, tenant.ToString("D"));
        return AddKey();
    }

    public string AddKey()
    {
        using var key = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var id = IdOf(key);
        WriteSecret(PrivateKeyOf(id), key.ExportPkcs8PrivateKeyPem());
        WriteSecret(PublicKeyOf(id), key.ExportSubjectPublicKeyInfoPem());
        return id;
    }

    /// <summary>Null when there is no such key.</summary>
    public ECDiffieHellman? Find(string id)
    {
        // The id becomes a file name.
        if (id.Length != 64 || !id.All(char.IsAsciiHexDigitLower) || !File.Exists(PrivateKeyOf(id)))
        {
            return null;
        }

        var key = ECDiffieHellman.Create();
        key.ImportFromPem(File.ReadAllText(PrivateKeyOf(id)));
        return key;
    }

    public static void WriteSecret(string file, string text)
    {
        var fresh = file + ".new";
        File.Delete(fresh);
        using (var stream = new FileStream(fresh, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = OwnerOnly,
        }))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }

        File.Move(fresh, file, overwrite: true);
    }

    private static string IdOf(ECDiffieHellman key) =>
        Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));

    private string PrivateKeyOf(string id) => Path.Combine(Keys, id + ".pem");
}
