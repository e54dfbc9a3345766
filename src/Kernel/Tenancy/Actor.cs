using System.Collections.Immutable;

namespace Bulkhead.Kernel.Tenancy;

public enum ActorKind
{
    /// <summary>A service account of the tenant.</summary>
    Service,

    /// <summary>A person of the tenant.</summary>
    User,

    /// <summary>An operator's account of the installation: runs tenants, never reads their data.</summary>
    Operator,

    /// <summary>The platform itself, for acts that nobody asked for (recovery, schedules).</summary>
    Platform,
}

/// <summary>Who acts. Never empty: an act without an actor does not exist.</summary>
public sealed class Actor
{
    public Actor(ActorKind kind, string id, ImmutableArray<string> roles)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(id);
        Kind = kind;
        Id = id;
        Roles = roles.IsDefault ? [] : roles;
    }

    public ActorKind Kind { get; }

    /// <summary>The kind as entries have it: <c>service</c>.</summary>
    public string KindWord => Kind switch
    {
        ActorKind.Service => "service",
        ActorKind.User => "user",
        ActorKind.Operator => "operator",
        ActorKind.Platform => "platform",
        _ => throw new InvalidOperationException($"An actor of kind {Kind} has no word in entries."),
    };

    /// <summary>Stable id of the account (a client id, a user id); no name, no address.</summary>
    public string Id { get; }

    /// <summary>Names of roles of the tenant's app, as the manifest declares them.</summary>
    public ImmutableArray<string> Roles { get; }
}
