using System.Collections.Frozen;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Access;

/// <summary>What an actor may do with one entity: the union of what its roles grant. Deny by default.</summary>
public sealed class EntityPermissions
{
    public required EntityActions Actions { get; init; }

    /// <summary>Fields that the actor sees, masked ones included. id, createdAt and updatedAt are always seen.</summary>
    public required FrozenSet<string> Readable { get; init; }

    public required FrozenSet<string> Writable { get; init; }

    /// <summary>Masks that hold: a field that any role shows in the clear is not masked.</summary>
    public required FrozenDictionary<string, MaskModel> Masks { get; init; }

    /// <summary>Fields that may be filtered and sorted by: readable and unmasked.</summary>
    public required FrozenSet<string> Searchable { get; init; }

    public bool Allows(EntityActions action) => (Actions & action) == action;
}

/// <summary>Effective permissions of a set of roles; computed once per app version and set of roles.</summary>
public static class Permissions
{
    /// <summary>Null when no role names the entity: it does not exist for the actor (404).</summary>
    public static EntityPermissions? For(AppModel app, Actor actor, EntityModel entity) => throw new NotSupportedException();

    public static bool ReadsAudit(AppModel app, Actor actor) => throw new NotSupportedException();
}
