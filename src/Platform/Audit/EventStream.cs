using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>Writes events; who does not take them in time is cut off.</summary>
internal sealed class EventStream(HttpContext context, TimeSpan slow, TimeProvider time)
{
    private readonly ArrayBufferWriter<byte> _buffer = new(16 * 1024);
    private long _written = time.GetTimestamp();

    /// <summary>Says where it begins, so that who is cut off before the first entry does not begin again at another one.</summary>
    public Task BeginAsync(long position, CancellationToken cancellationToken)
    {
        Write(string.Create(CultureInfo.InvariantCulture, $"retry: 1000\nevent: begin\ndata: {{\"from\":{position}}}\n"));
        Write(position > 0 ? string.Create(CultureInfo.InvariantCulture, $"id: {position - 1}\n\n") : "\n");
        return FlushAsync(cancellationToken);
    }

    /// <param name="body">Null where the entry is gone from the log's table: its position is told all the same.</param>
    public void Add(long position, string? body)
    {
        // Canonical JSON has no line ends.
        Write(body is null ? "event: gone\nid: " : "event: entry\nid: ");
        Write(position.ToString(CultureInfo.InvariantCulture));
        Write("\ndata: ");
        Write(body ?? "{}");
        Write("\n\n");
    }

    /// <summary>What is stored is not what was sealed: its position is told, and nothing of it.</summary>
    public void AddChanged(long position) =>
        Write(string.Create(CultureInfo.InvariantCulture, $"event: changed\nid: {position}\ndata: {{}}\n\n"));

    public Task HeartbeatAsync(TimeSpan every, CancellationToken cancellationToken)
    {
        if (time.GetElapsedTime(_written) < every)
        {
            return Task.CompletedTask;
        }

        Write(": here\n\n");
        return FlushAsync(cancellationToken);
    }

    public Task EndAsync(string reason)
    {
        Write($"event: end\ndata: {{\"reason\":\"{reason}\"}}\n\n");
        return FlushAsync(CancellationToken.None);
    }

    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, context.RequestAborted);
        limit.CancelAfter(slow);
        try
        {
            await context.Response.Body.WriteAsync(_buffer.WrittenMemory, limit.Token);
            await context.Response.Body.FlushAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            context.Abort();
            throw;
        }

        _buffer.ResetWrittenCount();
        _written = time.GetTimestamp();
    }

    private void Write(string text) => Encoding.UTF8.GetBytes(text, _buffer);
}
