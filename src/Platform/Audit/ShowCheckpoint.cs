using System.Globalization;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// The log as C2SP tlog-tiles serves it: <c>GET …/audit/log/checkpoint</c> (text), <c>…/audit/log/tile/{level}/{index}</c> (bytes). The
/// index is written in groups of three digits, all but the last with an x: <c>x001/x234/067</c>; a tile that is not full ends in
/// <c>.p/{hashes}</c>.
/// </summary>
internal static class ShowCheckpoint
{
    private const int MaxLevel = 7;

    public static async Task CheckpointAsync(HttpContext context, Authentication authentication, Denials denials, AuditLog log)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.checkpoint") is not { } call)
        {
            return;
        }

        var state = await log.StateAsync(call.Context, context.RequestAborted);
        if (state.Size == 0)
        {
            await ProblemResults.NotFoundAsync(context, context.RequestAborted);
            return;
        }

        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(state.Note), context.RequestAborted);
    }

    public static async Task TileAsync(
        HttpContext context, int level, string path, Authentication authentication, Denials denials, AuditLog log)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.tile") is not { } call)
        {
            return;
        }

        if (level is < 0 or > MaxLevel || !TryParse(path, out var index, out var width)
            || await log.TileAsync(call.Context, level, index, context.RequestAborted) is not { } hashes
            || hashes.Length < width * 32)
        {
            await ProblemResults.NotFoundAsync(context, context.RequestAborted);
            return;
        }

        context.Response.ContentType = "application/octet-stream";
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(hashes.AsMemory(0, width * 32), context.RequestAborted);
    }

    /// <summary>One way to write an index and no other.</summary>
    internal static bool TryParse(string path, out long index, out int width)
    {
        index = 0;
        width = 256;
        var parts = path.Split('/');
        if (parts.Length >= 2 && parts[^2].EndsWith(".p", StringComparison.Ordinal))
        {
            if (!int.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out width) || width is < 1 or > 255
                || parts[^1][0] == '0')
            {
                return false;
            }

            parts = [.. parts[..^2], parts[^2][..^2]];
        }

        if (parts.Length > 6)
        {
            return false;
        }

        for (var i = 0; i < parts.Length; i++)
        {
            var isLast = i == parts.Length - 1;
            var digits = isLast ? parts[i] : parts[i].StartsWith('x') ? parts[i][1..] : "";
            if (digits.Length != 3 || !digits.All(char.IsAsciiDigit))
            {
                return false;
            }

            index = (index * 1000) + int.Parse(digits, CultureInfo.InvariantCulture);
        }

        return parts.Length == 1 || index >= (long)Math.Pow(1000, parts.Length - 1);
    }
}
