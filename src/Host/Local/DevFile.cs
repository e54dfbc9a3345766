using System.Text.Encodings.Web;
using System.Text.Json;

namespace Bulkhead.Host.Local;

internal sealed record DevClient(string Role, string ClientId, string ClientSecret);

internal sealed record DevOperator(string TokenUrl, string ClientId, string ClientSecret);

internal sealed record DevTenant(
    string Slug, string Isolation, string BaseUrl, string TokenUrl, string ApiUrl, IReadOnlyList<DevClient> Clients)
{
    public DevClient? Client(string role) => Clients.FirstOrDefault(c => c.Role == role);
}

/// <summary><c>dev.json</c>: where the development installation is and how to get in. Mode 0600.</summary>
internal sealed record DevFile(string BaseUrl, DevOperator Operator, IReadOnlyList<DevTenant> Tenants)
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>Null when there is none.</summary>
    public static DevFile? Read(DataFolder folder)
    {
        if (!File.Exists(folder.DevFile))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<DevFile>(File.ReadAllText(folder.DevFile), Format);
        }
        catch (JsonException exception)
        {
            throw new StartFault($"{folder.DevFile} cannot be read: {exception.Message}", exception);
        }
    }

    public DevTenant? Find(string slug) => Tenants.FirstOrDefault(t => t.Slug == slug);

    public void Write(DataFolder folder) => DataFolder.WriteAtomically(folder.DevFile, JsonSerializer.Serialize(this, Format) + "\n");

    /// <summary>The same tenants and secrets at another address: the port changed.</summary>
    public DevFile At(string baseUrl, DevOperator account) =>
        new(baseUrl, account, [.. Tenants.Select(tenant => Tenant(baseUrl, tenant.Slug, tenant.Isolation, tenant.Clients))]);

    public static DevTenant Tenant(string baseUrl, string slug, string isolation, IReadOnlyList<DevClient> clients)
    {
        var tenant = $"{baseUrl}/t/{slug}";
        return new DevTenant(slug, isolation, tenant, $"{tenant}/oauth/token", $"{tenant}/api/v1", clients);
    }
}
