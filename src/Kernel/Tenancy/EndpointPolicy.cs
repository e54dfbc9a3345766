namespace Bulkhead.Kernel.Tenancy;

public enum EndpointPlane
{
    /// <summary>Reached without a tenant: health, the start page.</summary>
    Public,

    /// <summary>Reached under a tenant only.</summary>
    Tenant,

    /// <summary>Reached without a tenant only, at <c>/operator/…</c>.</summary>
    Operator,
}

/// <summary>
/// Where an endpoint stands and whether it asks for a token. Every endpoint carries one as metadata
/// (<c>.WithMetadata(EndpointPolicy.Tenant)</c>): the program does not start with an endpoint that has none.
/// The edge enforces the plane; the handler verifies the token through Identity.Authentication.
/// </summary>
public sealed record EndpointPolicy
{
    private EndpointPolicy(EndpointPlane plane, bool needsToken) => (Plane, NeedsToken) = (plane, needsToken);

    /// <summary>Under a tenant, with a token of that tenant.</summary>
    public static EndpointPolicy Tenant { get; } = new(EndpointPlane.Tenant, true);

    /// <summary>Under a tenant, without a token: metadata, keys, the token endpoint itself.</summary>
    public static EndpointPolicy TenantAnonymous { get; } = new(EndpointPlane.Tenant, false);

    /// <summary>Without a tenant, with an operator's token.</summary>
    public static EndpointPolicy Operator { get; } = new(EndpointPlane.Operator, true);

    /// <summary>Without a tenant, without a token: the operator's token endpoint and keys.</summary>
    public static EndpointPolicy OperatorAnonymous { get; } = new(EndpointPlane.Operator, false);

    /// <summary>Without a tenant, for anyone.</summary>
    public static EndpointPolicy Public { get; } = new(EndpointPlane.Public, false);

    public EndpointPlane Plane { get; }

    public bool NeedsToken { get; }
}
