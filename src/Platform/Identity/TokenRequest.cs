using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Identity;

/// <summary>A refusal of the token endpoint (RFC 6749 section 5.2). The description is ours and holds nothing that was sent.</summary>
internal sealed record TokenError(int Status, string Error, string Description)
{
    public static TokenError InvalidClient { get; } =
        new(StatusCodes.Status401Unauthorized, "invalid_client", "The client or its secret is not known here.");

    public static TokenError InvalidRequest(string description) =>
        new(StatusCodes.Status400BadRequest, "invalid_request", description);
}

/// <summary>A well-formed request of the client credentials grant. The secret itself is gone: only its digest is kept.</summary>
internal sealed record TokenRequest(string ClientId, byte[] SecretDigest)
{
    private const int MaxCredential = 256;

    private const int MaxAuthorization = 2048;

    private static readonly SearchValues<char> ClientIdCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");

    /// <param name="allowedScope">The only scope of this issuer; null when it has none.</param>
    public static async ValueTask<(TokenRequest? Request, TokenError? Error)> ReadAsync(
        HttpRequest request, string? allowedScope, CancellationToken cancellationToken)
    {
        if (request.QueryString.HasValue)
        {
            // A secret in a URL ends in logs and histories (RFC 6749 section 2.3.1).
            return (null, TokenError.InvalidRequest("Parameters belong in the body, not in the URL."));
        }

        if (!IsForm(request.ContentType))
        {
            return (null, TokenError.InvalidRequest("The body must be application/x-www-form-urlencoded."));
        }

        var buffer = ArrayPool<byte>.Shared.Rent(FormBody.MaxSize + 1);
        try
        {
            var length = await request.Body.ReadAtLeastAsync(
                buffer.AsMemory(0, FormBody.MaxSize + 1), FormBody.MaxSize + 1, throwOnEndOfStream: false, cancellationToken);
            if (length > FormBody.MaxSize)
            {
                return (null, new(
                    StatusCodes.Status413PayloadTooLarge, "invalid_request", "The body is larger than 8 KiB."));
            }

            return Read(request.Headers.Authorization, buffer.AsSpan(0, length), allowedScope);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    internal static (TokenRequest? Request, TokenError? Error) Read(
        Microsoft.Extensions.Primitives.StringValues authorization, ReadOnlySpan<byte> body, string? allowedScope)
    {
        if (FormBody.Parse(body) is not { } form)
        {
            return (null, TokenError.InvalidRequest("The body is malformed or names a parameter twice."));
        }

        if (authorization.Count > 1)
        {
            return (null, TokenError.InvalidRequest("There is more than one Authorization header."));
        }

        var byHeader = authorization.Count == 1;
        var bySecret = form["client_secret"] is not null;
        var byAssertion = form["client_assertion"] is not null || form["client_assertion_type"] is not null;
        if ((byHeader ? 1 : 0) + (bySecret ? 1 : 0) + (byAssertion ? 1 : 0) > 1)
        {
            return (null, TokenError.InvalidRequest("The client authenticates in more than one way."));
        }

        if (form["grant_type"] is not { } grant)
        {
            return (null, TokenError.InvalidRequest("grant_type is missing."));
        }

        if (grant != "client_credentials")
        {
            return (null, new(
                StatusCodes.Status400BadRequest, "unsupported_grant_type", "Only client_credentials is served."));
        }

        if (form["scope"] is { } scope && scope != allowedScope)
        {
            return (null, new(StatusCodes.Status400BadRequest, "invalid_scope", "There is no such scope."));
        }

        return byHeader
            ? FromBasic(authorization[0], form["client_id"])
            : From(form["client_id"], form["client_secret"]);
    }

    private static (TokenRequest?, TokenError?) FromBasic(string? authorization, string? idInBody)
    {
        const string Scheme = "Basic ";
        if (authorization is null
            || authorization.Length > MaxAuthorization
            || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return (null, TokenError.InvalidClient);
        }

        Span<byte> decoded = stackalloc byte[MaxAuthorization];
        if (!Convert.TryFromBase64String(authorization[Scheme.Length..].Trim(' '), decoded, out var length))
        {
            return (null, TokenError.InvalidClient);
        }

        decoded = decoded[..length];
        var colon = decoded.IndexOf((byte)':');
        if (colon < 0)
        {
            return (null, TokenError.InvalidClient);
        }

        // Each part is form-encoded before it is joined (RFC 6749 section 2.3.1).
        var id = FormBody.Decode(decoded[..colon]);
        var secret = FormBody.Decode(decoded[(colon + 1)..]);
        CryptographicOperations.ZeroMemory(decoded);
        return idInBody is not null && idInBody != id
            ? (null, TokenError.InvalidRequest("client_id in the body is not the client of the header."))
            : From(id, secret);
    }

    private static (TokenRequest?, TokenError?) From(string? id, string? secret)
    {
        // What no client of ours can be called needs no look into the database, and never gets into a log.
        if (string.IsNullOrEmpty(id)
            || string.IsNullOrEmpty(secret)
            || id.Length > MaxCredential
            || secret.Length > MaxCredential
            || id.AsSpan().ContainsAnyExcept(ClientIdCharacters))
        {
            return (null, TokenError.InvalidClient);
        }

        return (new(id, SHA256.HashData(Encoding.UTF8.GetBytes(secret))), null);
    }

    private static bool IsForm(string? contentType)
    {
        var type = contentType.AsSpan();
        var parameters = type.IndexOf(';');
        return (parameters < 0 ? type : type[..parameters]).Trim()
            .Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase);
    }
}
