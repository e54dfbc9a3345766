using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Bulkhead.Platform.Access;

/// <summary>Reads a small body whole, up to a limit of its own.</summary>
internal static class LimitedBody
{
    /// <summary>Null when it was refused: then the 413 or 415 has been written.</summary>
    /// <param name="mediaTypes">Those that the endpoint takes, without parameters.</param>
    internal static async Task<ReadOnlyMemory<byte>?> ReadAsync(
        HttpContext context, int maxBytes, string[] mediaTypes, CancellationToken cancellationToken)
    {
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type)
            || !mediaTypes.Contains(type.MediaType.Value, StringComparer.OrdinalIgnoreCase))
        {
            await ProblemResults.WriteAsync(
                context, 415, "unsupported-media-type", $"Send {mediaTypes[0]}.", null, cancellationToken);
            return null;
        }

        var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = await context.Request.Body.ReadAsync(chunk, cancellationToken)) > 0)
        {
            if (buffer.Length + read > maxBytes)
            {
                var limit = maxBytes.ToString(CultureInfo.InvariantCulture);
                await ProblemResults.WriteAsync(
                    context, 413, "body-too-large", $"The body has at most {limit} bytes.", null, cancellationToken);
                return null;
            }

            buffer.Write(chunk, 0, read);
        }

        return buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
    }
}
