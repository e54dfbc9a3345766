using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>
/// A change names the version that it was made against (RFC 9110 section 13.1.1, RFC 6585 section 3).
/// </summary>
internal static class Preconditions
{
    /// <summary>The version in <c>If-Match</c>, one strong tag; null when the refusal (428, 412) is written.</summary>
    public static async ValueTask<Guid?> IfMatchAsync(HttpContext http)
    {
        var header = http.Request.Headers.IfMatch;
        if (header.Count == 0)
        {
            await ProblemResults.WriteAsync(
                http,
                StatusCodes.Status428PreconditionRequired,
                "precondition-required",
                "Send the record's ETag in If-Match.",
                cancellationToken: http.RequestAborted);
            return null;
        }

        if (header.Count == 1 && TryParse(header[0], out var version))
        {
            return version;
        }

        await Answers.StaleAsync(http);
        return null;
    }

    /// <summary>Tags of this API are quoted UUIDs: any other tag, a weak one too, matches no version.</summary>
    public static bool TryParse(ReadOnlySpan<char> tag, out Guid version)
    {
        version = default;
        return tag is ['"', .. { Length: 36 } inner, '"'] && Guid.TryParseExact(inner, "D", out version);
    }
}
