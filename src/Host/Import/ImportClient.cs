using System.Collections.Immutable;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Bulkhead.Host.Cli;

namespace Bulkhead.Host.Import;

/// <summary>What the server did with a chunk.</summary>
internal sealed record ChunkAnswer(int Created, int Existing, ImmutableArray<ServerReject> Rejected);

/// <param name="Line">1-based line in the body.</param>
/// <param name="Pointer">JSON pointer into the record; empty when the whole record is at fault.</param>
internal sealed record ServerReject(int Line, string Code, string Pointer, string Detail);

/// <summary>The import cannot go on.</summary>
/// <param name="reachable">False when no answer came at all.</param>
/// <param name="status">HTTP status of the refusal; null without an answer.</param>
internal sealed class ImportFault(string message, bool reachable, int? status = null) : Exception(message)
{
    public bool Reachable { get; } = reachable;

    public int? Status { get; } = status;
}

/// <summary>
/// Posts chunks to one tenant. Safe to retry: a record that is there already counts as existing, whoever lost the
/// answer.
/// </summary>
internal sealed class ImportClient : IDisposable
{
    /// <summary>With <see cref="FirstDelay"/> doubling to <see cref="LongestDelay"/>: about a minute.</summary>
    public const int MaxAttempts = 10;

    private const int MaxAnswerBytes = 16 * 1024 * 1024;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan EarlyRefresh = TimeSpan.FromSeconds(30);

    private readonly ClientCredentials _target;
    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _tokenGate = new(1, 1);
    private Token? _token;

    /// <param name="handler">Null for the network; not disposed by this client.</param>
    public ImportClient(ClientCredentials target, TimeProvider time, HttpMessageHandler? handler = null)
    {
        _target = target;
        _time = time;
        _http = new HttpClient(
            handler ?? new SocketsHttpHandler { UseProxy = !target.BaseUrl.IsLoopback },
            disposeHandler: handler is null)
        {
            Timeout = TimeSpan.FromMinutes(2),
            MaxResponseContentBufferSize = MaxAnswerBytes,
        };
    }

    public void Dispose()
    {
        _http.Dispose();
        _tokenGate.Dispose();
    }

    /// <param name="into">The collection's name in the URL.</param>
    /// <param name="source">Recorded in the audit entry of the chunk; cut to 200 characters.</param>
    /// <exception cref="ImportFault">Refused, or not reachable after <see cref="MaxAttempts"/> attempts.</exception>
    public async Task<ChunkAnswer> PostAsync(
        string into, ReadOnlyMemory<byte> ndjson, string source, CancellationToken cancellationToken)
    {
        var url = _target.Url($"api/v1/{into}/import");
        var header = Uri.EscapeDataString(source).Replace("%20", " ", StringComparison.Ordinal);
        header = header.Length > 200 ? header[..200] : header;
        var text = await SendAsync(
            async token =>
            {
                var request = new HttpRequestMessage(HttpMethod.Post, url);
                request.Content = new ReadOnlyMemoryContent(ndjson);
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
                request.Headers.Authorization = await AuthorizationAsync(token);
                request.Headers.TryAddWithoutValidation("Import-Source", header);
                return request;
            },
            cancellationToken);
        return ReadAnswer(text);
    }

    /// <summary>The tenant's OpenAPI document.</summary>
    /// <exception cref="ImportFault">As for a chunk.</exception>
    public Task<string> DescribeAsync(CancellationToken cancellationToken)
    {
        var url = _target.Url("api/v1/openapi.json");
        return SendAsync(
            async token =>
            {
                var request = new HttpRequestMessage(HttpMethod.Get, url);
                request.Headers.Authorization = await AuthorizationAsync(token);
                return request;
            },
            cancellationToken);
    }

    private async Task<string> SendAsync(
        Func<CancellationToken, Task<HttpRequestMessage>> create, CancellationToken cancellationToken)
    {
        var delay = FirstDelay;
        var refreshed = false;
        for (var attempt = 1; ; attempt++)
        {
            ImportFault fault;
            var asked = TimeSpan.Zero;
            try
            {
                using var request = await create(cancellationToken);
                using var response = await _http.SendAsync(request, cancellationToken);
                var text = await response.Content.ReadAsStringAsync(cancellationToken);
                if (response.IsSuccessStatusCode)
                {
                    return text;
                }

                fault = Refusal(response.StatusCode, text);
                if (response.StatusCode == HttpStatusCode.Unauthorized && !refreshed)
                {
                    // Expired early, or its key was retired: one fresh token is worth a try, a second is not.
                    refreshed = true;
                    Forget(request.Headers.Authorization?.Parameter);
                    continue;
                }

                if (!IsPassing(response.StatusCode))
                {
                    throw fault;
                }

                asked = RetryAfter(response);
            }
            catch (HttpRequestException exception)
            {
                var reachable = exception.StatusCode is not null;
                var message = $"{_target.BaseUrl.GetLeftPart(UriPartial.Authority)}: {exception.Message}";
                fault = new ImportFault(message, reachable, (int?)exception.StatusCode);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                fault = new ImportFault($"{_target.BaseUrl} did not answer in time.", reachable: false);
            }

            if (attempt == MaxAttempts)
            {
                throw fault;
            }

            await Task.Delay(asked > delay ? asked : delay, _time, cancellationToken);
            delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay;
        }
    }

