namespace Bulkhead.Kernel.Tenancy;

/// <summary>How a caller was known.</summary>
/// <param name="Credential">Id of the access token (<c>jti</c>); null when it called with something else.</param>
/// <param name="Assurance">How strongly it was signed in (<c>acr</c> of the token); null when the token does not say.</param>
/// <param name="Source">IP address that the request came from; null when there is none (a socket of the machine).</param>
public sealed record Caller(string? Credential, string? Assurance, string? Source);

/// <summary>
/// What every access to a tenant's data carries, passed explicitly and never ambient:
/// without it there is no connection, because no door takes less.
/// </summary>
public sealed class RequestContext
{
    public RequestContext(TenantId tenant, Actor actor, string requestId, string app, string? purpose = null)
    {
        ArgumentNullException.ThrowIfNull(actor);
        ArgumentException.ThrowIfNullOrWhiteSpace(requestId);
        if (tenant.Value == Guid.Empty)
        {
            throw new ArgumentException("A request without a tenant has no data to reach.", nameof(tenant));
        }

        Tenant = tenant;
        Actor = actor;
        RequestId = requestId;
        App = app;
        Purpose = purpose;
    }

    public TenantId Tenant { get; }

    public Actor Actor { get; }

    /// <summary>Id of the request, for the log and the answer's <c>Request-Id</c> header.</summary>
    public string RequestId { get; }

    /// <summary>App and version under which the act happens, <c>clinic@1</c>.</summary>
    public string App { get; }

    /// <summary>Why, as the caller stated it in the <c>Purpose</c> header (at most 200 characters); null when unstated.</summary>
    public string? Purpose { get; }

    /// <summary>Under which ticket, as the caller stated it in the <c>Ticket</c> header (at most 100 characters); null when unstated.</summary>
    public string? Ticket { get; init; }

    /// <summary>Digest of the access rules that decided, of <see cref="App"/>; null for the platform's own acts, which no rules of an app govern.</summary>
    public string? Policy { get; init; }

    /// <summary>Who asked for what the actor does now; null where the actor asked itself.</summary>
    public Actor? OnBehalfOf { get; init; }

    /// <summary>How the actor was known; null for the platform's own acts.</summary>
    public Caller? Caller { get; init; }
}
