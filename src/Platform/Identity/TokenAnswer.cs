using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Identity;

/// <summary>Answers of the token endpoint (RFC 6749 sections 5.1 and 5.2): its own JSON, not a problem, because OAuth clients read it.</summary>
internal static class TokenAnswer
{
    public static Task WriteTokenAsync(
        HttpContext context, string token, string? scope, CancellationToken cancellationToken) =>
        WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteString("access_token", token);
            json.WriteString("token_type", "Bearer");
            json.WriteNumber("expires_in", (int)AccessToken.Lifetime.TotalSeconds);
            if (scope is not null)
            {
                json.WriteString("scope", scope);
            }
        }, cancellationToken);

    public static Task WriteErrorAsync(HttpContext context, TokenError error, CancellationToken cancellationToken)
    {
        if (error.Status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"token\", charset=\"UTF-8\"";
        }

        return WriteAsync(context, error.Status, json =>
        {
            json.WriteString("error", error.Error);
            json.WriteString("error_description", error.Description);
        }, cancellationToken);
    }

    private static async Task WriteAsync(
        HttpContext context, int status, Action<Utf8JsonWriter> members, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        await using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = buffer.WrittenCount;
        response.Headers.CacheControl = "no-store";
        response.Headers.Pragma = "no-cache";
        await response.Body.WriteAsync(buffer.WrittenMemory, cancellationToken);
    }
}
