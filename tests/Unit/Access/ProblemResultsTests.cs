using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Tests.Unit.Access;

public sealed class ProblemResultsTests
{
    [Fact]
    public async Task A_problem_has_all_faults_a_code_and_the_id_of_the_request()
    {
        var context = Context();
        await ProblemResults.WriteAsync(context, 422, "invalid-value", "Two values do not fit.", [
            new("invalid-value", "Too \"long\".", Pointer: "/firstName"),
            new("unknown-parameter", "There is no such parameter.", Parameter: "ciy"),
        ]);

        Assert.Equal("application/problem+json", context.Response.ContentType);
        Assert.Equal("no-store", context.Response.Headers.CacheControl.ToString());
        Assert.Equal(context.Response.Body.Length, context.Response.ContentLength);
        var problem = Body(context);
        Assert.Equal("https://bulkhead.dev/errors/invalid-value", (string?)problem["type"]);
        Assert.Equal("A value does not fit its field", (string?)problem["title"]);
        Assert.Equal(422, (int?)problem["status"]);
        Assert.Equal("request-1", (string?)problem["requestId"]);
        Assert.Equal("/firstName", (string?)problem["errors"]![0]!["pointer"]);
        Assert.Equal("Too \"long\".", (string?)problem["errors"]![0]!["detail"]);
        Assert.Equal("ciy", (string?)problem["errors"]![1]!["parameter"]);
    }

    [Fact]
    public async Task What_the_edge_does_not_find_looks_like_what_an_endpoint_does_not_find()
    {
        var (platform, edge) = (Context(), Context());
        await ProblemResults.NotFoundAsync(platform);
        await Bulkhead.Gateway.EdgeProblem.NotFound.WriteAsync(edge);

        Assert.Equal(Body(platform).ToJsonString(), Body(edge).ToJsonString());
        Assert.Equal(
            platform.Response.Headers.Select(h => $"{h.Key}: {h.Value}").Order(),
            edge.Response.Headers.Select(h => $"{h.Key}: {h.Value}").Order());
    }

    [Fact]
    public void Anonymous_denials_are_counted_by_reason()
    {
        var meters = new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>();
        var counted = new List<(long, object?)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument is { Name: "bulkhead.denials.anonymous", Meter: { Name: "Bulkhead" } meter }
                    && meter.Scope == meters)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) => counted.Add((value, tags[0].Value)));
        listener.Start();

        new Denials(null!, meters).CountAnonymous("invalid-token");

        Assert.Equal([(1L, (object?)"invalid-token")], counted);
    }

    private static DefaultHttpContext Context()
    {
        var context = new DefaultHttpContext { TraceIdentifier = "request-1" };
        context.Response.Body = new MemoryStream();
        return context;
    }

    private static JsonObject Body(DefaultHttpContext context)
    {
        context.Response.Body.Position = 0;
        return JsonNode.Parse(context.Response.Body)!.AsObject();
    }
}
