using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Gateway;

/// <summary>What the edge refuses by itself, in the same form as every other problem (RFC 9457).</summary>
internal sealed record EdgeProblem(int Status, string Code, string Title, string Detail, int RetryAfterSeconds = 0)
{
    public static readonly EdgeProblem AmbiguousLength = Malformed(
        "ambiguous-length", "Content-Length and Transfer-Encoding exclude each other; HTTP/1.0 has no Transfer-Encoding.");

    public static readonly EdgeProblem InvalidTarget = Malformed(
        "invalid-target", "The path holds what can be read in two ways: escapes, dot segments, empty segments, or odd characters.");

    public static readonly EdgeProblem InvalidHeaderName = Malformed(
        "invalid-header-name", "A header name with an underscore can be taken for another header.");

    public static readonly EdgeProblem TargetTooLong = new(
        StatusCodes.Status400BadRequest, "target-too-long", "The URL is too long", "Path and query together exceed the limit.");

    public static readonly EdgeProblem BadRequest = Malformed("bad-request", "The request is not well-formed HTTP.");

    public static readonly EdgeProblem NotFound = new(
        StatusCodes.Status404NotFound,
        "not-found",
        "There is no such resource, or it is not yours to see",
        "Nothing is here for you.");

    public static readonly EdgeProblem MethodNotAllowed = new(
        StatusCodes.Status405MethodNotAllowed,
        "method-not-allowed",
        "The resource does not take this method",
        "See the Allow header.");

    public static readonly EdgeProblem RequestTimeout = new(
        StatusCodes.Status408RequestTimeout, "request-timeout", "The request came too slowly", "Send the body faster.");

    public static readonly EdgeProblem BodyTooLarge = new(
        StatusCodes.Status413PayloadTooLarge,
        "body-too-large",
        "The body is larger than the limit",
        "Send less at once.");

    public static readonly EdgeProblem UnsupportedMediaType = new(
        StatusCodes.Status415UnsupportedMediaType,
        "unsupported-media-type",
        "The endpoint does not take this content type",
        "See the API reference for what it takes.");

    public static readonly EdgeProblem UnknownHost = new(
        StatusCodes.Status421MisdirectedRequest,
        "unknown-host",
        "This host name is not served here",
        "Use the installation's own URL, or the tenant's host name.");

    public static readonly EdgeProblem TooManyRequests = new(
        StatusCodes.Status429TooManyRequests,
        "too-many-requests",
        "Too many requests at once",
        "This tenant has as many requests in work as it may. Try again.",
        1);

    public static readonly EdgeProblem InternalError = new(
        StatusCodes.Status500InternalServerError,
        "internal-error",
        "Something failed on our side",
        "It is in the operator's log under this request id.");

    public static readonly EdgeProblem Overloaded = new(
        StatusCodes.Status503ServiceUnavailable, "overloaded", "The server is busy", "Try again.", 1);

    public static readonly EdgeProblem Unavailable = new(
        StatusCodes.Status503ServiceUnavailable,
        "unavailable",
        "The data cannot be reached right now",
        "Try again; a change was either made wholly or not at all.",
        1);

    public static readonly EdgeProblem Timeout = new(
        StatusCodes.Status503ServiceUnavailable,
        "timeout",
        "The work took longer than it may",
        "Nothing was changed. Ask for less at once.",
        1);

    public static readonly EdgeProblem KeysWithdrawn = new(
        StatusCodes.Status403Forbidden,
        "keys-withdrawn",
        "The tenant has withdrawn its keys",
        "Its data is closed, to everybody, until the tenant restores them. Signing in, the log and the keys' own switch go on.");

    public static readonly EdgeProblem KeysUnavailable = new(
        StatusCodes.Status503ServiceUnavailable,
        "keys-unavailable",
        "The keys of the data cannot be reached right now",
        "The key store does not answer. Nothing was changed. Try again.",
        1);

    public static readonly EdgeProblem KeysDestroyed = new(
        StatusCodes.Status410Gone,
        "keys-destroyed",
        "The keys of the data were destroyed",
        "What they sealed is gone for good.");

    public static readonly EdgeProblem RecordDamaged = new(
        StatusCodes.Status500InternalServerError,
        "record-damaged",
        "A sealed record does not open",
        "It was changed or moved by somebody who went around the platform. The operator's log has it under this request id.");

    /// <summary>Every one, for docs/errors.md.</summary>
    public static IReadOnlyList<EdgeProblem> All { get; } =
    [
        AmbiguousLength, InvalidTarget, InvalidHeaderName, TargetTooLong, BadRequest, NotFound, MethodNotAllowed,
        RequestTimeout, BodyTooLarge, UnsupportedMediaType, UnknownHost, TooManyRequests, InternalError, Overloaded,
        Unavailable, Timeout, KeysWithdrawn, KeysUnavailable, KeysDestroyed, RecordDamaged,
    ];

    /// <summary>The problem for a status that an endpoint or the server left without a body.</summary>
    public static EdgeProblem For(int status) => status switch
    {
        StatusCodes.Status404NotFound => NotFound,
        StatusCodes.Status405MethodNotAllowed => MethodNotAllowed,
        StatusCodes.Status408RequestTimeout => RequestTimeout,
        StatusCodes.Status413PayloadTooLarge => BodyTooLarge,
        StatusCodes.Status415UnsupportedMediaType => UnsupportedMediaType,
        >= 500 => InternalError,
        _ => BadRequest,
    };

    public async Task WriteAsync(HttpContext context)
    {
        var buffer = new ArrayBufferWriter<byte>(384);
        await using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", "https://bulkhead.dev/errors/" + Code);
            json.WriteString("title", Title);
            json.WriteNumber("status", Status);
            json.WriteString("code", Code);
            json.WriteString("detail", Detail);
            json.WriteString("requestId", context.TraceIdentifier);
            json.WriteEndObject();
        }

        var response = context.Response;
        response.StatusCode = Status;
        response.ContentType = "application/problem+json";
        response.ContentLength = buffer.WrittenCount;
        response.Headers.CacheControl = "no-store";
        if (RetryAfterSeconds > 0)
        {
            response.Headers.RetryAfter = RetryAfterSeconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        await response.Body.WriteAsync(buffer.WrittenMemory, context.RequestAborted);
    }

    private static EdgeProblem Malformed(string code, string detail) =>
        new(StatusCodes.Status400BadRequest, code, "The request is malformed", detail);
}
