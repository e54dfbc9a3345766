using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Bulkhead.Platform.Identity;

/// <summary>What a verified token says. It holds until <see cref="ExpiresAt"/>.</summary>
internal sealed record TokenClaims(string ClientId, ImmutableArray<string> Roles, string? Scope, DateTimeOffset ExpiresAt)
{
    /// <summary>Id of the token (<c>jti</c>); null when it has none.</summary>
    public string? TokenId { get; init; }

    /// <summary>How strongly the client was signed in (<c>acr</c>); null when the token does not say.</summary>
    public string? Assurance { get; init; }
}

/// <summary>
/// Verifies an access token (RFC 9068 section 4, RFC 8725): exactly ES256, exactly one of the issuer's keys by its id, exactly
/// its issuer and audience, of the type <c>at+jwt</c>. Whatever key a token brings along is refused, not ignored.
/// </summary>
internal sealed class TokenVerification(TimeProvider time)
{
    /// <summary>Characters. Ours have about 700.</summary>
    public const int MaxLength = 8 * 1024;

    /// <summary>How far the clocks of two of our processes may be apart.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    private readonly JsonWebTokenHandler _handler = new()
    {
        MaximumTokenSizeInBytes = MaxLength,
        MapInboundClaims = false,
    };

    /// <summary>Null when the token is not valid for this issuer, for whatever reason: the client learns no more than that.</summary>
    public async ValueTask<TokenClaims?> VerifyAsync(string token, Issuer issuer, VerificationKeys keys)
    {
        if (token.Length > MaxLength || token.AsSpan().ContainsAnyExcept(TokenCharacters) || !HasPlainHeader(token))
        {
            return null;
        }

        var result = await _handler.ValidateTokenAsync(token, Parameters(issuer, keys));
        return result.IsValid && result.SecurityToken is JsonWebToken verified ? Claims(verified) : null;
    }

    private TokenValidationParameters Parameters(Issuer issuer, VerificationKeys keys) => new()
    {
        ValidAlgorithms = [AccessToken.Algorithm],
        ValidTypes = [AccessToken.Type],
        ValidIssuer = issuer.Url,
        ValidAudience = issuer.Audience,
        IssuerSigningKeyResolver = (_, _, kid, _) => keys.Find(kid),
        TryAllIssuerSigningKeys = false,
        RequireSignedTokens = true,
        RequireExpirationTime = true,
        LifetimeValidator = (notBefore, expires, _, _) => IsAlive(notBefore, expires),
        ClockSkew = ClockSkew,
    };

    private bool IsAlive(DateTime? notBefore, DateTime? expires)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return expires is { } end && now < end + ClockSkew && (notBefore is not { } start || start - ClockSkew <= now);
    }

    private TokenClaims? Claims(JsonWebToken token)
    {
        var clientId = token.Subject;
        if (string.IsNullOrEmpty(clientId)
            || !token.TryGetPayloadValue<string>("client_id", out var client)
            || client != clientId
            || !token.TryGetPayloadValue<long>("iat", out var issued)
            || DateTimeOffset.FromUnixTimeSeconds(issued) > time.GetUtcNow() + ClockSkew)
        {
            return null;
        }

        var roles = token.TryGetPayloadValue<string[]>("roles", out var names) ? names : [];
        var scope = token.TryGetPayloadValue<string>("scope", out var word) ? word : null;
        return new(clientId, [.. roles], scope, new(token.ValidTo, TimeSpan.Zero))
        {
            TokenId = string.IsNullOrEmpty(token.Id) ? null : token.Id,
            Assurance = token.TryGetPayloadValue<string>("acr", out var assurance) ? assurance : null,
        };
    }

    /// <summary>
    /// The header has exactly the members that we write, each once: so that none of jwk, jku, x5u, x5c, crit or zip can mean
    /// anything to any layer beneath.
    /// </summary>
    private static bool HasPlainHeader(string token)
    {
        var end = token.IndexOf('.', StringComparison.Ordinal);
        if (end is < 1 or > 1024)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[1024];
        // The Try form throws on what is no base64url.
        if (Base64Url.DecodeFromChars(token.AsSpan(0, end), header, out _, out var length) != OperationStatus.Done)
        {
            return false;
        }

        try
        {
            return HasPlainMembers(header[..length]);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // The reader throws the latter on an escaped half of a surrogate pair.
            return false;
        }
    }

    private static bool HasPlainMembers(ReadOnlySpan<byte> header)
    {
        var json = new Utf8JsonReader(header);
        var (type, algorithm, kid) = (0, 0, 0);
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var known = true;
            if (json.ValueTextEquals("typ"u8))
            {
                type++;
            }
            else if (json.ValueTextEquals("alg"u8))
            {
                algorithm++;
            }
            else if (json.ValueTextEquals("kid"u8))
            {
                kid++;
            }
            else
            {
                known = false;
            }

            if (!known || !json.Read() || json.TokenType != JsonTokenType.String)
            {
                return false;
            }
        }

        return type == 1 && algorithm == 1 && kid == 1 && !json.Read();
    }
}
