using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// <c>GET /api/v1/audit/export</c>: entries with what proves them, as JSON Lines (docs/formats/audit-log.md), for <c>bulkhead-verify</c>. All
/// of the log, or <c>from</c> and <c>to</c> (positions), <c>at.gte</c> and <c>at.lt</c> (time), or one <c>entry</c>; <c>format=ocsf</c>: as events
/// of OCSF, without proofs. It is written as it is
/// read, however long the log is; its entry in the log is appended before the first line goes out.
/// </summary>
internal static class ExportAudit
{
    private const string Action = "audit.export";
    private const int HeadLeaves = 10_000;

    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static async Task HandleAsync(
        HttpContext context, Authentication authentication, Denials denials, AuditLog log, LogKeys keys, TenantDatabase database)
    {
        var cancellationToken = context.RequestAborted;
        if (await AuditAccess.EnterAsync(context, authentication, denials, Action) is not { } call)
        {
            return;
        }

        var faults = new List<Fault>();
        var asked = ExportRange.Parse(context.Request.Query, faults);
        if (faults.Count > 0)
        {
            await ProblemResults.WriteAsync(
                context, 400, "invalid-parameter", "Some parameters are unknown or invalid.", faults, cancellationToken);
            return;
        }

        // The head first: so the log is at least as long as every head of it that is shown.
        var head = await log.HeadAsync(call.Context.Tenant, cancellationToken);
        var state = await log.StateAsync(call.Context, cancellationToken);
        var range = state.Size == 0 ? null : await asked.FindAsync(log, call.Context, state.Size, cancellationToken);
        if (range is not { } found)
        {
            await ProblemResults.WriteAsync(
                context, 404, "not-found", "Nothing of it is sealed in the log (yet: an entry is sealed within a second).",
                null, cancellationToken);
            return;
        }

        await database.RunAsync(
            call.Context,
            new TenantWork().Record(new AuditEvent(Action)
            {
                Records = AuditRecords.None,
                Details = Data.Entries.Detail("from", Text(found.From)).Add("to", Text(found.To))
                    .Add("format", asked.IsOcsf ? "ocsf" : "proven"),
            }),
            cancellationToken);
        if (asked.IsOcsf)
        {
            await ExportOcsf.WriteAsync(context.Response, log, call.Context, found.From, found.To, cancellationToken);
            return;
        }

        context.Response.ContentType = "application/jsonl";
        context.Response.Headers.CacheControl = "no-store";
        var writer = new Export(context.Response.Body, cancellationToken);
        await WriteAsync(writer, call, log, keys, state, head, found.From, found.To, asked.InWords, cancellationToken);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task WriteAsync(
        Export export,
        TenantCall call,
        AuditLog log,
        LogKeys keys,
        LogState state,
        LogHead? head,
        long from,
        long to,
        string selection,
        CancellationToken cancellationToken)
    {
        var tenant = call.Context.Tenant;
        await export.LineAsync("header", json =>
        {
            json.WriteString("format", "bulkhead-export/1");
            json.WriteString("origin", LogKeys.OriginOf(tenant));
            Array(json, "logKeys", [$"{keys.Find(tenant)}"]);
            json.WriteString("headsOrigin", keys.HeadsOrigin);
            Array(json, "headsKeys", [$"{keys.Find(null)}"]);
            json.WriteNumber("from", from);
            json.WriteNumber("to", to);
            json.WriteString("selection", selection);
        });
        // Tile by tile: before its entries stand the hashes that name the one that was changed.
        for (var position = from; position < to;)
        {
            var index = position / Tiles.Width;
            var end = Math.Min(to, (index + 1) * Tiles.Width);
            if (await log.TileAsync(call.Context, 0, index, cancellationToken) is { } hashes)
            {
                // Of the entries that follow, and no others.
                var first = (int)(position % Tiles.Width);
                var own = hashes.AsMemory(first * MerkleTree.HashLength, (int)(end - position) * MerkleTree.HashLength);
                await export.LineAsync("tile", json =>
                {
                    json.WriteNumber("index", index);
                    json.WriteBase64String("hashes", own.Span);
                });
            }

            foreach (var body in await log.EntriesAsync(call.Context, position, end, cancellationToken))
            {
                // A hole is left out, and the verifier names it.
                if (body is not null)
                {
                    var here = position;
                    await export.LineAsync("entry", json =>
                    {
                        json.WriteNumber("position", here);
                        json.WriteString("body", body);
                    });
                }

                position++;
            }

            position = end;
        }

        await export.LineAsync("checkpoint", json => json.WriteString("note", state.Note));
        void Proofs(MerkleNode node)
        {
            MerkleTree.RangeProof(from, to, state.Size, node);
            if (head is not null)
            {
                MerkleTree.Consistency(head.Size, state.Size, node);
            }
        }

        var nodes = await log.NodesAsync(call.Context, Proofs, cancellationToken);
        await export.LineAsync("range", json =>
        {
            json.WriteNumber("from", from);
            json.WriteNumber("to", to);
            json.WriteNumber("size", state.Size);
            Hashes(json, "proof", MerkleTree.RangeProof(from, to, state.Size, nodes));
        });
        if (head is not null)
        {
            await HeadAsync(export, log, state, head, nodes, isWhole: from == 0 && to == state.Size, cancellationToken);
        }

        await export.EndAsync();
    }

    private static async Task HeadAsync(
        Export export, AuditLog log, LogState state, LogHead head, MerkleNode nodes, bool isWhole, CancellationToken cancellationToken)
    {
        if (head.Size < state.Size)
        {
            await export.LineAsync("earlier", json =>
            {
                json.WriteString("note", head.Note);
                Hashes(json, "proof", MerkleTree.Consistency(head.Size, state.Size, nodes));
            });
        }

        await export.LineAsync("head", json =>
        {
            json.WriteNumber("position", head.Position);
            json.WriteBase64String("leaf", head.Leaf);
            Hashes(json, "proof", head.Proof);
            json.WriteString("note", head.HeadsNote);
        });
        // Who has every entry can check every head of the log there ever was.
        if (isWhole && head.HeadsSize <= HeadLeaves)
        {
            var leaves = await log.HeadLeavesAsync(0, (int)head.HeadsSize, cancellationToken);
            await export.LineAsync("heads", json => Hashes(json, "leaves", leaves));
        }
    }

    private static void Array(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    private static void Hashes(Utf8JsonWriter json, string name, IEnumerable<byte[]> hashes)
    {
        json.WriteStartArray(name);
        foreach (var hash in hashes)
        {
            json.WriteBase64StringValue(hash);
        }

        json.WriteEndArray();
    }

    /// <summary>Lines of an export, with the digest over them.</summary>
    private sealed class Export(Stream stream, CancellationToken cancellationToken)
    {
        private const int FlushAt = 64 * 1024;

        private readonly ArrayBufferWriter<byte> _buffer = new(2 * FlushAt);
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private int _entries;

        public async Task LineAsync(string type, Action<Utf8JsonWriter> members)
        {
            _entries += type == "entry" ? 1 : 0;
            Write(type, members);
            if (_buffer.WrittenCount >= FlushAt)
            {
                await FlushAsync();
            }
        }

        public async Task EndAsync()
        {
            await FlushAsync();
            var digest = Convert.ToHexStringLower(_hash.GetHashAndReset());
            Write("end", json =>
            {
                json.WriteNumber("entries", _entries);
                json.WriteString("sha256", digest);
            });
            await FlushAsync();
            _hash.Dispose();
        }

        private void Write(string type, Action<Utf8JsonWriter> members)
        {
            using (var json = new Utf8JsonWriter(_buffer, Plain))
            {
                json.WriteStartObject();
                json.WriteString("type", type);
                members(json);
                json.WriteEndObject();
            }

            _buffer.Write("\n"u8);
        }

        private async Task FlushAsync()
        {
            _hash.AppendData(_buffer.WrittenSpan);
            await stream.WriteAsync(_buffer.WrittenMemory, cancellationToken);
            _buffer.ResetWrittenCount();
        }
    }
}
