using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>
/// What a delete takes with it (cascade) and what it leaves without its reference (setNull), found before it happens.
/// </summary>
internal sealed class Dependents
{
    // A chain of self references could be as long as the table: each level is a round trip.
    private const int MaxLevels = 64;

    private readonly AppModel _app;
    private readonly int _max;
    private int _count;

    private Dependents(AppModel app, int max)
    {
        _app = app;
        _max = max;
    }

    /// <summary>Ids that the delete takes with it, by entity; the record itself is not among them.</summary>
    public Dictionary<EntityModel, HashSet<Guid>> Deleted { get; } = [];

    /// <summary>Ids that lose a reference, by entity and field.</summary>
    public Dictionary<(EntityModel Entity, FieldModel Field), HashSet<Guid>> Cleared { get; } = [];

    /// <summary>There are more than the limit, or they reach deeper; what was found is not whole.</summary>
    public bool IsTooMany { get; private set; }

    /// <param name="first">A read of the record itself, which rides in the first round trip.</param>
    public static async Task<Dependents> FindAsync(
        TenantDatabase database,
        RequestContext context,
        AppModel app,
        EntityModel entity,
        Guid id,
        int max,
        TenantWork first,
        CancellationToken cancellationToken)
    {
        var dependents = new Dependents(app, max);
        var work = first;
        var frontier = new Dictionary<EntityModel, HashSet<Guid>> { [entity] = [id] };
        for (var level = 0; ; level++)
        {
            var next = new Dictionary<EntityModel, HashSet<Guid>>();
            foreach (var (target, ids) in frontier)
            {
                dependents.AddReads(work, target, [.. ids], next);
            }

            await database.RunAsync(context, work, cancellationToken);
            next.GetValueOrDefault(entity)?.Remove(id);
            dependents._count = dependents.Cleared.Values.Sum(ids => ids.Count);
            frontier = dependents.TakeNew(next);
            dependents.IsTooMany = dependents._count > max || (level == MaxLevels && frontier.Count > 0);
            if (frontier.Count == 0 || dependents.IsTooMany || !frontier.Keys.Any(dependents.HasEffects))
            {
                dependents.DropDeletedFromCleared();
                return dependents;
            }

            work = new TenantWork();
        }
    }

    /// <summary>
    /// Count and SHA-256 of the sorted ids, per entity and effect: evidence without a list of thousands.
    /// </summary>
    public ImmutableSortedDictionary<string, string> Details()
    {
        var details = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var (entity, ids) in Deleted)
        {
            details[$"deleted.{entity.Name}"] = CountAndDigest(ids);
        }

        foreach (var ((entity, field), ids) in Cleared)
        {
            details[$"cleared.{entity.Name}.{field.Name}"] = CountAndDigest(ids);
        }

        return details.ToImmutable();
    }

    /// <summary><c>2 sha256:…</c>: the digest is over the ids in lower case, sorted, joined by commas.</summary>
    public static string CountAndDigest(IReadOnlyCollection<Guid> ids)
    {
        var text = string.Join(',', ids.Select(id => id.ToString()).Order(StringComparer.Ordinal));
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text)));
        return string.Create(CultureInfo.InvariantCulture, $"{ids.Count} sha256:{digest}");
    }

    private bool HasEffects(EntityModel target) => Effects(target).Any();

    private IEnumerable<(EntityModel Entity, FieldModel Field)> Effects(EntityModel target) =>
        from entity in _app.Entities
        from field in entity.Fields
        where field.Reference is { } reference && reference.Target == target.Name
            && reference.OnDelete != OnDelete.Restrict
        select (entity, field);

    private void AddReads(TenantWork work, EntityModel target, Guid[] ids, Dictionary<EntityModel, HashSet<Guid>> next)
    {
        foreach (var (entity, field) in Effects(target))
        {
            var found = field.Reference!.OnDelete == OnDelete.Cascade
                ? SetOf(next, entity)
                : SetOf(Cleared, (entity, field));
            work.Read(
                Sql.Of($"""
                    select id from {Place.App}.{entity.Table}
                    where {field.Column} = any({SqlValue.Uuids(ids)}) limit {SqlValue.Integer(_max + 1)}
                    """),
                row => found.Add(row.Uuid(0)));
        }
    }

    private Dictionary<EntityModel, HashSet<Guid>> TakeNew(Dictionary<EntityModel, HashSet<Guid>> found)
    {
        var frontier = new Dictionary<EntityModel, HashSet<Guid>>();
        foreach (var (entity, ids) in found)
        {
            if (ids.Count == 0)
            {
                continue;
            }

            var known = SetOf(Deleted, entity);
            ids.ExceptWith(known);
            known.UnionWith(ids);
            if (ids.Count > 0)
            {
                frontier[entity] = ids;
            }
        }

        _count += Deleted.Values.Sum(ids => ids.Count);
        return frontier;
    }

    private void DropDeletedFromCleared()
    {
        foreach (var (key, ids) in Cleared)
        {
            if (Deleted.TryGetValue(key.Entity, out var deleted))
            {
                ids.ExceptWith(deleted);
            }

            if (ids.Count == 0)
            {
                Cleared.Remove(key);
            }
        }
    }

    private static HashSet<Guid> SetOf<T>(Dictionary<T, HashSet<Guid>> sets, T key)
        where T : notnull
    {
        if (!sets.TryGetValue(key, out var set))
        {
            sets[key] = set = [];
        }

        return set;
    }
}
