using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Bulkhead.Host.Local;

namespace Bulkhead.Host.StartPage;

/// <param name="ExpiresIn">Seconds.</param>
internal sealed record DevToken(string Tenant, string Role, string Token, int ExpiresIn);

internal sealed record DevTenantInfo(
    string Slug,
    string Isolation,
    string ApiUrl,
    IReadOnlyList<string> Roles,
    IReadOnlyDictionary<string, long>? Counts);

/// <param name="Tenants">A tenant that does not answer now has no counts.</param>
internal sealed record DevInfo(
    string Version, string? Postgres, string? App, string BaseUrl, IReadOnlyList<DevTenantInfo> Tenants);

/// <summary>
/// What the start page knows in development. It asks as any client does, over HTTP with the clients of <c>dev.json</c>:
/// the page can do nothing that those clients cannot, and every token is in the tenant's audit log.
/// </summary>
internal sealed class DevAccess(DataFolder folder, HttpClient http, TimeProvider time) : IDisposable
{
    private const string CountingRole = "admin";

    /// <summary>A token this close to its end is not used again.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, (string Token, DateTimeOffset Until)> _tokens =
        new(StringComparer.Ordinal);

    /// <summary>Null before <c>up</c> has written the file.</summary>
    public async Task<DevInfo?> InfoAsync(CancellationToken cancellationToken)
    {
        if (DevFile.Read(folder) is not { } file)
        {
            return null;
        }

        var status = StatusAsync(file, cancellationToken);
        var tenants = await Task.WhenAll(file.Tenants.Select(t => TenantAsync(t, cancellationToken)));
        var (postgres, app) = await status;
        return new DevInfo(ProductVersion.Text, postgres, app, file.BaseUrl, tenants);
    }

    /// <summary>
    /// A fresh token; null when the tenant or the role has no client in the file, or the issuer refuses it.
    /// </summary>
    public async Task<DevToken?> TokenAsync(string tenant, string role, CancellationToken cancellationToken)
    {
        if (DevFile.Read(folder)?.Find(tenant) is not { } known || known.Client(role) is not { } client)
        {
            return null;
        }

        var issued = await IssueAsync(known.TokenUrl, client.ClientId, client.ClientSecret, cancellationToken);
        return issued is var (token, seconds)
            ? new DevToken(tenant, role, token, seconds)
            : null;
    }

    public void Dispose() => http.Dispose();

    private async Task<DevTenantInfo> TenantAsync(DevTenant tenant, CancellationToken cancellationToken)
    {
        Dictionary<string, long>? counts = null;
        if (tenant.Client(CountingRole) is { } client
            && await ReadAsync($"{tenant.ApiUrl}/counts", tenant.TokenUrl, client.ClientId, client.ClientSecret,
                cancellationToken)
                is { } answer)
        {
            using (answer)
            {
                counts = answer.RootElement.GetProperty("data").Deserialize<Dictionary<string, long>>();
            }
        }

        return new(tenant.Slug, tenant.Isolation, tenant.ApiUrl, [.. tenant.Clients.Select(c => c.Role)], counts);
    }

    private async Task<(string? Postgres, string? App)> StatusAsync(DevFile file, CancellationToken cancellationToken)
    {
        var url = $"{file.BaseUrl}/operator/v1/status";
        using var answer = await ReadAsync(
            url, file.Operator.TokenUrl, file.Operator.ClientId, file.Operator.ClientSecret, cancellationToken);
        return answer is null ? default : (Word(answer.RootElement, "postgres"), Apps(answer.RootElement));
    }

    private async Task<JsonDocument?> ReadAsync(
        string url, string tokenUrl, string clientId, string secret, CancellationToken cancellationToken)
    {
        try
        {
            if (await TokenForAsync(tokenUrl, clientId, secret, cancellationToken) is not { } token)
            {
                return null;
            }

            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var response = await http.SendAsync(request, cancellationToken);
            return response.IsSuccessStatusCode
                ? await response.Content.ReadFromJsonAsync<JsonDocument>(cancellationToken)
                : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private async Task<string?> TokenForAsync(
        string tokenUrl, string clientId, string secret, CancellationToken cancellationToken)
    {
        if (_tokens.TryGetValue(clientId, out var kept) && kept.Until > time.GetUtcNow())
        {
            return kept.Token;
        }

        if (await IssueAsync(tokenUrl, clientId, secret, cancellationToken) is not var (token, seconds))
        {
            return null;
        }

        _tokens[clientId] = (token, time.GetUtcNow() + TimeSpan.FromSeconds(seconds) - Margin);
        return token;
    }

    /// <summary>RFC 6749 section 4.4, the client named by Basic (section 2.3.1: form-encoded first).</summary>
    private async Task<(string Token, int Seconds)?> IssueAsync(
        string tokenUrl, string clientId, string secret, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, tokenUrl);
        var pair = $"{Uri.EscapeDataString(clientId)}:{Uri.EscapeDataString(secret)}";
        request.Headers.Authorization =
            new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
        request.Content = new FormUrlEncodedContent([new("grant_type", "client_credentials")]);
        using var response = await http.SendAsync(request, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            return null;
        }

        using var answer = await response.Content.ReadFromJsonAsync<JsonDocument>(cancellationToken);
        return answer is null
            ? null
            : (answer.RootElement.GetProperty("access_token").GetString()!,
                answer.RootElement.GetProperty("expires_in").GetInt32());
    }

    private static string? Apps(JsonElement status) =>
        status.TryGetProperty("apps", out var apps) && apps.ValueKind == JsonValueKind.Array
            && apps.GetArrayLength() > 0
            ? string.Join(", ", apps.EnumerateArray().Select(app => $"{Word(app, "name")} {app.GetProperty("version")}"))
            : null;

    private static string? Word(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;
}
