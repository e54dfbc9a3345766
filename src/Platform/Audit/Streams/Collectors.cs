using System.Globalization;
using System.Net;
using System.Text;
using Bulkhead.Kernel.Audit.Streams;

namespace Bulkhead.Platform.Audit.Streams;

/// <summary>Delivers batches to one collector; returns when it has taken the batch.</summary>
internal interface ICollector : IDisposable
{
    /// <exception cref="StreamFault">It did not take it.</exception>
    Task DeliverAsync(StreamBatch batch, CancellationToken cancellationToken);
}

/// <summary>
/// Syslog acknowledges nothing. So each batch has a connection of its own, which we close (RFC 5425, 4.4): when the collector closes its
/// side in turn, it has read all of it. Whether it wrote it down only it knows; who needs to know takes HTTPS.
/// </summary>
internal sealed class SyslogCollector(DueStream stream, CollectorConnection connection) : ICollector
{
    public async Task DeliverAsync(StreamBatch batch, CancellationToken cancellationToken)
    {
        var format = StreamFormat.Find(stream.Format)!;
        try
        {
            await using var tls = await connection.OpenAsync(stream.Url.Host, stream.Url.Port, cancellationToken);
            foreach (var entry in batch.Entries)
            {
                await tls.WriteAsync(SyslogFrame.Of(entry, stream.Tenant.Slug, format(entry)), cancellationToken);
            }

            await tls.FlushAsync(cancellationToken);
            await tls.ShutdownAsync();
            var ignored = new byte[256];
            while (await tls.ReadAsync(ignored, cancellationToken) > 0)
            {
                // A collector has nothing to say; what it says nevertheless is no acknowledgement.
            }
        }
        catch (IOException fault)
        {
            throw new StreamFault("The collector broke the connection off. Next step: look at its log", fault);
        }
    }

    public void Dispose()
    {
    }
}

/// <summary>A POST of JSON Lines, signed under the stream's secret; any 2xx says that the collector has it.</summary>
internal sealed class HttpsCollector : ICollector
{
    private readonly DueStream _stream;
    private readonly StreamQueue _queue;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;

    public HttpsCollector(DueStream stream, CollectorConnection connection, StreamQueue queue, TimeProvider time)
    {
        _stream = stream;
        _queue = queue;
        _time = time;
        _http = new HttpClient(new SocketsHttpHandler
        {
            // A redirect would lead where nobody looked.
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            MaxConnectionsPerServer = 1,
            MaxResponseHeadersLength = 16,
            ConnectCallback = async (context, token) => await connection.OpenAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, token),
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public async Task DeliverAsync(StreamBatch batch, CancellationToken cancellationToken)
    {
        var body = Encoding.UTF8.GetBytes(Lines(batch));
        var seconds = _time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, _stream.Url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new("application/jsonl");
        request.Headers.UserAgent.ParseAdd("bulkhead");
        request.Headers.Add("Bulkhead-Stream", _stream.Name);
        request.Headers.Add(
            "Bulkhead-Signature",
            string.Create(CultureInfo.InvariantCulture, $"t={seconds},v1={_queue.Sign(_stream, seconds, body)}"));
        try
        {
            // The body of the answer is nobody's concern and is not read.
            using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (!answer.IsSuccessStatusCode)
            {
                throw new StreamFault(string.Create(
                    CultureInfo.InvariantCulture, $"The collector answered {(int)answer.StatusCode}. Next step: {NextStep(answer.StatusCode)}"));
            }
        }
        catch (HttpRequestException fault)
        {
            throw fault.InnerException as StreamFault
                ?? new StreamFault("The collector broke the connection off, or does not speak HTTP. Next step: look at its log", fault);
        }
    }

    public void Dispose() => _http.Dispose();

    private string Lines(StreamBatch batch)
    {
        var format = StreamFormat.Find(_stream.Format)!;
        var lines = new StringBuilder();
        foreach (var entry in batch.Entries)
        {
            lines.Append(
                CultureInfo.InvariantCulture,
                $"{{\"position\":{entry.Position},\"leaf\":\"{Convert.ToBase64String(entry.Leaf)}\",{Commitments(entry)}\"entry\":{format(entry)}}}\n");
        }

        return lines.ToString();
    }

    private static string Commitments(StreamedEntry entry) =>
        entry.Commitments.Length == 0 ? "" : $"\"commitments\":{entry.Commitments},";

    private static string NextStep(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden =>
            "give the collector the stream's secret; when it is lost, remove the stream and add it anew with --from",
        >= HttpStatusCode.MovedPermanently and < HttpStatusCode.BadRequest =>
            "redirects are not followed: add the stream anew with the address where the collector is",
        HttpStatusCode.NotFound or HttpStatusCode.Gone => "look at the path",
        HttpStatusCode.RequestEntityTooLarge => "let the collector take bodies of 2 MiB",
        _ => "look at the collector's log",
    };
}
