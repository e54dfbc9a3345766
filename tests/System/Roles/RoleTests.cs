using System.Net;
using Bulkhead.Host.Cli;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Http;

namespace Bulkhead.Tests.System.Roles;

/// <summary>Who serves does not work in the background, who works serves nobody, and beside each other they are the whole program.</summary>
public sealed class RoleTests(ServedAlone served) : IClassFixture<ServedAlone>
{
    [Fact]
    public async Task Who_only_serves_seals_nothing_and_a_worker_beside_it_seals_what_it_wrote()
    {
        var slugs = Enum.GetValues<IsolationKind>().Select(Server.A).ToList();
        foreach (var slug in slugs)
        {
            (await served.Server.CallAsync("GET", slug, "patients?limit=1", "clinician")).Is(HttpStatusCode.OK);
        }

        // Six times as long as the sealer waits between its rounds.
        await Task.Delay(1_500);
        foreach (var slug in slugs)
        {
            var (entries, positions) = await served.CountsAsync(slug);
            Assert.True(entries > 0);
            Assert.Equal(0, positions);
        }

        using var worker = await served.StartWorkerAsync();
        foreach (var slug in slugs)
        {
            for (var i = 0; await served.CountsAsync(slug) is var (entries, positions) && positions < entries; i++)
            {
                Assert.True(i < 200, $"{slug}: {entries - positions} entries are not sealed");
                await Task.Delay(50);
            }
        }

        Assert.Equal(ExitCode.Done, await worker.StopAsync());
    }

    [Fact]
    public async Task A_worker_tells_its_health_and_serves_no_tenant_and_no_operator()
    {
        using var worker = await served.StartWorkerAsync();
        using var http = new HttpClient { BaseAddress = worker.Url };
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/health/live")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/health")).StatusCode);
        var slug = Server.A(IsolationKind.Shared);
        foreach (var endpoint in served.Server.Endpoints.Select(line => line.Split(' ')))
        {
            var (method, path) = (endpoint[0], endpoint[1]);
            if (path.StartsWith("/health", StringComparison.Ordinal))
            {
                continue;
            }

            foreach (var place in new[] { path, $"/t/{slug}{path}" })
            {
                using var request = new HttpRequestMessage(new HttpMethod(method), place.Replace('{', 'x').Replace('}', 'x').Replace('*', 'x'));
                request.Headers.Authorization = new("Bearer", served.Server.Token(slug, "admin"));
                Assert.Equal(HttpStatusCode.NotFound, (await http.SendAsync(request)).StatusCode);
            }
        }
    }

    [Fact]
    public async Task A_role_that_is_none_and_one_without_a_database_for_several_processes_are_refused()
    {
        var (code, error) = await WorkerProcess.RefusedAsync(served.Data, served.App, "gateway");
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("--role gateway: a role is all, api or worker", error, StringComparison.Ordinal);
        (code, error) = await WorkerProcess.RefusedAsync(served.Data, served.App, null, "Worker");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("BULKHEAD_ROLE=Worker: a role is all, api or worker", error, StringComparison.Ordinal);
        (code, error) = await WorkerProcess.RefusedAsync(served.Data, null, null, "worker");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("The role worker wants BULKHEAD_DATABASE", error, StringComparison.Ordinal);
    }
}
