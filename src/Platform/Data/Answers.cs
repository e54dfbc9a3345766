using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>Answers of the data API. They are sent after the commit, whole and with their length.</summary>
internal static class Answers
{
    public static Task WriteAsync(HttpContext http, int status, ReadOnlyMemory<byte> json)
    {
        var response = http.Response;
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = json.Length;
        response.Headers.CacheControl = "no-store";
        return response.Body.WriteAsync(json, http.RequestAborted).AsTask();
    }

    public static void SetETag(HttpContext http, Guid version) =>
        http.Response.Headers.ETag = string.Create(38, version, static (text, version) =>
        {
            text[0] = text[37] = '"';
            version.TryFormat(text[1..], out _);
        });

    /// <summary>All faults of a query string.</summary>
    public static Task RefuseQueryAsync(HttpContext http, IReadOnlyList<Fault> faults) => ProblemResults.WriteAsync(
        http,
        StatusCodes.Status400BadRequest,
        CommonCode(faults) ?? "invalid-parameter",
        "The query is not one that the endpoint takes; each fault is listed.",
        faults,
        http.RequestAborted);

    /// <summary>All faults of a body.</summary>
    public static Task RefuseBodyAsync(HttpContext http, IReadOnlyList<Fault> faults) => ProblemResults.WriteAsync(
        http,
        CheckedBody.StatusOf(faults),
        CommonCode(faults) ?? "invalid-body",
        "The body is not one that the endpoint takes; each fault is listed.",
        faults,
        http.RequestAborted);

    public static Task TooLargeAsync(HttpContext http) => ProblemResults.WriteAsync(
        http,
        StatusCodes.Status400BadRequest,
        "answer-too-large",
        "The answer would be too large: ask for fewer records, fields or expansions.",
        cancellationToken: http.RequestAborted);

    public static Task StaleAsync(HttpContext http) => ProblemResults.WriteAsync(
        http,
        StatusCodes.Status412PreconditionFailed,
        "stale",
        "The record was changed since it was read: read it again and repeat the change.",
        cancellationToken: http.RequestAborted);

    public static Task UnsupportedAsync(HttpContext http, string expected) => ProblemResults.WriteAsync(
        http,
        StatusCodes.Status415UnsupportedMediaType,
        "unsupported-media-type",
        $"The endpoint takes {expected}.",
        cancellationToken: http.RequestAborted);

    /// <summary>
    /// The media type without its parameters; a charset other than UTF-8 is met when the body is read.
    /// </summary>
    public static bool HasMediaType(HttpContext http, string type)
    {
        var value = http.Request.ContentType.AsSpan();
        var end = value.IndexOf(';');
        return (end < 0 ? value : value[..end]).Trim().Equals(type, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The code that all faults share: then it is the problem's own.</summary>
    private static string? CommonCode(IReadOnlyList<Fault> faults)
    {
        for (var i = 1; i < faults.Count; i++)
        {
            if (faults[i].Code != faults[0].Code)
            {
                return null;
            }
        }

        return faults[0].Code;
    }
}
