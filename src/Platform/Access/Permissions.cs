using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Access;

/// <summary>What an actor may do with one entity: the union of what its roles grant. Deny by default.</summary>
public sealed class EntityPermissions
{
    public required EntityActions Actions { get; init; }

    /// <summary>
    /// Fields that the actor sees, masked ones included. id, createdAt and updatedAt are always seen.
    /// </summary>
    public required FrozenSet<string> Readable { get; init; }

    public required FrozenSet<string> Writable { get; init; }

    /// <summary>Masks that hold: a field that any role shows in the clear is not masked.</summary>
    public required FrozenDictionary<string, MaskModel> Masks { get; init; }

    /// <summary>Fields that may be filtered and sorted by: readable and unmasked.</summary>
    public required FrozenSet<string> Searchable { get; init; }

    public bool Allows(EntityActions action) => (Actions & action) == action;
}

/// <summary>
/// Effective permissions of a set of roles; computed once per app version and set of roles. A lookup allocates nothing:
/// it runs on every request.
/// </summary>
public static class Permissions
{
    /// <summary>
    /// Sets of roles kept per app version. Tokens are signed by us, so more than a few only come from many kinds of
    /// accounts; beyond it the sets are dropped and made anew.
    /// </summary>
    private const int MaxRoleSets = 1_000;

    /// <summary>Held by the model itself: when a version leaves the catalogue, its permissions go with it.</summary>
    private static readonly ConditionalWeakTable<AppModel, ConcurrentDictionary<ImmutableArray<string>, RoleSet>> Cache =
        [];

    /// <summary>
    /// Null when no role names the entity: it does not exist for the actor (404). Role names that the app does not know
    /// grant nothing; so does the operator's account, which reaches no tenant's data.
    /// </summary>
    public static EntityPermissions? For(AppModel app, Actor actor, EntityModel entity) =>
        Of(app, actor) is { } set && set.Entities.TryGetValue(entity.Name, out var permissions) ? permissions : null;

    /// <summary>All that any of the actor's roles may do with the log.</summary>
    public static AuditGrant Audit(AppModel app, Actor actor) => Of(app, actor)?.Audit ?? AuditGrant.None;

    /// <summary>The most that any of the actor's roles may do with the tenant's keys.</summary>
    public static KeysGrant Keys(AppModel app, Actor actor) => Of(app, actor)?.Keys ?? KeysGrant.None;

    private static RoleSet? Of(AppModel app, Actor actor)
    {
        if (actor.Kind is not (ActorKind.Service or ActorKind.User))
        {
            return null;
        }

        var sets = Cache.GetValue(app, static _ => new(SameRoles.Instance));
        return sets.TryGetValue(actor.Roles, out var set) ? set : Add(app, sets, actor.Roles);
    }

    private static RoleSet Add(
        AppModel app, ConcurrentDictionary<ImmutableArray<string>, RoleSet> sets, ImmutableArray<string> names)
    {
        if (sets.Count >= MaxRoleSets)
        {
            sets.Clear();
        }

        return sets.GetOrAdd(names, RoleSet.Of(app, names));
    }

    private sealed record RoleSet(
        FrozenDictionary<string, EntityPermissions> Entities, AuditGrant Audit, KeysGrant Keys)
    {
        internal static RoleSet Of(AppModel app, ImmutableArray<string> names)
        {
            var roles = names
                .Distinct(StringComparer.Ordinal)
                .Select(n => app.Roles.GetValueOrDefault(n))
                .OfType<RoleModel>()
                .ToList();
            var entities = roles
                .SelectMany(r => r.Grants)
                .GroupBy(g => g.Key, g => g.Value, StringComparer.Ordinal)
                .ToFrozenDictionary(g => g.Key, g => Union([.. g]), StringComparer.Ordinal);
            return new(
                entities,
                roles.Aggregate(AuditGrant.None, (all, role) => all | role.Audit),
                roles.Select(r => r.Keys).DefaultIfEmpty(KeysGrant.None).Max());
        }
    }

    private static EntityPermissions Union(List<GrantModel> grants)
    {
        var readable = grants.SelectMany(g => g.Readable).ToFrozenSet(StringComparer.Ordinal);
        var masks = new Dictionary<string, MaskModel>(StringComparer.Ordinal);
        foreach (var field in readable)
        {
            var shown = grants
                .Where(g => g.Readable.Contains(field))
                .Select(g => g.Masks.GetValueOrDefault(field))
                .ToList();
            if (!shown.Contains(null))
            {
                masks.Add(field, shown.OfType<MaskModel>().MaxBy(Shows)!);
            }
        }

        return new()
        {
            Actions = grants.Aggregate(EntityActions.None, (all, g) => all | g.Actions),
            Readable = readable,
            Writable = grants.SelectMany(g => g.Writable).ToFrozenSet(StringComparer.Ordinal),
            Masks = masks.ToFrozenDictionary(StringComparer.Ordinal),
            Searchable = readable.Where(f => !masks.ContainsKey(f)).ToFrozenSet(StringComparer.Ordinal),
        };
    }

    /// <summary>Where several roles mask a field, the union shows what the most generous of them shows.</summary>
    private static (bool, int) Shows(MaskModel mask) => (mask.Kind != MaskKind.Hide, mask.Keep);

    /// <summary>
    /// Equal when they hold the same names, in any order and number; without sorting, so without allocating.
    /// </summary>
    private sealed class SameRoles : IEqualityComparer<ImmutableArray<string>>
    {
        internal static SameRoles Instance { get; } = new();

        public bool Equals(ImmutableArray<string> x, ImmutableArray<string> y) => IsWithin(x, y) && IsWithin(y, x);

        public int GetHashCode(ImmutableArray<string> obj)
        {
            // A name that stands twice must not change the sum, as it does not change the set.
            var sum = 0;
            for (var i = 0; i < obj.Length; i++)
            {
                if (!Contains(obj.AsSpan()[..i], obj[i]))
                {
                    sum += obj[i].GetHashCode(StringComparison.Ordinal);
                }
            }

            return sum;
        }

        private static bool IsWithin(ImmutableArray<string> some, ImmutableArray<string> all)
        {
            foreach (var name in some)
            {
                if (!Contains(all.AsSpan(), name))
                {
                    return false;
                }
            }

            return true;
        }

        private static bool Contains(ReadOnlySpan<string> names, string name)
        {
            foreach (var other in names)
            {
                if (other == name)
                {
                    return true;
                }
            }

            return false;
        }
    }
}
