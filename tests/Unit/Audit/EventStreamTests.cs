using System.Text;
using Bulkhead.Host.Cli;
using Bulkhead.Platform.Audit;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bulkhead.Tests.Unit.Audit;

public sealed class EventStreamTests
{
    [Fact]
    public async Task What_the_server_writes_the_command_line_reads()
    {
        var context = new DefaultHttpContext();
        var written = new MemoryStream();
        context.Response.Body = written;
        var stream = new EventStream(context, TimeSpan.FromSeconds(5), TimeProvider.System);
        await stream.BeginAsync(7, default);
        stream.Add(7, """{"action":"data.read"}""");
        stream.Add(8, null);
        stream.AddChanged(9);
        await stream.FlushAsync(default);
        await Task.Delay(20);
        await stream.HeartbeatAsync(TimeSpan.FromMilliseconds(10), default);
        await stream.HeartbeatAsync(TimeSpan.FromMinutes(1), default);
        await stream.EndAsync("time");
        var events = new List<ServerEvent>();
        var text = Encoding.UTF8.GetString(written.ToArray());
        await ServerEvent.ReadAsync(new StringReader(text), TimeSpan.FromSeconds(5), events.Add, default);
        Assert.Equal(
            [
                new("begin", "6", """{"from":7}"""), new("entry", "7", """{"action":"data.read"}"""), new("gone", "8", "{}"),
                new("changed", "9", "{}"), new("end", "9", """{"reason":"time"}"""),
            ],
            events);
        Assert.Single(text.Split(": here\n\n").Skip(1));
    }

    [Fact]
    public async Task A_reader_that_takes_nothing_is_cut_off()
    {
        var lifetime = new Lifetime();
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpRequestLifetimeFeature>(lifetime);
        context.Response.Body = new Stuck();
        var stream = new EventStream(context, TimeSpan.FromMilliseconds(50), TimeProvider.System);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.BeginAsync(0, default));
        Assert.True(lifetime.Aborted);
    }

    [Fact]
    public async Task Half_an_event_is_none_and_silence_is_a_broken_stream()
    {
        var events = new List<ServerEvent>();
        await ServerEvent.ReadAsync(new StringReader("id: 3\ndata: {}"), TimeSpan.FromSeconds(5), events.Add, default);
        Assert.Empty(events);
        using var silent = new StreamReader(new Stuck());
        await Assert.ThrowsAsync<IOException>(() => ServerEvent.ReadAsync(silent, TimeSpan.FromMilliseconds(50), events.Add, default));
    }

    private sealed class Lifetime : IHttpRequestLifetimeFeature
    {
        public bool Aborted { get; private set; }

        public CancellationToken RequestAborted { get; set; }

        public void Abort() => Aborted = true;
    }

    /// <summary>Neither takes nor gives anything.</summary>
    private sealed class Stuck : MemoryStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            await Task.Delay(Timeout.Infinite, cancellationToken);

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return 0;
        }
    }
}