    private async Task<AuthenticationHeaderValue> AuthorizationAsync(CancellationToken cancellationToken)
    {
        await _tokenGate.WaitAsync(cancellationToken);
        try
        {
            if (_token is null || _time.GetUtcNow() > _token.Ends - EarlyRefresh)
            {
                _token = await RequestTokenAsync(cancellationToken);
            }

            return new AuthenticationHeaderValue("Bearer", _token.Value);
        }
        finally
        {
            _tokenGate.Release();
        }
    }

    /// <summary>RFC 6749 section 4.4, the client named by HTTP Basic (section 2.3.1).</summary>
    private async Task<Token> RequestTokenAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _target.TokenUrl)
        {
            Content = new FormUrlEncodedContent([new("grant_type", "client_credentials")]),
        };
        var pair = $"{Uri.EscapeDataString(_target.ClientId)}:{Uri.EscapeDataString(_target.ClientSecret)}";
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
        using var response = await _http.SendAsync(request, cancellationToken);
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        if (IsPassing(response.StatusCode))
        {
            throw new HttpRequestException("no token yet", null, response.StatusCode);
        }

        if (!response.IsSuccessStatusCode)
        {
            throw Refusal(response.StatusCode, text);
        }

        using var answer = JsonDocument.Parse(text);
        var lifetime = answer.RootElement.TryGetProperty("expires_in", out var seconds) ? seconds.GetDouble() : 60;
        var value = answer.RootElement.GetProperty("access_token").GetString()!;
        return new Token(value, _time.GetUtcNow().AddSeconds(lifetime));
    }

    private void Forget(string? value)
    {
        var token = Volatile.Read(ref _token);
        if (token?.Value == value)
        {
            Interlocked.CompareExchange(ref _token, null, token);
        }
    }

    private static bool IsPassing(HttpStatusCode status) =>
        status is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway
            or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    /// <summary>What the server asks for, at most a minute.</summary>
    private TimeSpan RetryAfter(HttpResponseMessage response)
    {
        var header = response.Headers.RetryAfter;
        var asked = header?.Delta ?? header?.Date - _time.GetUtcNow() ?? TimeSpan.Zero;
        return asked < TimeSpan.FromMinutes(1) ? asked : TimeSpan.FromMinutes(1);
    }

    private static ImportFault Refusal(HttpStatusCode status, string text)
    {
        var (code, detail) = ("", "");
        try
        {
            using var problem = JsonDocument.Parse(text);
            code = Text(problem.RootElement, "code", "error");
            detail = Text(problem.RootElement, "detail", "error_description");
        }
        catch (JsonException)
        {
            // Not ours (a proxy's page): the status has to do.
        }

        return new ImportFault($"Refused with {(int)status} {code}. {detail}".Trim(), reachable: true, (int)status);
    }

    private static ChunkAnswer ReadAnswer(string text)
    {
        using var answer = JsonDocument.Parse(text);
        var root = answer.RootElement;
        var rejected = ImmutableArray.CreateBuilder<ServerReject>();
        foreach (var reject in root.GetProperty("rejected").EnumerateArray())
        {
            rejected.Add(new ServerReject(
                reject.GetProperty("line").GetInt32(),
                Text(reject, "code"),
                Text(reject, "pointer"),
                Text(reject, "detail")));
        }

        return new ChunkAnswer(
            root.GetProperty("created").GetInt32(), root.GetProperty("existing").GetInt32(), rejected.ToImmutable());
    }

    /// <summary>The first of the members that is a text; empty when none is.</summary>
    private static string Text(JsonElement element, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (element.ValueKind == JsonValueKind.Object
                && element.TryGetProperty(name, out var value)
                && value.ValueKind == JsonValueKind.String)
            {
                return value.GetString()!;
            }
        }

        return "";
    }

    private sealed record Token(string Value, DateTimeOffset Ends);
}
