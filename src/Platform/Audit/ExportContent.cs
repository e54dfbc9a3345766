using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Platform.Audit;

/// <summary>What an export shows, with what proves it (docs/formats/audit-log.md). Written as it is read, however long the log is.</summary>
/// <param name="Checkpoint">Of the log, of a size that is at least <paramref name="To"/>.</param>
/// <param name="Note">The same, signed.</param>
/// <param name="Head">In the log of heads, of a size that is at most the checkpoint's; null when there is none.</param>
/// <param name="Selection">What was asked, for people.</param>
internal sealed record ExportContent(
    RequestContext Context, long From, long To, Checkpoint Checkpoint, string Note, LogHead? Head, string Selection)
{
    /// <summary>Of a line: 1.1 MB.</summary>
    private const int HeadLeaves = 10_000;

    /// <summary>Of an export: 22 MB. Of a longer log of heads the verifier says that its leaves are not there.</summary>
    private const int MostHeadLeaves = 200_000;

    /// <summary>Entries whose values are open in memory at once: each has up to 1 Mi characters of them.</summary>
    private const int DisclosedAtOnce = 16;

    /// <summary>A checkpoint where the range begins; null for none, and for the empty log.</summary>
    public (Checkpoint Checkpoint, string Note)? Older { get; init; }

    /// <summary>A checkpoint where the range ends, to show when that was reached; null for none.</summary>
    public (Checkpoint Checkpoint, string Note)? Newer { get; init; }

    /// <summary>What goes with the entries; null for nothing.</summary>
    public DisclosedFields? Disclosed { get; init; }

    /// <summary>Digests in place of bodies.</summary>
    public bool IsHidden { get; init; }

    public ProvenTotal? Total { get; init; }

    public async Task WriteAsync(ExportLines lines, AuditLog log, LogKeys keys, CancellationToken cancellationToken)
    {
        await lines.LineAsync("header", json =>
        {
            json.WriteString("format", "bulkhead-export/1");
            json.WriteString("origin", LogKeys.OriginOf(Context.Tenant));
            ExportLines.Array(json, "logKeys", keys.All(Context.Tenant).Select(key => $"{key}"));
            json.WriteString("headsOrigin", keys.HeadsOrigin);
            ExportLines.Array(json, "headsKeys", keys.All(null).Select(key => $"{key}"));
            json.WriteNumber("from", From);
            json.WriteNumber("to", To);
            json.WriteString("selection", Selection);
        });
        var expired = await EntriesAsync(lines, log, cancellationToken);
        var expiries = expired.Count == 0 ? [] : await ExpiriesAsync(log, expired, cancellationToken);
        var until = this;
        if (expiries.Exists(e => e.Position >= Checkpoint.Size))
        {
            // They expired after the export began.
            var state = await log.StateAsync(Context, cancellationToken);
            until = this with { Note = state.Note, Checkpoint = AuditLog.CheckpointOf(state.Note) ?? Checkpoint };
        }

        await until.ProofsAsync(lines, log, expiries, cancellationToken);
        if (Total is { } total)
        {
            await lines.LineAsync("total", json => Write(json, total));
        }

        await lines.EndAsync();
    }

    /// <summary>Tile by tile: before its entries stand the hashes that name the one that was changed.</summary>
    /// <returns>Positions without a body.</returns>
    private async Task<List<(long From, long To)>> EntriesAsync(ExportLines lines, AuditLog log, CancellationToken cancellationToken)
    {
        var expired = new List<(long From, long To)>();
        for (var position = From; position < To;)
        {
            var index = position / Tiles.Width;
            var end = Math.Min(To, (index + 1) * Tiles.Width);
            if (await log.TileAsync(Context, 0, index, cancellationToken) is { } hashes)
            {
                // Of the entries that follow, and no others.
                var first = (int)(position % Tiles.Width);
                var own = hashes.AsMemory(first * MerkleTree.HashLength, (int)(end - position) * MerkleTree.HashLength);
                await lines.LineAsync("tile", json =>
                {
                    json.WriteNumber("index", index);
                    json.WriteBase64String("hashes", own.Span);
                });
            }

            var entries = await log.EntriesAsync(Context, position, end, cancellationToken);
            foreach (var part in entries.Chunk(DisclosedAtOnce))
            {
                var disclosures = Disclosed is null ? null : await Disclosed.OfAsync(Context, part, cancellationToken);
                foreach (var entry in part)
                {
                    // A hole is left out, and the verifier names it.
                    if (entry is not null)
                    {
                        var here = position;
                        await lines.LineAsync("entry", json => Write(json, here, entry, disclosures));
                        AddIfExpired(expired, position, entry);
                    }

                    position++;
                }
            }

            position = end;
        }

        return expired;
    }

    private void AddIfExpired(List<(long From, long To)> expired, long position, LoggedEntry entry)
    {
        if (entry.Body is not null || IsHidden)
        {
            return;
        }

        if (expired.Count > 0 && expired[^1].To == position)
        {
            expired[^1] = (expired[^1].From, position + 1);
        }
        else
        {
            expired.Add((position, position + 1));
        }
    }

    /// <summary>Entries outside of these positions that announced the expiry of some of them.</summary>
    private async Task<List<AnnouncedExpiry>> ExpiriesAsync(
        AuditLog log, List<(long From, long To)> expired, CancellationToken cancellationToken) =>
        (await log.ExpiriesAsync(Context, cancellationToken)).FindAll(e => (e.Position < From || e.Position >= To)
            && expired.Exists(range => e.Announcement.Overlaps(range.From, range.To)));

    private async Task ProofsAsync(
        ExportLines lines, AuditLog log, List<AnnouncedExpiry> expiries, CancellationToken cancellationToken)
    {
        var size = Checkpoint.Size;
        await lines.LineAsync("checkpoint", json => json.WriteString("note", Note));
        void Proofs(MerkleNode node)
        {
            MerkleTree.RangeProof(From, To, size, node);
            foreach (var (older, _) in Earlier)
            {
                MerkleTree.Consistency(older, size, node);
            }
        }

        var nodes = await log.NodesAsync(Context, Proofs, cancellationToken);
        await lines.LineAsync("range", json =>
        {
            json.WriteNumber("from", From);
            json.WriteNumber("to", To);
            json.WriteNumber("size", size);
            ExportLines.Hashes(json, "proof", MerkleTree.RangeProof(From, To, size, nodes));
        });
        foreach (var expiry in expiries)
        {
            var path = await log.NodesAsync(Context, node => MerkleTree.Inclusion(expiry.Position, size, node), cancellationToken);
            await lines.LineAsync("expiry", json =>
            {
                json.WriteNumber("position", expiry.Position);
                json.WriteString("body", expiry.Body);
                ExportLines.Hashes(json, "proof", MerkleTree.Inclusion(expiry.Position, size, path));
            });
        }

        foreach (var (older, note) in Earlier)
        {
            await EarlierAsync(lines, note, older, nodes);
        }

        if (Head is not null)
        {
            await HeadAsync(lines, log, Head, cancellationToken);
        }
    }

    /// <summary>Older checkpoints that are shown, each size once.</summary>
    private IEnumerable<(long Size, string Note)> Earlier =>
        new (long Size, string Note)[]
        {
            (Older?.Checkpoint.Size ?? 0, Older?.Note ?? ""),
            (Newer?.Checkpoint.Size ?? 0, Newer?.Note ?? ""),
            (Head?.Size ?? 0, Head?.Note ?? ""),
        }
        .Where(one => one.Size > 0 && one.Size < Checkpoint.Size).DistinctBy(one => one.Size);

    private Task EarlierAsync(ExportLines lines, string note, long size, MerkleNode nodes) => lines.LineAsync("earlier", json =>
    {
        json.WriteString("note", note);
        ExportLines.Hashes(json, "proof", MerkleTree.Consistency(size, Checkpoint.Size, nodes));
    });

    private async Task HeadAsync(ExportLines lines, AuditLog log, LogHead head, CancellationToken cancellationToken)
    {
        await lines.LineAsync("head", json =>
        {
            json.WriteNumber("position", head.Position);
            json.WriteBase64String("leaf", head.Leaf);
            ExportLines.Hashes(json, "proof", head.Proof);
            json.WriteString("note", head.HeadsNote);
        });
        // Who has every entry can check every head of the log there ever was.
        if (From == 0 && To == Checkpoint.Size && !IsHidden && head.HeadsSize <= MostHeadLeaves)
        {
            for (long from = 0; from < head.HeadsSize; from += HeadLeaves)
            {
                var leaves = await log.HeadLeavesAsync(from, (int)Math.Min(HeadLeaves, head.HeadsSize - from), cancellationToken);
                await lines.LineAsync("heads", json => ExportLines.Hashes(json, "leaves", leaves));
            }
        }
    }

    private void Write(Utf8JsonWriter json, long position, LoggedEntry entry, ILookup<Guid, string>? disclosures)
    {
        json.WriteNumber("position", position);
        if (entry.Body is { } body && !IsHidden)
        {
            json.WriteString("body", body);
            if (disclosures?.Contains(entry.Id) == true)
            {
                ExportLines.Array(json, "disclosures", disclosures[entry.Id]);
            }
        }
        else
        {
            json.WriteBase64String("digest", entry.Digest);
        }

        if (entry.Body is null && !IsHidden)
        {
            json.WriteBoolean("expired", true);
        }

        // The owner of the database may have written anything there: then the leaf is not the sealed one, and the verifier names it.
        if (IsObject(entry.Commitments))
        {
            json.WritePropertyName("commitments");
            json.WriteRawValue(entry.Commitments, skipInputValidation: true);
        }
    }

    private static bool IsObject(string text)
    {
        try
        {
            using var json = text.Length > 0 ? JsonDocument.Parse(text) : null;
            return json?.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private void Write(Utf8JsonWriter json, ProvenTotal total)
    {
        json.WriteString("kind", total.Kind switch { TotalKind.Total => "total", TotalKind.Below => "below", _ => "each" });
        json.WriteString("attribute", total.Attribute);
        json.WriteString("number", $"{total.Number}");
        json.WriteNumber("older", Older?.Checkpoint.Size ?? 0);
        json.WriteNumber("from", From);
        json.WriteNumber("to", To);
        if (total.Kind == TotalKind.Each)
        {
            ExportLines.Hashes(json, "proofs", total.Proofs);
        }
        else
        {
            json.WriteBase64String("proof", total.Proofs[0]);
        }
    }
}
