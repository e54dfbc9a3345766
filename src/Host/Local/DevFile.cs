using System.Text.Json;

namespace Bulkhead.Host.Local;

/// <summary>
/// <c>.bulkhead/dev.json</c>: what a developer's own machine needs to use its installation: where it is, and clients with their
/// secrets. Written by <c>up</c>, mode 0600, never in production.
/// </summary>
internal sealed record DevFile(string BaseUrl, DevOperator Operator, IReadOnlyList<DevTenant> Tenants)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly JsonSerializerOptions Shape = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>Null when there is no such file.</summary>
    /// <exception cref="JsonException">The file is not of this shape.</exception>
    public static DevFile? Load(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            return JsonSerializer.Deserialize<DevFile>(file, Shape);
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Replaces the file whole: a reader sees the old one or the new one, and nobody else ever reads either.</summary>
    public void Save(string path)
    {
        var next = path + ".new";
        // left over from a process that died: it might have another mode
        File.Delete(next);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        using (var file = new FileStream(next, options))
        {
            JsonSerializer.Serialize(file, this, Shape);
            file.Flush(flushToDisk: true);
        }

        File.Move(next, path, overwrite: true);
    }

    public DevTenant? Tenant(string slug) => Tenants.FirstOrDefault(t => t.Slug == slug);
}

/// <param name="TokenUrl">Of the operator's issuer.</param>
internal sealed record DevOperator(string TokenUrl, string ClientId, string ClientSecret);

/// <param name="Isolation">shared, schema or database.</param>
internal sealed record DevTenant(
    string Slug, string Isolation, string BaseUrl, string TokenUrl, string ApiUrl, IReadOnlyList<DevClient> Clients)
{
    public DevClient? Client(string role) => Clients.FirstOrDefault(c => c.Role == role);
}

internal sealed record DevClient(string Role, string ClientId, string ClientSecret);
