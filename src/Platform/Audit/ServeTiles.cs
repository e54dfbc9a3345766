using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// The log as C2SP tlog-tiles serves it, under <c>GET …/audit/log/</c>: <c>checkpoint</c> (text), <c>tile/{level}/{index}</c> (hashes),
/// <c>tile/entries/{index}</c> (leaves; the bodies of entries are in exports). A tile that is not full ends in <c>.p/{width}</c>.
/// </summary>
internal static class ServeTiles
{
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

        await AnswerAsync(context, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(state.Note));
    }

    public static async Task TileAsync(HttpContext context, string? path, Authentication authentication, Denials denials, AuditLog log)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.tile") is not { } call)
        {
            return;
        }

        var found = TilePath.Parse($"tile/{path}") is not { } tile ? null
            : tile.Level == TilePath.Entries ? await LeavesAsync(log, call.Context, tile, context.RequestAborted)
            : await HashesAsync(log, call.Context, tile, context.RequestAborted);
        if (found is null)
        {
            await ProblemResults.NotFoundAsync(context, context.RequestAborted);
            return;
        }

        await AnswerAsync(context, "application/octet-stream", found);
    }

    private static async Task<byte[]?> HashesAsync(
        AuditLog log, RequestContext context, TilePath tile, CancellationToken cancellationToken)
    {
        var length = tile.Width * MerkleTree.HashLength;
        return await log.TileAsync(context, tile.Level, tile.Index, cancellationToken) is { } hashes && hashes.Length >= length
            ? hashes[..length]
            : null;
    }

    private static async Task<byte[]?> LeavesAsync(
        AuditLog log, RequestContext context, TilePath tile, CancellationToken cancellationToken)
    {
        var from = tile.Index * Tiles.Width;
        var entries = await log.EntriesAsync(context, from, from + tile.Width, cancellationToken);
        // With a hole it is no bundle: which entry is missing, an export shows.
        return entries.Count == tile.Width && !entries.Contains(null)
            ? EntryBundle.Write(entries.ConvertAll(entry => AuditLeaf.Of(entry!.Digest, entry.Commitments)))
            : null;
    }

    private static async Task AnswerAsync(HttpContext context, string type, byte[] body)
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
