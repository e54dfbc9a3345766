using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>
/// Why lines were not inserted: their id exists, a reference leads nowhere, or a unique value is taken.
/// </summary>
internal static class ImportFindings
{
    /// <summary>
    /// Settles what it can explain; what stays waiting met a change in between and may be tried again.
    /// </summary>
    public static async Task ClassifyAsync(
        TenantDatabase database, DataCall call, ImportChunk chunk, RecordKeys? keys, CancellationToken cancellationToken)
    {
        var view = call.View;
        var work = new TenantWork();
        var existing = new HashSet<Guid>();
        work.Read(
            ImportSql.Present(view.Entity.Table, [.. chunk.Waiting.Select(line => line.Id)]), row =>
                existing.Add(row.Uuid(0)));
        var references = AddReferences(work, view, chunk.Waiting);
        var taken = new List<(IndexModel Index, HashSet<Guid> Ids)>();
        foreach (var index in view.Entity.Indexes)
        {
            if (index.Unique)
            {
                var ids = new HashSet<Guid>();
                work.Read(ImportSql.Taken(view, index, chunk.Waiting, keys), row => ids.Add(row.Uuid(0)));
                taken.Add((index, ids));
            }
        }

        await database.RunAsync(call.Tenant.Context, work, cancellationToken);
        chunk.TakeExisting(existing);
        RejectTaken(chunk, view, taken);
        RejectDangling(chunk, view, references, existing);
    }

    private static Dictionary<RecordField, HashSet<Guid>> AddReferences(
        TenantWork work, EntityView view, List<ImportLine> lines)
    {
        var references = new Dictionary<RecordField, HashSet<Guid>>();
        foreach (var field in view.All)
        {
            if (field.Model!.Reference is not { } reference)
            {
                continue;
            }

            var present = references[field] = [];
            var asked = lines.Select(line => line.Values[field.Index])
                .Where(value => !value.IsNull).Select(value => value.AsUuid).Distinct().ToArray();
            if (asked.Length > 0)
            {
                work.Read(
                    ImportSql.Present(view.App.ByName[reference.Target].Table, asked), row => present.Add(row.Uuid(0)));
            }
        }

        return references;
    }

    private static void RejectTaken(ImportChunk chunk, EntityView view,
        List<(IndexModel Index, HashSet<Guid> Ids)> taken)
    {
        foreach (var (index, ids) in taken)
        {
            chunk.Waiting.RemoveAll(line =>
            {
                if (!ids.Contains(line.Id))
                {
                    return false;
                }

                chunk.Reject(line, Violations.UniqueFaults(view, index.Name.Value)[0]);
                return true;
            });
        }
    }

    /// <summary>
    /// Until nothing changes: a line that is rejected takes with it the lines of the chunk that refer to it.
    /// </summary>
    private static void RejectDangling(
        ImportChunk chunk, EntityView view, Dictionary<RecordField, HashSet<Guid>> references, HashSet<Guid> existing)
    {
        while (true)
        {
            var alive = chunk.Waiting.Select(line => line.Id).ToHashSet();
            alive.UnionWith(existing);
            var removed = chunk.Waiting.RemoveAll(line =>
            {
                foreach (var (field, present) in references)
                {
                    var value = line.Values[field.Index];
                    var isSelf = field.Model!.Reference!.Target == view.Entity.Name;
                    if (value.IsNull || present.Contains(value.AsUuid) || (isSelf && alive.Contains(value.AsUuid)))
                    {
                        continue;
                    }

                    chunk.Reject(line, new(
                        "reference-not-found", "The referenced record does not exist.",
                            Violations.Pointer(view, field.Name)));
                    return true;
                }

                return false;
            });
            if (removed == 0)
            {
                return;
            }
        }
    }
}
