using System.Text.Json.Nodes;
using Bulkhead.Host.Local;

namespace Bulkhead.Host.Cli;

/// <summary>Reads the answer of <c>POST /operator/v1/tenants</c>.</summary>
internal static class TenantAnswer
{
    /// <summary>The tenant's new clients, with secrets that are shown only once.</summary>
    public static IReadOnlyList<DevClient> Clients(JsonNode answer) =>
    [
        .. from account in answer["serviceAccounts"] as JsonArray ?? []
           select new DevClient(Text(account, "role"), Text(account, "clientId"), Text(account, "clientSecret")),
    ];

    private static string Text(JsonNode? account, string name) => (string?)account?[name] ??
        throw new ApiFault(ExitCode.Failed, [$"The server's answer has no '{name}' for a service account"]);
}
