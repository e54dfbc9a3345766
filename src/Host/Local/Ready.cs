using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bulkhead.Host.Cli;

namespace Bulkhead.Host.Local;

/// <summary>What stands on the screen when everything serves: where, the tenants, and three lines to paste.</summary>
internal static class Ready
{
    public static async Task WriteAsync(ParseResult arguments, string url, DevFile? dev, CancellationToken cancellationToken)
    {
        var tenants = await Task.WhenAll(
            (dev?.Tenants ?? []).Select(async tenant => (Tenant: tenant, Rows: await RowsAsync(tenant, cancellationToken))));
        var curl = Examples(arguments, [.. tenants.Select(entry => entry.Tenant)]).ToList();
        if (arguments.GetValue(Output.Json))
        {
            var shown = tenants.Select(entry => new { entry.Tenant.Slug, entry.Tenant.Isolation, entry.Rows, entry.Tenant.ApiUrl });
            Console.WriteLine(JsonSerializer.Serialize(new { ready = url, tenants = shown, curl }, JsonSerializerOptions.Web));
            return;
        }

        Console.WriteLine($"ready {url}");
        if (tenants.Length > 0)
        {
            Console.WriteLine();
            Output.Table(
                ["tenant", "isolation", "rows", "API"],
                tenants.Select(entry => (string[])
                    [entry.Tenant.Slug, entry.Tenant.Isolation, entry.Rows?.ToString("N0", CultureInfo.InvariantCulture) ?? "?", entry.Tenant.ApiUrl]));
            Console.WriteLine();
            curl.ForEach(Console.WriteLine);
        }

        await Console.Out.FlushAsync(cancellationToken);
    }

    /// <summary>Null when the tenant does not answer now: suspended, for one.</summary>
    private static async Task<long?> RowsAsync(DevTenant tenant, CancellationToken cancellationToken)
    {
        if (tenant.Client("admin") is not { } admin)
        {
            return null;
        }

        using var client = new ApiClient(
            new ClientCredentials(new Uri(tenant.BaseUrl), new Uri(tenant.TokenUrl), admin.ClientId, admin.ClientSecret));
        try
        {
            var answer = await client.GetAsync(new Uri($"{tenant.ApiUrl}/counts"), cancellationToken);
            return (answer["data"] as JsonObject)?.Sum(count => (long?)count.Value ?? 0);
        }
        catch (ApiFault)
        {
            return null;
        }
    }

    private static IEnumerable<string> Examples(ParseResult arguments, List<DevTenant> tenants)
    {
        (string Slug, string Role, string Path)[] tries =
        [
            ("northside", "clinician", "patients?city=Boston&sort=lastName&limit=3&fields=firstName,lastName,birthDate,ssn"),
            ("riverside", "clinician", "encounters?sort=-start&limit=1&expand=patient"),
            ("summit", "auditor", "audit?limit=3"),
        ];
        foreach (var (slug, role, path) in tries)
        {
            if (tenants.Find(tenant => tenant.Slug == slug) is { } tenant)
            {
                yield return $"curl -s -H \"Authorization: Bearer $({Launcher(arguments)} token {slug} --role {role})\" '{tenant.ApiUrl}/{path}'";
            }
        }
    }

    // As it can be pasted into another terminal that stands where this one does.
    private static string Launcher(ParseResult arguments)
    {
        var launcher = Path.Combine(Output.Home(), "bulkhead");
        var command = Environment.CurrentDirectory == Output.Home() ? "./bulkhead" : Quote(launcher);
        return arguments.GetValue(Output.Data) is { } data ? $"{command} --data {Quote(Path.GetFullPath(data))}" : command;
    }

    private static string Quote(string path) =>
        path.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '-' or '_') ? path : $"'{path.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
