using System.Runtime.CompilerServices;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bulkhead.Platform.Identity;

/// <summary>Who calls: verifies bearer tokens (RFC 6750, RFC 9068) against the resolved tenant's own issuer and keys.</summary>
public sealed class Authentication
{
    private const string Scheme = "Bearer ";

    private readonly Func<CatalogueSnapshot> _catalogue;
    private readonly Func<string, int, AppModel?> _apps;
    private readonly Denials _denials;
    private readonly IdentityOptions _options;
    private readonly TokenVerification _verification;
    private readonly VerifiedTokens _verified;
    private readonly ConditionalWeakTable<TenantEntry, VerificationKeys> _keys = [];

    internal Authentication(
        Func<CatalogueSnapshot> catalogue,
        Func<string, int, AppModel?> apps,
        Denials denials,
        IdentityOptions options,
        TimeProvider time)
    {
        _catalogue = catalogue;
        _apps = apps;
        _denials = denials;
        _options = options;
        _verification = new(time);
        _verified = new(time);
    }

    /// <summary>
    /// The call of a verified token at the resolved tenant. Null when it was refused: then the 401 (or the 400 of an invalid
    /// <c>Purpose</c> or <c>Ticket</c>) has been written, and the handler returns.
    /// </summary>
    public async ValueTask<TenantCall?> TenantAsync(HttpContext context)
    {
        var resolved = context.Features.GetRequiredFeature<ResolvedTenant>();
        if (!TryReadToken(context.Request, out var credentials, out var refusal))
        {
            await RefuseAsync(context, refusal);
            return null;
        }

        var key = TokenKey.Of(resolved.Tenant.Id, credentials.AsSpan(Scheme.Length));
        if (!_verified.TryGet(key, resolved, out var verified))
        {
            verified = await VerifyAsync(credentials[Scheme.Length..], resolved);
            if (verified is null)
            {
                await RefuseAsync(context, Refusal.InvalidToken);
                return null;
            }

            _verified.Add(key, verified);
        }

        var headers = context.Request.Headers;
        var isPurpose = StatedReason.TryRead(headers[StatedReason.Purpose], StatedReason.MaxPurpose, out var purpose);
        var isTicket = StatedReason.TryRead(headers[StatedReason.Ticket], StatedReason.MaxTicket, out var ticket);
        if (!isPurpose || !isTicket)
        {
            await RefuseReasonAsync(context, isPurpose, isTicket);
            return null;
        }

        return new(
            resolved.Tenant,
            verified.App,
            new(resolved.Tenant.Id, verified.Actor, context.TraceIdentifier, verified.App.Label, purpose)
            {
                Policy = verified.App.Policy,
                Ticket = ticket,
                Caller = new(verified.TokenId, verified.Assurance, context.Source()),
            })
        {
            ExpiresAt = verified.ExpiresAt,
        };
    }

    /// <summary>Likewise for an operator's token, which reaches no tenant's data.</summary>
    public async ValueTask<Actor?> OperatorAsync(HttpContext context)
    {
        if (!TryReadToken(context.Request, out var credentials, out var refusal))
        {
            await RefuseAsync(context, refusal);
            return null;
        }

        var keys = new VerificationKeys(_catalogue().OperatorKeys);
        var claims = await _verification.VerifyAsync(
            credentials[Scheme.Length..], Issuer.OfOperator(_options), keys);
        if (claims?.Scope != IssueOperatorToken.Scope)
        {
            await RefuseAsync(context, Refusal.InvalidToken);
            return null;
        }

        return new(ActorKind.Operator, claims.ClientId, []);
    }

    private async ValueTask<VerifiedToken?> VerifyAsync(string token, ResolvedTenant resolved)
    {
        var tenant = resolved.Tenant;
        var keys = _keys.GetValue(tenant, static entry => new(entry.SigningKeys));
        var claims = await _verification.VerifyAsync(token, Issuer.Of(resolved, _options), keys);
        if (claims is null)
        {
            return null;
        }

        // The catalogue names a version that this process cannot compile yet: it will in a moment, and 503 says so.
        var app = _apps(tenant.App, tenant.AppVersion) ?? throw new TenantFault(TenantFaultKind.Unavailable);
        return new(resolved, app, new(ActorKind.Service, claims.ClientId, claims.Roles), claims.ExpiresAt)
        {
            TokenId = claims.TokenId,
            Assurance = claims.Assurance,
        };
    }

    /// <summary>Gives the whole header, scheme included: the token in it is copied only when it must be verified.</summary>
    private static bool TryReadToken(HttpRequest request, out string credentials, out Refusal refusal)
    {
        credentials = "";
        refusal = Refusal.MissingToken;
        if (request.QueryString is { HasValue: true, Value: { } query }
            && (query.Contains("token", StringComparison.Ordinal) || query.Contains('%', StringComparison.Ordinal))
            && request.Query.ContainsKey("access_token"))
        {
            refusal = Refusal.TokenInQuery;
            return false;
        }

        var header = request.Headers.Authorization;
        if (header.Count > 1)
        {
            refusal = Refusal.SeveralTokens;
            return false;
        }

        if (header.Count == 0
            || header[0] is not { } value
            || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        refusal = Refusal.InvalidToken;
        credentials = value;
        return value.Length - Scheme.Length is > 0 and <= TokenVerification.MaxLength;
    }

    private Task RefuseAsync(HttpContext context, Refusal refusal)
    {
        _denials.CountAnonymous(refusal.Code);
        context.Response.Headers.WWWAuthenticate = refusal.Challenge;
        return ProblemResults.WriteAsync(
            context, refusal.Status, refusal.Code, refusal.Detail, null, context.RequestAborted);
    }

    private static Task RefuseReasonAsync(HttpContext context, bool isPurpose, bool isTicket)
    {
        var faults = new List<Fault>();
        if (!isPurpose)
        {
            faults.Add(new(
                "invalid-header",
                $"Purpose is one line of 1 to {StatedReason.MaxPurpose} printable characters.",
                Parameter: StatedReason.Purpose));
        }

        if (!isTicket)
        {
            faults.Add(new(
                "invalid-header",
                $"Ticket is one line of 1 to {StatedReason.MaxTicket} printable characters.",
                Parameter: StatedReason.Ticket));
        }

        return ProblemResults.WriteAsync(
            context,
            StatusCodes.Status400BadRequest,
            "invalid-header",
            "A header has an invalid value.",
            faults,
            context.RequestAborted);
    }

    /// <summary>What a refused caller gets (RFC 6750 section 3).</summary>
    private sealed record Refusal(int Status, string Code, string Challenge, string Detail)
    {
        // A request without any credential gets no error code: it may not have known that it needs one.
        public static readonly Refusal MissingToken = new(
            StatusCodes.Status401Unauthorized, "missing-token", "Bearer", "Send Authorization: Bearer with an access token.");

        public static readonly Refusal InvalidToken = new(
            StatusCodes.Status401Unauthorized,
            "invalid-token",
            "Bearer error=\"invalid_token\"",
            "The access token is malformed, expired, or not for this issuer and audience.");

        public static readonly Refusal TokenInQuery = new(
            StatusCodes.Status400BadRequest,
            "token-in-query",
            "Bearer error=\"invalid_request\"",
            "An access token in a URL ends in logs and is refused: send it in the Authorization header.");

        public static readonly Refusal SeveralTokens = new(
            StatusCodes.Status400BadRequest,
            "invalid-header",
            "Bearer error=\"invalid_request\"",
            "There is more than one Authorization header.");
    }
}
