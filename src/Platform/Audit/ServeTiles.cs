using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// Logs as C2SP tlog-tiles serves them: <c>checkpoint</c> (text), <c>tile/{level}/{index}</c> (hashes), <c>tile/entries/{index}</c> (leaves).
/// A tile that is not full ends in <c>.p/{width}</c>. Under <c>GET …/audit/log/</c> the tenant's own (the bodies of entries are in exports),
/// under <c>GET …/audit/heads/</c> the log of heads: who reads all of it knows that no log has two histories there.
/// </summary>
internal static class ServeTiles
{
    private const string Text = "text/plain; charset=utf-8";

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

        await AnswerAsync(context, Text, Encoding.UTF8.GetBytes(state.Note));
    }

    public static async Task TileAsync(HttpContext context, string? path, Authentication authentication, Denials denials, AuditLog log)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.tile") is { } call)
        {
            await ServeAsync(
                context,
                path,
                tile => LeavesAsync(log, call.Context, tile, context.RequestAborted),
                tile => log.TileAsync(call.Context, tile.Level, tile.Index, context.RequestAborted));
        }
    }

    public static async Task HeadsCheckpointAsync(HttpContext context, Authentication authentication, Denials denials, AuditLog log)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.checkpoint") is null)
        {
            return;
        }

        if (await log.HeadsNoteAsync(context.RequestAborted) is { } note)
        {
            await AnswerAsync(context, Text, Encoding.UTF8.GetBytes(note));
        }
        else
        {
            await ProblemResults.NotFoundAsync(context, context.RequestAborted);
        }
    }

    public static async Task HeadsTileAsync(HttpContext context, string? path, Authentication authentication, Denials denials, AuditLog log)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.tile") is not null)
        {
            await ServeAsync(
                context,
                path,
                async tile => await log.HeadLeavesAsync(tile.Index * Tiles.Width, tile.Width, context.RequestAborted),
                tile => log.HeadTileAsync(tile.Level, tile.Index, context.RequestAborted));
        }
    }

    /// <param name="leaves">Of a bundle; as many as its width says, or it is none.</param>
    private static async Task ServeAsync(
        HttpContext context, string? path, Func<TilePath, Task<List<byte[]>>> leaves, Func<TilePath, Task<byte[]?>> hashes)
    {
        byte[]? found = null;
        if (TilePath.Parse($"tile/{path}") is { Level: TilePath.Entries } bundle)
        {
            found = await leaves(bundle) is { } all && all.Count == bundle.Width ? EntryBundle.Write(all) : null;
        }
        else if (TilePath.Parse($"tile/{path}") is { } tile)
        {
            var length = tile.Width * MerkleTree.HashLength;
            found = await hashes(tile) is { } whole && whole.Length >= length ? whole[..length] : null;
        }

        if (found is null)
        {
            await ProblemResults.NotFoundAsync(context, context.RequestAborted);
            return;
        }

        await AnswerAsync(context, "application/octet-stream", found);
    }

    private static async Task<List<byte[]>> LeavesAsync(AuditLog log, RequestContext context, TilePath tile, CancellationToken cancellationToken)
    {
        var from = tile.Index * Tiles.Width;
        var entries = await log.EntriesAsync(context, from, from + tile.Width, cancellationToken);
        // With a hole it is no bundle: which entry is missing, an export shows.
        return [.. entries.OfType<LoggedEntry>().Select(entry => AuditLeaf.Of(entry.Digest, entry.Commitments))];
    }

    private static async Task AnswerAsync(HttpContext context, string type, byte[] body)
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
