using System.Collections.Immutable;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace Bulkhead.Platform.Identity;

/// <summary>
/// <c>POST /oauth/token</c> of a tenant: the client credentials grant (RFC 6749 section 4.4). One round trip on success:
/// the account is looked up and the issue is recorded in the same transaction, so that no token leaves without its entry.
/// </summary>
internal static class IssueTenantToken
{
    private const string Action = "token.issue";

    private static readonly Sql Account = Sql.Of($"""
        select roles from {Place.Core}.service_account
        where client_id = {new SqlSlot(0)} and secret_digest = {new SqlSlot(1)} and disabled_at is null
        """).Kept();

    private static readonly Sql Client =
        Sql.Of($"select client_id from {Place.Core}.service_account where client_id = {new SqlSlot(0)}").Kept();

    public static async Task HandleAsync(
        HttpContext context,
        TenantDatabase database,
        TokenSigning signing,
        Denials denials,
        IOptions<IdentityOptions> options,
        TimeProvider time)
    {
        var cancellationToken = context.RequestAborted;
        var started = time.GetTimestamp();
        var resolved = context.Features.GetRequiredFeature<ResolvedTenant>();
        var (request, error) = await TokenRequest.ReadAsync(context.Request, allowedScope: null, cancellationToken);
        if (request is null)
        {
            denials.CountAnonymous(error!.Error);
            await RefusalPace.WaitAsync(time, started, cancellationToken);
            await TokenAnswer.WriteErrorAsync(context, error, cancellationToken);
            return;
        }

        var tokenId = Guid.CreateVersion7(time.GetUtcNow());
        var who = Context(resolved.Tenant, request, context);
        var roles = await FindAsync(database, who, request, tokenId, cancellationToken);
        if (roles.IsDefault)
        {
            await RecordRefusalAsync(database, denials, who, request, cancellationToken);
            await RefusalPace.WaitAsync(time, started, cancellationToken);
            await TokenAnswer.WriteErrorAsync(context, TokenError.InvalidClient, cancellationToken);
            return;
        }

        var token = new AccessToken(
            Issuer.Of(resolved, options.Value), request.ClientId, roles, Scope: null, tokenId, time.GetUtcNow());
        await TokenAnswer.WriteTokenAsync(context, token.Sign(resolved.Tenant.Id, signing), null, cancellationToken);
    }

    // The client is not verified yet: its id reaches the log only with a row that proves it to be one of ours.
    private static RequestContext Context(TenantEntry tenant, TokenRequest request, HttpContext http) =>
        new(tenant.Id, new(ActorKind.Service, request.ClientId, []), http.TraceIdentifier, $"{tenant.App}@{tenant.AppVersion}")
        {
            Caller = new(null, AccessToken.Assurance, http.Source()),
        };

    /// <summary>The account's roles; default when the client or its secret is unknown, or the account is disabled.</summary>
    private static async Task<ImmutableArray<string>> FindAsync(
        TenantDatabase database,
        RequestContext who,
        TokenRequest request,
        Guid tokenId,
        CancellationToken cancellationToken)
    {
        var roles = default(ImmutableArray<string>);
        var issue = new AuditEvent(Action)
        {
            Records = AuditRecords.None,
            Details = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal)
                .Add("token", tokenId.ToString()),
        };
        SqlValue[] credentials = [SqlValue.Text(request.ClientId), SqlValue.Bytes(request.SecretDigest)];
        await database.RunAsync(
            who,
            new TenantWork().ReadIfFound(Account, issue, row => roles = [.. row.Texts(0)], credentials),
            cancellationToken);
        return roles;
    }

    private static async Task RecordRefusalAsync(
        TenantDatabase database,
        Denials denials,
        RequestContext who,
        TokenRequest request,
        CancellationToken cancellationToken)
    {
        var known = false;
        var refusal = new AuditEvent(Action)
        {
            Records = AuditRecords.None,
            Result = AuditResult.Denied,
            Reason = "invalid-credentials",
        };
        await database.RunAsync(
            who,
            new TenantWork().ReadIfFound(Client, refusal, _ => known = true, [SqlValue.Text(request.ClientId)]),
            cancellationToken);
        if (!known)
        {
            denials.CountAnonymous("invalid_client");
        }
    }
}
