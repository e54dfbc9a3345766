using static Bulkhead.Platform.Apps.ManifestFaultCode;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// References that run in a circle where none may: deletes that cascade into themselves, records that need each other
/// first.
/// </summary>
internal static class ManifestCycles
{
    internal static void Refuse(ManifestDraft draft, ManifestFaults faults)
    {
        Find(draft, f => f.OnDelete == OnDelete.Cascade, true, (field, path) => faults.Add(
            field.OnDeleteAt,
            CascadeCycle,
            $"Deletes would cascade in a circle: {path}. Use restrict for one of them."));
        Find(draft, f => f.Required, false, (field, path) => faults.Add(
            field.Name,
            RequiredCycle,
            $"No first record could be made: {path} need each other. Make one of them optional."));
    }

    /// <summary>Reports each edge that closes a circle, once, with the circle in words.</summary>
    private static void Find(
        ManifestDraft draft, Func<FieldDraft, bool> counts, bool selfCounts, Action<FieldDraft, string> report)
    {
        var done = new HashSet<EntityDraft>();
        var path = new List<EntityDraft>();
        foreach (var entity in draft.Entities)
        {
            Visit(entity);
        }

        void Visit(EntityDraft entity)
        {
            if (!done.Add(entity))
            {
                return;
            }

            path.Add(entity);
            foreach (var field in entity.Fields.Where(f => f.Type == FieldType.Reference && counts(f)))
            {
                if (field.To is null
                    || draft.Entity(field.To.Value) is not { } target
                    || (target == entity && !selfCounts))
                {
                    continue;
                }

                if (path.IndexOf(target) is >= 0 and var start)
                {
                    report(field, string.Join(" → ", path.Skip(start).Append(target).Select(e => e.Name.Value)));
                }
                else
                {
                    Visit(target);
                }
            }

            path.RemoveAt(path.Count - 1);
        }
    }
}
