using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Nodes;
using Bulkhead.Host.Cli;
using Bulkhead.Host.Demo;

namespace Bulkhead.Host.Local;

/// <summary>
/// Fills a new installation through its HTTP API, as any operator and any tenant's client would: the sample app, three tenants, one in
/// each isolation, and their demo data. Each step is harmless when repeated, so that an interrupted start is picked up again.
/// </summary>
internal sealed class FirstStart(DataFolder folder, string url, LocalSecrets secrets)
{
    private static readonly (string Slug, string Name, string Isolation)[] Samples =
    [
        ("northside", "Northside Clinic", "shared"),
        ("riverside", "Riverside Clinic", "schema"),
        ("summit", "Summit Clinic", "database"),
    ];

    private static readonly ImmutableArray<string> Roles = ["admin", "clinician", "auditor", "privacyOfficer", "securityOfficer"];

    private readonly DevOperator _operator =
        new($"{url}/operator/oauth/token", secrets.OperatorClientId, secrets.OperatorClientSecret);

    /// <summary>What an earlier start finished, at today's address; null when there is work to do.</summary>
    public DevFile? Finished()
    {
        if (File.Exists(folder.UnfinishedMark) || DevFile.Read(folder) is not { } known)
        {
            return null;
        }

        var dev = known.At(url, _operator);
        dev.Write(folder);
        return dev;
    }

    public async Task<DevFile> RunAsync(IProgress<string> progress, CancellationToken cancellationToken)
    {
        DataFolder.WriteAtomically(folder.UnfinishedMark, "");
        using var client = new ApiClient(
            new ClientCredentials(new Uri(url), new Uri(_operator.TokenUrl), _operator.ClientId, _operator.ClientSecret));
        progress.Report("deploying samples/clinic/app.yaml");
        await DeployAsync(client, cancellationToken);

        var dev = DevFile.Read(folder)?.At(url, _operator) ?? new DevFile(url, _operator, []);
        foreach (var (slug, name, isolation) in Samples)
        {
            if (dev.Find(slug) is null)
            {
                progress.Report($"onboarding {slug} ({isolation})");
                var clients = await OnboardAsync(client, slug, name, isolation, cancellationToken);
                // At once: the secrets are shown only here.
                dev = dev with { Tenants = [.. dev.Tenants, DevFile.Tenant(url, slug, isolation, clients)] };
                dev.Write(folder);
            }
        }

        foreach (var tenant in dev.Tenants.Where(tenant => Samples.Any(sample => sample.Slug == tenant.Slug)))
        {
            await FillAsync(tenant, progress, cancellationToken);
        }

        File.Delete(folder.UnfinishedMark);
        return dev;
    }

    private async Task DeployAsync(ApiClient client, CancellationToken cancellationToken)
    {
        var manifest = Path.Combine(Output.Home(), "samples", "clinic", "app.yaml");
        if (!File.Exists(manifest))
        {
            throw new StartFault($"{manifest} is missing: start in a whole clone");
        }

        var text = await File.ReadAllTextAsync(manifest, cancellationToken);
        try
        {
            await client.PostAsync(new Uri($"{url}/operator/v1/apps"), text, "application/yaml", cancellationToken);
        }
        catch (ApiFault fault) when (fault.Status == StatusCodes.Status409Conflict)
        {
            // An interrupted start deployed it, and the sample was changed since: it is in force as it was.
        }
    }

    private async Task<IReadOnlyList<DevClient>> OnboardAsync(
        ApiClient client, string slug, string name, string isolation, CancellationToken cancellationToken)
    {
        var request = new JsonObject
        {
            ["slug"] = slug,
            ["name"] = name,
            ["isolation"] = isolation,
            ["app"] = "clinic",
            ["serviceAccounts"] = new JsonArray([.. Roles.Select(role => new JsonObject { ["role"] = role })]),
        };
        try
        {
            var answer = await client.PostAsync(new Uri($"{url}/operator/v1/tenants"), request, cancellationToken);
            return TenantAnswer.Clients(answer);
        }
        catch (ApiFault fault) when (fault.Status == StatusCodes.Status409Conflict)
        {
            throw new LostSecrets(slug, fault);
        }
    }

    private static async Task FillAsync(DevTenant tenant, IProgress<string> progress, CancellationToken cancellationToken)
    {
        var admin = tenant.Client("admin") ??
            throw new StartFault($"dev.json has no client with the role admin for {tenant.Slug}: start over with ./bulkhead reset");
        using var client = new ApiClient(
            new ClientCredentials(new Uri(tenant.BaseUrl), new Uri(tenant.TokenUrl), admin.ClientId, admin.ClientSecret));
        var rows = 0;
        foreach (var chunk in ClinicDemo.Generate(tenant.Slug))
        {
            var answer = await client.ImportAsync(new Uri($"{tenant.ApiUrl}/{chunk.Plural}/import"), chunk.Ndjson, "demo", cancellationToken);
            if (answer["rejected"] is JsonArray { Count: > 0 } rejected)
            {
                throw new StartFault($"The demo data for {tenant.Slug} was refused in {chunk.Plural}: {rejected[0]?.ToJsonString()}");
            }

            rows += chunk.Count;
            if (!Console.IsErrorRedirected)
            {
                Tell();
            }
        }

        Tell();

        void Tell() => progress.Report(string.Create(CultureInfo.InvariantCulture, $"filling {tenant.Slug}: {rows:N0} rows"));
    }
}

/// <summary>
/// A tenant was onboarded, and the program died before it had written down the secrets, which the server keeps as digests only. On the
/// first start nothing is lost with it: the private database is made anew.
/// </summary>
internal sealed class LostSecrets(string slug, Exception inner)
    : Exception($"The tenant {slug} exists, and dev.json does not have its secrets: start over with ./bulkhead reset", inner);
