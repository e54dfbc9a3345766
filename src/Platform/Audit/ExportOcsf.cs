using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Platform.Audit;

/// <summary>Entries as events of OCSF, one a line. The answer's headers say that they prove nothing, and each event too.</summary>
internal static class ExportOcsf
{
    private const int Batch = 256;

    public static async Task WriteAsync(
        ExportLines lines, AuditLog log, RequestContext context, long from, long to, CancellationToken cancellationToken)
    {
        for (var position = from; position < to; position += Batch)
        {
            var entries = await log.EntriesAsync(context, position, Math.Min(to, position + Batch), cancellationToken);
            for (var i = 0; i < entries.Count; i++)
            {
                // What is gone from the table, or expired, is left out: its sequence is missing.
                if (entries[i] is { Body: { } body })
                {
                    var here = position + i;
                    await lines.WholeAsync(json => OcsfEvent.Write(json, here, body));
                }
            }
        }

        await lines.FlushAsync();
    }
}
