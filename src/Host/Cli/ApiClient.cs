using System.Collections.Immutable;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bulkhead.Host.Cli;

/// <summary>Why a call was not answered as hoped: lines for the person, and the exit code.</summary>
internal sealed class ApiFault(int exitCode, ImmutableArray<string> lines, int? status = null) : Exception(lines[0])
{
    public int ExitCode { get; } = exitCode;

    public ImmutableArray<string> Lines { get; } = lines;

    /// <summary>HTTP status; null when no answer came.</summary>
    public int? Status { get; } = status;
}

/// <summary>A client of the HTTP API with one client's credentials: gets a token when it needs one, and reads problem+json.</summary>
internal sealed class ApiClient : IDisposable
{
    private static readonly TimeSpan Spare = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http;
    private readonly ClientCredentials _credentials;
    private readonly TimeProvider _time;
    private string? _token;
    private DateTimeOffset _tokenEnds;

    public ApiClient(ClientCredentials credentials, TimeProvider? time = null, HttpMessageHandler? handler = null)
    {
        _credentials = credentials;
        _time = time ?? TimeProvider.System;
        _http = new HttpClient(handler ?? new SocketsHttpHandler { UseProxy = !credentials.TokenUrl.IsLoopback })
        {
            // Deploying an app migrates every tenant before it answers.
            Timeout = TimeSpan.FromMinutes(10),
        };
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The answer's JSON.</summary>
    /// <exception cref="ApiFault">Refused, failed or not reachable.</exception>
    public Task<JsonNode> GetAsync(Uri url, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, url, null, cancellationToken);

    public Task<JsonNode> PostAsync(Uri url, JsonNode body, CancellationToken cancellationToken) =>
        PostAsync(url, body.ToJsonString(), "application/json", cancellationToken);

    public Task<JsonNode> PostAsync(Uri url, string text, string mediaType, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, url, () => new StringContent(text, Encoding.UTF8, mediaType), cancellationToken);

    public Task<JsonNode> PutAsync(Uri url, JsonNode body, CancellationToken cancellationToken) => SendAsync(
        HttpMethod.Put, url, () => new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"), cancellationToken);

    public Task<JsonNode> DeleteAsync(Uri url, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Delete, url, null, cancellationToken);

    /// <summary>Sends lines to the bulk import.</summary>
    public Task<JsonNode> ImportAsync(Uri url, ReadOnlyMemory<byte> ndjson, string source, CancellationToken cancellationToken) =>
        SendAsync(
            HttpMethod.Post,
            url,
            () => new ReadOnlyMemoryContent(ndjson)
            {
                Headers = { { "Content-Type", "application/x-ndjson" }, { "Import-Source", source } },
            },
            cancellationToken);

    /// <summary>The token endpoint's whole answer (RFC 6749 section 5.1).</summary>
    public async Task<JsonNode> TokenAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _credentials.TokenUrl)
        {
            Content = new FormUrlEncodedContent([new("grant_type", "client_credentials")]),
        };
        // RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
        var pair = $"{Uri.EscapeDataString(_credentials.ClientId)}:{Uri.EscapeDataString(_credentials.ClientSecret)}";
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
        return await ReadAsync(request, cancellationToken);
    }

