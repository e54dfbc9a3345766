using System.CommandLine;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary><c>status</c>: what runs, where tenants live, and what the database leaves open.</summary>
internal static class StatusCommand
{
    public static Command Build()
    {
        var command = new Command("status", "What runs: versions, apps, tenants, and what the database leaves open");
        command.SetAction(async (result, cancellationToken) =>
        {
            var credentials = ClientCredentials.Operator(result);
            using var client = new ApiClient(credentials);
            var status = await client.GetAsync(credentials.Url("operator/v1/status"), cancellationToken);
            Output.Write(result, status, Show);
            return status["auditGaps"] is JsonArray { Count: > 0 } || status["auditUnsealed"] is JsonArray { Count: > 0 }
                || status["auditSweepOverdue"] is not null
                ? ExitCode.Failed
                : ExitCode.Done;
        });
        return command;
    }

    private static void Show(JsonNode status)
    {
        Console.WriteLine($"Bulkhead {status["version"]}, PostgreSQL {status["postgres"]}");
        Console.WriteLine($"{status["postQuantum"]}");
        Console.WriteLine();
        if (status["auditGaps"] is JsonArray { Count: > 0 } gaps)
        {
            Console.WriteLine("ALERT: audit logs do not hold. Next step: docs/audit-integrity.md");
            Output.Table(
                ["tenant", "what", "from", "to", "entry", "found"],
                gaps.Select(gap => (string[])
                [
                    $"{gap?["tenant"] ?? "(installation)"}", $"{gap?["kind"]}", $"{gap?["from"]}", $"{gap?["to"]}", $"{gap?["entry"]}", $"{gap?["foundAt"]}",
                ]));
            Console.WriteLine();
        }

        if (status["auditUnsealed"] is JsonArray { Count: > 0 } unsealed)
        {
            Console.WriteLine("ALERT: audit logs are not being sealed. Next step: docs/audit-integrity.md");
            Output.Table(["tenant", "since"], unsealed.Select(log => (string[])[$"{log?["tenant"]}", $"{log?["since"]}"]));
            Console.WriteLine();
        }

        if (status["auditSweepOverdue"] is { } since)
        {
            Console.WriteLine($"ALERT: no walk over the audit logs has ended since {since}. Next step: docs/audit-integrity.md");
            Console.WriteLine();
        }

        TenantCommands.Table(status["tenants"]);
        if (status["residuals"] is JsonArray { Count: > 0 } open)
        {
            Console.WriteLine();
            Console.WriteLine("What the database leaves open to an attacker with the app's credential:");
            Output.Table(
                ["database", "item", "reason"],
                open.Select(entry => (string[])[$"{entry?["database"]}", $"{entry?["item"]}", $"{entry?["reason"]}"]));
        }
    }
}
