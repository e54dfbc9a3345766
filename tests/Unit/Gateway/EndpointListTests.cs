using Bulkhead.Gateway;
using Bulkhead.Host;
using Bulkhead.Kernel;
using Bulkhead.Tests.Unit.Access;
using Microsoft.AspNetCore.Routing;

namespace Bulkhead.Tests.Unit.Gateway;

public sealed class EndpointListTests
{
    /// <summary>A new endpoint, or another rule about who may call one, is seen in review. Written anew with BULKHEAD_WRITE_DOCS=1.</summary>
    [Fact]
    public async Task The_committed_list_says_who_may_call_what()
    {
        await using var app = Serve.Build(
            new KernelOptions { AppConnection = "Host=/nowhere;Database=none;Username=none", KeyDirectory = "nowhere" },
            new ServeOptions(8080, "https://bulkhead.test", Dev: null));
        var endpoints = new CompositeEndpointDataSource(((IEndpointRouteBuilder)app).DataSources);
        var path = Repository.PathOf("docs", "endpoints.md");
        var document = Document(EndpointList.Lines(endpoints));
        if (Environment.GetEnvironmentVariable("BULKHEAD_WRITE_DOCS") == "1")
        {
            await File.WriteAllTextAsync(path, document);
        }

        Assert.Equal(document, await File.ReadAllTextAsync(path));
        Assert.Empty(EndpointList.WithoutPolicy(endpoints));
    }

    private static string Document(IReadOnlyList<string> lines) => $"""
        # Endpoints

        Method, route, plane, and whether a token is needed. `tenant` routes are reached under a tenant only (`/t/SLUG/…`, or its host
        name), `operator` and `public` routes without one; elsewhere they do not exist. `--dev` adds two that answer the machine's own
        browser only. A test compares this list with the program.

        ```
        {string.Join("\n", lines)}
        ```

        """.ReplaceLineEndings("\n");
}