    /// <summary>Writes the answer as it comes, however long it is.</summary>
    /// <exception cref="ApiFault">Refused, failed, or broken off in the middle.</exception>
    public async Task DownloadAsync(Uri url, Stream to, Action<long> progress, CancellationToken cancellationToken)
    {
        await AuthorizeAsync(cancellationToken);
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (!response.IsSuccessStatusCode)
            {
                throw Refusal((int)response.StatusCode, Parse(await response.Content.ReadAsStringAsync(cancellationToken)), _credentials.Role);
            }

            await using var from = await response.Content.ReadAsStreamAsync(cancellationToken);
            var buffer = new byte[128 * 1024];
            var total = 0L;
            int read;
            while ((read = await from.ReadAsync(buffer, cancellationToken)) > 0)
            {
                await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                progress(total += read);
            }
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException)
        {
            throw new ApiFault(ExitCode.NotReachable, [$"The answer broke off ({broken.Message}): is it running? Repeat the command"]);
        }
    }

    /// <summary>
    /// Reads server-sent events until the stream ends; a broken one ends too. Silence for <paramref name="silence"/> is a broken one.
    /// </summary>
    /// <exception cref="ApiFault">Refused.</exception>
    public async Task EventsAsync(
        Uri url, long? lastSeen, TimeSpan silence, Action<ServerEvent> take, CancellationToken cancellationToken)
    {
        await AuthorizeAsync(cancellationToken);
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (lastSeen is { } seen)
        {
            request.Headers.Add("Last-Event-ID", seen.ToString(CultureInfo.InvariantCulture));
        }

        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (!response.IsSuccessStatusCode)
            {
                if (response.StatusCode == System.Net.HttpStatusCode.Unauthorized)
                {
                    _token = null;
                }

                throw Refusal((int)response.StatusCode, Parse(await response.Content.ReadAsStringAsync(cancellationToken)), _credentials.Role);
            }

            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken), Encoding.UTF8);
            await ServerEvent.ReadAsync(reader, silence, take, cancellationToken);
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException)
        {
            throw new ApiFault(ExitCode.NotReachable, [$"The stream broke off ({broken.Message})"]);
        }
    }

    private async Task AuthorizeAsync(CancellationToken cancellationToken)
    {
        if (_token is null || _time.GetUtcNow() > _tokenEnds - Spare)
        {
            var answer = await TokenAsync(cancellationToken);
            _token = (string?)answer["access_token"];
            _tokenEnds = _time.GetUtcNow().AddSeconds((double?)answer["expires_in"] ?? 60);
        }
    }

    private async Task<JsonNode> SendAsync(
        HttpMethod method, Uri url, Func<HttpContent>? content, CancellationToken cancellationToken)
    {
        await AuthorizeAsync(cancellationToken);
        using var request = new HttpRequestMessage(method, url) { Content = content?.Invoke() };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        return await ReadAsync(request, cancellationToken);
    }

    private async Task<JsonNode> ReadAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HttpResponseMessage response;
        string text;
        try
        {
            response = await _http.SendAsync(request, cancellationToken);
            text = await response.Content.ReadAsStringAsync(cancellationToken);
        }
        catch (HttpRequestException exception)
        {
            var place = request.RequestUri!.GetLeftPart(UriPartial.Authority);
            throw new ApiFault(
                ExitCode.NotReachable, [$"{place} does not answer ({exception.Message}): is it running? ./bulkhead up"]);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ApiFault(ExitCode.NotReachable, [$"{request.RequestUri} did not answer within {_http.Timeout.TotalMinutes:0} minutes"]);
        }

        using (response)
        {
            var body = Parse(text);
            return response.IsSuccessStatusCode ? body ?? new JsonObject() : throw Refusal((int)response.StatusCode, body, _credentials.Role);
        }
    }

    private static JsonNode? Parse(string text)
    {
        try
        {
            return text.Length == 0 ? null : JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>One line for the answer, and one for each fault it names (RFC 9457, or RFC 6749 section 5.2).</summary>
    /// <param name="role">As which of the tenant's roles it was asked; null where roles decide nothing.</param>
    internal static ApiFault Refusal(int status, JsonNode? problem, string? role = null)
    {
        var code = Text(problem, "code") ?? Text(problem, "error");
        var detail = Text(problem, "detail") ?? Text(problem, "error_description") ?? Text(problem, "title");
        var lines = ImmutableArray.CreateBuilder<string>();
        lines.Add(string.Create(
            CultureInfo.InvariantCulture, $"{status}{(code is null ? "" : " " + code)}{(detail is null ? "" : ": " + detail)}"));
        foreach (var fault in (problem as JsonObject)?["errors"] as JsonArray ?? [])
        {
            lines.Add("  " + FaultLine(fault));
        }

        if (status == 404 && role is not null)
        {
            lines.Add($"  What does not exist and what the role '{role}' may not see is answered alike. Next step: --role names another.");
        }

        return new ApiFault(status is >= 400 and < 500 ? ExitCode.Refused : ExitCode.Failed, lines.ToImmutable(), status);
    }

    private static string FaultLine(JsonNode? fault)
    {
        var place = Text(fault, "line") is { } line ? $"line {line}, column {Text(fault, "column")}"
            : Text(fault, "pointer") ?? Text(fault, "parameter");
        return $"{(place is null ? "" : place + ": ")}{Text(fault, "detail") ?? Text(fault, "message")} [{Text(fault, "code")}]";
    }

    private static string? Text(JsonNode? node, string name) => (node as JsonObject)?[name] is JsonValue value ? value.ToString() : null;
}
