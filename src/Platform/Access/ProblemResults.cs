using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Access;

/// <summary>Answers with a problem (RFC 9457): all faults at once, a stable code, the id of the request.</summary>
public static class ProblemResults
{
    private const string TypeBase = "https://bulkhead.dev/errors/";

    /// <summary>
    /// Writes the whole answer; nothing may have been sent before. Headers that belong to the status (WWW-Authenticate,
    /// Retry-After) are the caller's, set before.
    /// </summary>
    /// <param name="code">One of <see cref="ErrorCodes"/>.</param>
    /// <param name="detail">What went wrong and what to do, in our own words: nothing that the client sent but names it knows.</param>
    /// <param name="faults">Each fault with its place; a fault's code may be finer than the problem's.</param>
    public static async Task WriteAsync(
        HttpContext context,
        int status,
        string code,
        string detail,
        IReadOnlyList<Fault>? faults = null,
        CancellationToken cancellationToken = default)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        await using (var json = new Utf8JsonWriter(buffer, JsonAnswer.Readable))
        {
            Write(json, context.TraceIdentifier, status, code, detail, faults);
        }

        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = "application/problem+json";
        response.ContentLength = buffer.WrittenCount;
        response.Headers.CacheControl = "no-store";
        await response.Body.WriteAsync(buffer.WrittenMemory, cancellationToken);
    }

    /// <summary>404 in one form for what does not exist, is not the actor's, or has no route: the three cannot be told apart.</summary>
    public static Task NotFoundAsync(HttpContext context, CancellationToken cancellationToken = default) =>
        WriteAsync(
            context, StatusCodes.Status404NotFound, "not-found", "Nothing is here for you.", null, cancellationToken);

    private static void Write(
        Utf8JsonWriter json, string requestId, int status, string code, string detail, IReadOnlyList<Fault>? faults)
    {
        json.WriteStartObject();
        json.WriteString("type", string.Create(CultureInfo.InvariantCulture, $"{TypeBase}{code}"));
        json.WriteString("title", ErrorCodes.Title(code));
        json.WriteNumber("status", status);
        json.WriteString("code", code);
        json.WriteString("detail", detail);
        json.WriteString("requestId", requestId);
        if (faults is { Count: > 0 })
        {
            json.WriteStartArray("errors");
            foreach (var fault in faults)
            {
                WriteFault(json, fault);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteFault(Utf8JsonWriter json, Fault fault)
    {
        json.WriteStartObject();
        json.WriteString("code", fault.Code);
        if (fault.Pointer is not null)
        {
            json.WriteString("pointer", fault.Pointer);
        }

        if (fault.Parameter is not null)
        {
            json.WriteString("parameter", fault.Parameter);
        }

        if (fault is { Line: { } line, Column: { } column })
        {
            json.WriteNumber("line", line);
            json.WriteNumber("column", column);
        }

        json.WriteString("detail", fault.Detail);
        json.WriteEndObject();
    }
}
