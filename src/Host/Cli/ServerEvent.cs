using System.Text;

namespace Bulkhead.Host.Cli;

/// <summary>An event of a stream (WHATWG HTML, section 9.2): its type, the id of the stream up to here, its data.</summary>
internal readonly record struct ServerEvent(string Type, string? Id, string Data)
{
    private const int MaxData = 4 << 20;

    /// <summary>Until the stream ends, or nothing comes for so long, not even a heartbeat.</summary>
    /// <exception cref="IOException">It broke, fell silent, or is no stream of events.</exception>
    public static async Task ReadAsync(
        TextReader reader, TimeSpan silence, Action<ServerEvent> take, CancellationToken cancellationToken)
    {
        var (type, id) = ("message", (string?)null);
        var data = new StringBuilder();
        var hasData = false;
        while (true)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(silence);
            string? line;
            try
            {
                line = await reader.ReadLineAsync(limit.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new IOException($"nothing came for {silence.TotalSeconds:0} s");
            }

            if (line is null)
            {
                // What stands after the last empty line is no event: it may be half of one.
                return;
            }

            if (line.Length == 0)
            {
                if (hasData)
                {
                    take(new(type, id, data.ToString()));
                }

                type = "message";
                data.Clear();
                hasData = false;
                continue;
            }

            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var name = colon < 0 ? line : line[..colon];
            var value = colon < 0 ? "" : line[(colon + 1)..];
            value = value.StartsWith(' ') ? value[1..] : value;
            switch (name)
            {
                case "event":
                    type = value;
                    break;
                case "id":
                    id = value;
                    break;
                case "data":
                    if (data.Length + value.Length > MaxData)
                    {
                        throw new IOException("an event is larger than any of ours");
                    }

                    data.Append(hasData ? "\n" : "").Append(value);
                    hasData = true;
                    break;
            }
        }
    }
}
