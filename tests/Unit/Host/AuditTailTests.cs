using System.Net;
using System.Text;
using Bulkhead.Host.Cli;

namespace Bulkhead.Tests.Unit.Host;

/// <summary>Who follows a log goes on where it was, whatever becomes of the connection.</summary>
public sealed class AuditTailTests
{
    private static readonly ClientCredentials Credentials = new(new Uri("http://localhost:1"), new Uri("http://localhost:1/token"), "a", "s");

    [Fact]
    public async Task A_broken_stream_is_taken_up_after_the_last_entry_with_no_gap_and_no_double()
    {
        var server = new Server(
            Events("event: begin\ndata: {\"from\":5}\n\nid: 5\nevent: entry\ndata: {\"n\":5}\n\nid: 6\nevent: entry\ndata: {\"n\":6}\n\nid: 7\nevent: entry\ndata: {\"n\""),
            () => new(HttpStatusCode.ServiceUnavailable),
            () => throw new HttpRequestException("refused"),
            () => new(HttpStatusCode.Unauthorized),
            Events("event: begin\ndata: {\"from\":7}\n\n: alive\n\nid: 7\nevent: gone\ndata: {}\n\nid: 8\nevent: entry\ndata: {\"n\":8}\n\nevent: end\ndata: {\"reason\":\"time\"}\n\n"));
        Assert.Equal(["5 {\"n\":5}", "6 {\"n\":6}", "7 {}", "8 {\"n\":8}"], await FollowAsync(server, 4));
        Assert.Equal([(null, null), (5, 6L), (5, 6L), (5, 6L), (5, 6L)], server.Asked);
        // The refused token is not used again.
        Assert.Equal(2, server.Tokens);
    }

    [Fact]
    public async Task A_stream_that_breaks_before_its_first_entry_begins_where_it_would_have()
    {
        var server = new Server(Events("event: begin\ndata: {\"from\":3}\n\n"), Events("event: begin\ndata: {\"from\":3}\n\nid: 3\nevent: entry\ndata: {}\n\n"));
        Assert.Equal(["3 {}"], await FollowAsync(server, 1));
        Assert.Equal([(null, null), (3, null)], server.Asked);
    }

    [Fact]
    public async Task A_refusal_is_not_tried_again()
    {
        var first = new Server(() => new(HttpStatusCode.ServiceUnavailable));
        await Assert.ThrowsAsync<ApiFault>(() => FollowAsync(first, 1));
        var later = new Server(Events("event: begin\ndata: {\"from\":3}\n\n"), () => new(HttpStatusCode.NotFound));
        Assert.Equal(404, (await Assert.ThrowsAsync<ApiFault>(() => FollowAsync(later, 1))).Status);
    }

    private static Func<HttpResponseMessage> Events(string text) =>
        () => new(HttpStatusCode.OK) { Content = new StringContent(text, Encoding.UTF8, "text/event-stream") };

    private static async Task<List<string>> FollowAsync(Server server, int entries)
    {
        var printed = new List<string>();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var client = new ApiClient(Credentials, TimeProvider.System, server);
        await AuditTailCommand.FollowAsync(
            client,
            Credentials,
            null,
            entry =>
            {
                printed.Add($"{entry.Id} {entry.Data}");
                if (printed.Count == entries)
                {
                    stop.Cancel();
                }
            },
            TimeProvider.System,
            stop.Token);
        return printed;
    }

    private sealed class Server(params Func<HttpResponseMessage>[] answers) : HttpMessageHandler
    {
        private int _next;

        public List<(int? From, long? LastSeen)> Asked { get; } = [];

        public int Tokens { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.RequestUri!.AbsolutePath == "/token")
            {
                Tokens++;
                return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK)
                {
                    Content = new StringContent("""{"access_token":"T","expires_in":600}"""),
                });
            }

            var query = request.RequestUri.Query;
            Asked.Add((
                query.StartsWith("?from=", StringComparison.Ordinal) ? int.Parse(query[6..], null) : null,
                request.Headers.TryGetValues("Last-Event-ID", out var ids) ? long.Parse(ids.Single(), null) : null));
            return Task.FromResult(answers[_next++]());
        }
    }
}
