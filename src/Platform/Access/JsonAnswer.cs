using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Access;

/// <summary>An answer of the operator's plane: a record as JSON in camelCase, never stored by a cache.</summary>
internal static class JsonAnswer
{
    /// <summary>
    /// Quotes and accents as they are: people read these answers in a terminal. Safe, because they are never HTML
    /// (Content-Type with nosniff).
    /// </summary>
    internal static JsonWriterOptions Readable { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly JsonSerializerOptions Options =
        new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static async Task WriteAsync<T>(HttpContext context, int status, T value, CancellationToken cancellationToken)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(value, Options);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(body, cancellationToken);
    }
}
