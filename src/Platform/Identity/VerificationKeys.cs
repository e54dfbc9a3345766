using System.Collections.Frozen;
using System.Collections.Immutable;
using Bulkhead.Kernel.Tenancy;
using Microsoft.IdentityModel.Tokens;

namespace Bulkhead.Platform.Identity;

/// <summary>An issuer's public keys by key id, parsed once.</summary>
internal sealed class VerificationKeys
{
    private readonly FrozenDictionary<string, JsonWebKey> _byKid;

    public VerificationKeys(ImmutableArray<PublicKey> keys) =>
        _byKid = keys
            // The library matches the key's own id; the catalogue's word is the one that holds.
            .Select(key => new JsonWebKey(key.Jwk) { KeyId = key.Kid, Kid = key.Kid })
            .Where(IsForEs256)
            .ToFrozenDictionary(key => key.Kid, StringComparer.Ordinal);

    public IEnumerable<SecurityKey> Find(string? kid) =>
        kid is not null && _byKid.TryGetValue(kid, out var key) ? [key] : [];

    /// <summary>The library does not look at what a key says it is for (RFC 7517 sections 4.2 to 4.4).</summary>
    private static bool IsForEs256(JsonWebKey key) =>
        key is { Kty: "EC", Crv: "P-256", Alg: null or "" or AccessToken.Algorithm, Use: null or "" or "sig" }
        && (key.KeyOps.Count == 0 || key.KeyOps.Contains("verify"));
}
