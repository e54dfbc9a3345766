using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Platform.Identity;

/// <summary>The URLs of one issuer of tokens: a tenant as it was reached, or the operator.</summary>
internal sealed class Issuer
{
    private Issuer(string url, string audience) => (Url, Audience) = (url, audience);

    /// <summary>The <c>iss</c> of its tokens, and the prefix of its endpoints (RFC 8414 section 2).</summary>
    public string Url { get; }

    /// <summary>The <c>aud</c> of its tokens (RFC 9068 section 2.2).</summary>
    public string Audience { get; }

    public string TokenEndpoint => Url + "/oauth/token";

    public string KeysEndpoint => Url + "/oauth/jwks";

    /// <summary>
    /// A tenant that is reached at a host of its own issues as that host, and otherwise as its path: a client compares the
    /// issuer with the URL that it started from (RFC 8414 section 3.3).
    /// </summary>
    public static Issuer Of(ResolvedTenant resolved, IdentityOptions options)
    {
        var url = resolved.Host is { } host
            ? "https://" + host
            : options.PublicUrl.TrimEnd('/') + "/t/" + resolved.Tenant.Slug;
        return new(url, url + "/api/v1");
    }

    public static Issuer OfOperator(IdentityOptions options)
    {
        var url = options.PublicUrl.TrimEnd('/') + "/operator";
        return new(url, url);
    }
}
