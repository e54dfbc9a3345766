using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>Entries as events of OCSF, one a line. The answer's headers say that they prove nothing, and each event too.</summary>
internal static class ExportOcsf
{
    private const int Batch = 256;

    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static async Task WriteAsync(
        HttpResponse response, AuditLog log, RequestContext context, long from, long to, CancellationToken cancellationToken)
    {
        response.ContentType = "application/jsonl";
        response.Headers.CacheControl = "no-store";
        response.Headers["Audit-Proofs"] = "none";
        var buffer = new ArrayBufferWriter<byte>(64 * 1024);
        for (var position = from; position < to; position += Batch)
        {
            var bodies = await log.EntriesAsync(context, position, Math.Min(to, position + Batch), cancellationToken);
            for (var i = 0; i < bodies.Count; i++)
            {
                // What is gone from the table is left out: its sequence is missing.
                if (bodies[i] is { } body)
                {
                    using (var json = new Utf8JsonWriter(buffer, Plain))
                    {
                        OcsfEvent.Write(json, position + i, body);
                    }

                    buffer.Write("\n"u8);
                }
            }

            await response.Body.WriteAsync(buffer.WrittenMemory, cancellationToken);
            buffer.ResetWrittenCount();
        }
    }
}
