using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Identity;

/// <summary>Who calls: verifies bearer tokens (RFC 6750, RFC 9068) against the resolved tenant's own issuer and keys.</summary>
public sealed class Authentication
{
    /// <summary>
    /// The call of a verified token at the resolved tenant. Null when it was refused: then the 401 (or the 400 of an invalid
    /// <c>Purpose</c>) has been written, and the handler returns.
    /// </summary>
    public ValueTask<TenantCall?> TenantAsync(HttpContext context) => throw new NotSupportedException();

    /// <summary>Likewise for an operator's token, which reaches no tenant's data.</summary>
    public ValueTask<Actor?> OperatorAsync(HttpContext context) => throw new NotSupportedException();
}
