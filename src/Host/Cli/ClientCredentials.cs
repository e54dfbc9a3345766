using System.CommandLine;
using Bulkhead.Host.Local;

namespace Bulkhead.Host.Cli;

/// <summary>
/// Where to call and as whom: from the environment (<c>BULKHEAD_URL</c>, <c>BULKHEAD_CLIENT_ID</c>, <c>BULKHEAD_CLIENT_SECRET</c>),
/// else from dev.json. Never from flags: other users of the machine see those.
/// </summary>
internal sealed record ClientCredentials(Uri BaseUrl, Uri TokenUrl, string ClientId, string ClientSecret)
{
    /// <summary>Of the tenant's client; null for the operator, and for a client from the environment.</summary>
    public string? Role { get; init; }

    public Uri Url(string path) => new($"{BaseUrl.AbsoluteUri.TrimEnd('/')}/{path}");

    public static ClientCredentials Operator(ParseResult result)
    {
        if (FromEnvironment("operator/oauth/token", "") is { } given)
        {
            return given;
        }

        var dev = Dev(result);
        return new ClientCredentials(
            new Uri(dev.BaseUrl), new Uri(dev.Operator.TokenUrl), dev.Operator.ClientId, dev.Operator.ClientSecret);
    }

    /// <summary>Credentials of a tenant's client with that role; <see cref="BaseUrl"/> is the tenant's.</summary>
    public static ClientCredentials Tenant(ParseResult result, string slug, string role)
    {
        if (FromEnvironment($"t/{slug}/oauth/token", $"t/{slug}") is { } given)
        {
            return given;
        }

        var dev = Dev(result);
        var tenant = dev.Tenants.FirstOrDefault(tenant => tenant.Slug == slug) ?? throw new ApiFault(
            ExitCode.Failed,
            [$"No credentials for the tenant '{slug}' here; known: {string.Join(", ", dev.Tenants.Select(tenant => tenant.Slug))}"]);
        var client = tenant.Clients.FirstOrDefault(client => client.Role == role) ?? throw new ApiFault(
            ExitCode.Failed,
            [$"No client of {slug} has the role '{role}' here; known: {string.Join(", ", tenant.Clients.Select(client => client.Role))}"]);
        return new ClientCredentials(new Uri(tenant.BaseUrl), new Uri(tenant.TokenUrl), client.ClientId, client.ClientSecret) { Role = role };
    }

    private static ClientCredentials? FromEnvironment(string tokenPath, string basePath)
    {
        var url = Environment.GetEnvironmentVariable("BULKHEAD_URL")?.TrimEnd('/');
        var id = Environment.GetEnvironmentVariable("BULKHEAD_CLIENT_ID");
        var secret = Environment.GetEnvironmentVariable("BULKHEAD_CLIENT_SECRET");
        if (string.IsNullOrEmpty(url) && string.IsNullOrEmpty(id) && string.IsNullOrEmpty(secret))
        {
            return null;
        }

        if (string.IsNullOrEmpty(url) || string.IsNullOrEmpty(id) || string.IsNullOrEmpty(secret))
        {
            throw new ApiFault(
                ExitCode.Usage, ["BULKHEAD_URL, BULKHEAD_CLIENT_ID and BULKHEAD_CLIENT_SECRET are set together, or none of them"]);
        }

        return Uri.TryCreate($"{url}/{basePath}", UriKind.Absolute, out var root)
            && root is { Scheme: "http" or "https", Host: not "" }
            ? new ClientCredentials(root, new Uri($"{url}/{tokenPath}"), id, secret)
            : throw new ApiFault(
                ExitCode.Usage, ["BULKHEAD_URL is the installation's address, such as https://bulkhead.example, without /t/TENANT"]);
    }

    private static DevFile Dev(ParseResult result)
    {
        var folder = result.DataFolder();
        return DevFile.Read(folder) ?? throw new ApiFault(
            ExitCode.NotReachable, [$"{folder.DevFile} is not there: start with ./bulkhead up, or set BULKHEAD_URL and a client"]);
    }
}
