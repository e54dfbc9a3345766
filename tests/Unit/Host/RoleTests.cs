using Bulkhead.Host;
using Bulkhead.Kernel;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Bulkhead.Tests.Unit.Host;

/// <summary>What runs by itself, by role. Nothing is started here, and no database asked.</summary>
public sealed class RoleTests
{
    private static readonly string[] Work =
        ["AuditExpiring", "AuditSealing", "AuditSweeping", "KeyUpkeep", "StreamSending", "WitnessCalls"];

    private static readonly string[] Always = ["CataloguePolling", "UnsealedLogs"];

    [Fact]
    public async Task Do_all_background_work_unless_the_process_only_serves()
    {
        Assert.Equal<IEnumerable<string>>([.. Work, .. Always], await RunningAsync(ProcessRole.All));
        Assert.Equal<IEnumerable<string>>([.. Work, .. Always], await RunningAsync(ProcessRole.Worker));
        Assert.Equal<IEnumerable<string>>(Always, await RunningAsync(ProcessRole.Api));
    }

    [Fact]
    public void Know_every_role_by_its_word()
    {
        foreach (var role in Enum.GetValues<ProcessRole>())
        {
            Assert.True(ProcessRoles.TryParse(role.Word(), out var known));
            Assert.Equal(role, known);
        }

        foreach (var word in new[] { null, "", "All", "gateway", "worker " })
        {
            Assert.False(ProcessRoles.TryParse(word, out _));
        }
    }

    private static async Task<List<string>> RunningAsync(ProcessRole role)
    {
        var keys = Directory.CreateTempSubdirectory("bh-keys-");
        try
        {
            var options = new KernelOptions
            {
                Role = role, AppConnection = "Host=localhost;Database=b;Username=u;Password=p", KeyDirectory = keys.FullName,
            };
            await using var app = role == ProcessRole.Worker
                ? Serve.BuildWorker(options, 1)
                : Serve.Build(options, new ServeOptions(1, "http://localhost:1", null));
            return [.. app.Services.GetServices<IHostedService>().Select(s => s.GetType())
                .Where(t => t.Namespace!.StartsWith("Bulkhead.", StringComparison.Ordinal)).Select(t => t.Name)
                .OrderBy(n => Always.Contains(n)).ThenBy(n => n, StringComparer.Ordinal)];
        }
        finally
        {
            keys.Delete(recursive: true);
        }
    }
}
