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
        _byKid = keys.ToFrozenDictionary(
            key => key.Kid,
            // The library matches the key's own id; the catalogue's word is the one that holds.
            key => new JsonWebKey(key.Jwk) { KeyId = key.Kid, Kid = key.Kid },
            StringComparer.Ordinal);

    public IEnumerable<SecurityKey> Find(string? kid) =>
        kid is not null && _byKid.TryGetValue(kid, out var key) ? [key] : [];
}
