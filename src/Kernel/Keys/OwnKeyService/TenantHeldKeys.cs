using System.Buffers.Text;
using System.Collections.Immutable;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Threading.RateLimiting;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys.OwnKeyService;

/// <summary>
/// One tenant's keys, held by the tenant: wrapping seals to its service's public key without a call, unwrapping asks the service over
/// mutual TLS. We cannot open what the service refuses, and its owner sees every unwrap. The protocol: docs/key-service.md.
/// </summary>
internal sealed class TenantHeldKeys : IKeyStore, IDisposable
{
    /// <summary>Longest wrapped key that is sent, in bytes.</summary>
    public const int LongestWrapped = 2_048;

    private const int WaitingForEachCall = 8;
    private const int LongestHeaders = 4; // KiB

    private readonly TenantId _tenant;
    private readonly ImmutableDictionary<int, RecipientKey> _keys;
    private readonly Uri _unwrap;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly PinnedConnections _connections;
    private readonly HttpMessageInvoker _http;
    private readonly ConcurrencyLimiter _turns;

    /// <exception cref="KeyStoreFault">The registration or the options have faults; the message lists all.</exception>
    public TenantHeldKeys(TenantHeldKeyRegistration registration, TenantHeldKeyOptions options, TimeProvider time)
    {
        var faults = registration.Validate().ToList();
        if (faults.Count > 0 || options.Validate().Count > 0)
        {
            throw new KeyStoreFault(
                KeyStoreFaultKind.Misconfigured, string.Join("; ", [.. faults.Select(f => f.Detail), .. options.Validate()]));
        }

        _tenant = registration.Tenant;
        _keys = registration.ReadKeys(faults);
        _unwrap = new Uri(registration.TryReadUrl()!, "/v1/unwrap");
        _timeout = options.Timeout;
        _time = time;
        _connections = new PinnedConnections(
            registration.ReadAuthorities(faults), registration.ReadClient(faults)!, options.AllowPrivateAddresses, time);
        _turns = new ConcurrencyLimiter(new ConcurrencyLimiterOptions
        {
            PermitLimit = options.MaxCalls,
            QueueLimit = options.MaxCalls * WaitingForEachCall,
        });
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            ConnectCallback = _connections.ConnectAsync,
            ConnectTimeout = options.Timeout,
            MaxConnectionsPerServer = options.MaxCalls,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            MaxResponseHeadersLength = LongestHeaders,
            // What comes after the limit is not read to keep a connection; it is cut.
            MaxResponseDrainSize = 0,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseProxy = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
        });
    }

    public string Kind => "service";

    public ValueTask<byte[]> WrapAsync(
        int root, SecretKey key, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken)
    {
        // What the service could not read or would not open must not be wrapped in the first place.
        if (!HeldKeyContext.IsOf(_tenant, associated.Span))
        {
            throw new ArgumentException("Not a context of this tenant: see HeldKeyContext.Of.", nameof(associated));
        }

        return ValueTask.FromResult(Key(root).Seal(key, associated.Span));
    }

    public async ValueTask<SecretKey> UnwrapAsync(
        int root, ReadOnlyMemory<byte> wrapped, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken)
    {
        var key = Key(root);
        if (wrapped.Length > LongestWrapped || !HeldKeyContext.IsOf(_tenant, associated.Span))
        {
            throw new KeyStoreFault(KeyStoreFaultKind.NotGenuine, "The wrapped key is not one of this tenant.");
        }

        var requestId = Guid.CreateVersion7(_time.GetUtcNow()).ToString();
        using var deadline = new CancellationTokenSource(_timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            using var turn = await _turns.AcquireAsync(1, either.Token);
            return turn.IsAcquired
                ? await AskAsync(Request(key.Id, wrapped.Span, associated.Span, requestId), requestId, either.Token)
                : throw Fault(KeyStoreFaultKind.Unavailable, "has too many calls of ours waiting", requestId);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Fault(KeyStoreFaultKind.Unavailable, $"did not answer within {_timeout.TotalMilliseconds:0} ms", requestId);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException)
        {
            throw Translated(fault, requestId);
        }
    }

    /// <summary>Wraps a random key and has it unwrapped, so that who registers a service learns at once whether it works.</summary>
    /// <exception cref="KeyStoreFault">It does not, and why.</exception>
    public async ValueTask CheckAsync(int root, CancellationToken cancellationToken)
    {
        var context = HeldKeyContext.Of(_tenant, "registration-check", 1).Memory;
        using var key = SecretKey.Random();
        var wrapped = await WrapAsync(root, key, context, cancellationToken);
        using var back = await UnwrapAsync(root, wrapped, context, cancellationToken);
        if (!back.Matches(key.Commitment()))
        {
            throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured, "The tenant's key service answers with another key than was wrapped.");
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _connections.Dispose();
        _turns.Dispose();
    }

    private static byte[] Request(string key, ReadOnlySpan<byte> wrapped, ReadOnlySpan<byte> associated, string requestId) =>
        JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string>
        {
            ["key"] = key,
            ["wrapped"] = Base64Url.EncodeToString(wrapped),
            ["associated"] = Base64Url.EncodeToString(associated),
            ["requestId"] = requestId,
        });

    private async Task<SecretKey> AskAsync(byte[] body, string requestId, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _unwrap);
        request.Content = new ByteArrayContent(body);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await _http.SendAsync(request, cancellationToken);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var answer = await KeyServiceAnswer.ReadAsync(stream, cancellationToken);
        if (answer.IsTooLong)
        {
            throw Fault(KeyStoreFaultKind.Misconfigured, $"answered more than {KeyServiceAnswer.Longest} bytes", requestId);
        }

        return response.StatusCode == HttpStatusCode.OK
            ? answer.TryReadKey() ?? throw Fault(KeyStoreFaultKind.Misconfigured, "answered 200 without a key of 32 bytes", requestId)
            : throw Refusal((int)response.StatusCode, answer.ReadCode(), requestId);
    }

    private static KeyStoreFault Refusal(int status, string code, string requestId)
    {
        var answered = $"answered {status} {code}".TrimEnd();
        var (kind, what) = status switch
        {
            403 when code == "withdrawn" => (KeyStoreFaultKind.Withdrawn, "refuses: its owner has withdrawn the key"),
            404 when code == "no-such-key" => (KeyStoreFaultKind.NoSuchRoot, "has no such key any more"),
            422 => (KeyStoreFaultKind.NotGenuine, "says that the wrapped key was changed, or bound to something else"),
            408 or 429 or >= 500 => (KeyStoreFaultKind.Unavailable, answered),
            >= 300 and < 400 => (KeyStoreFaultKind.Misconfigured, $"{answered}; redirects are not followed"),
            _ => (KeyStoreFaultKind.Misconfigured, answered),
        };
        return Fault(kind, what, requestId);
    }

    /// <summary>What failed below HTTP.</summary>
    private static KeyStoreFault Translated(Exception fault, string requestId)
    {
        for (var inner = fault; inner is not null; inner = inner.InnerException)
        {
            if (inner is KeyStoreFault ours)
            {
                return new KeyStoreFault(ours.Kind, $"{ours.Message} (request {requestId})", fault);
            }
        }

        return fault is HttpRequestException
        {
            HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded,
        }
            ? Fault(KeyStoreFaultKind.Misconfigured, "answered something else than HTTP/1.1 with short headers", requestId, fault)
            : Fault(KeyStoreFaultKind.Unavailable, "is not reachable, or broke off", requestId, fault);
    }

    private RecipientKey Key(int root) =>
        _keys.GetValueOrDefault(root)
        ?? throw new KeyStoreFault(KeyStoreFaultKind.NoSuchRoot, $"The tenant's key service has no key registered as root {root}.");

    private static KeyStoreFault Fault(KeyStoreFaultKind kind, string what, string requestId, Exception? inner = null) =>
        new(kind, $"The tenant's key service {what} (request {requestId}).", inner);
}
