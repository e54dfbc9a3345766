using System.Collections.Immutable;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Bulkhead.Platform.Identity;

/// <summary>
/// <c>POST /operator/oauth/token</c>: likewise for an operator's client, recorded in the installation's own log.
/// Its token carries the scope <c>operator</c> and reaches no tenant's data.
/// </summary>
internal static class IssueOperatorToken
{
    public const string Scope = "operator";

    private const string Action = "token.issue";

    public static async Task HandleAsync(
        HttpContext context,
        ControlDatabase database,
        TokenSigning signing,
        Denials denials,
        IOptions<IdentityOptions> options,
        TimeProvider time)
    {
        var cancellationToken = context.RequestAborted;
        var started = time.GetTimestamp();
        var (request, error) = await TokenRequest.ReadAsync(context.Request, Scope, cancellationToken);
        if (request is null)
        {
            denials.CountAnonymous(error!.Error);
            await RefusalPace.WaitAsync(time, started, cancellationToken);
            await TokenAnswer.WriteErrorAsync(context, error, cancellationToken);
            return;
        }

        var tokenId = Guid.CreateVersion7(time.GetUtcNow());
        var actor = new Actor(ActorKind.Operator, request.ClientId, []);
        if (!await FindAsync(database, actor, context.TraceIdentifier, request, tokenId, cancellationToken))
        {
            await RecordRefusalAsync(database, denials, actor, context.TraceIdentifier, cancellationToken);
            await RefusalPace.WaitAsync(time, started, cancellationToken);
            await TokenAnswer.WriteErrorAsync(context, TokenError.InvalidClient, cancellationToken);
            return;
        }

        var token = new AccessToken(
            Issuer.OfOperator(options.Value), request.ClientId, [], Scope, tokenId, time.GetUtcNow());
        await TokenAnswer.WriteTokenAsync(context, token.Sign(null, signing), Scope, cancellationToken);
    }

    private static async Task<bool> FindAsync(
        ControlDatabase database,
        Actor actor,
        string requestId,
        TokenRequest request,
        Guid tokenId,
        CancellationToken cancellationToken)
    {
        var issue = new AuditEvent(Action)
        {
            Details = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal)
                .Add("token", tokenId.ToString()),
        };
        var account = Sql.Of($"""
            select client_id from control.operator_account
            where client_id = {SqlValue.Text(request.ClientId)}
              and secret_digest = {SqlValue.Bytes(request.SecretDigest)}
              and disabled_at is null
            """);
        return await database.ReadAsync(actor, requestId, account, issue, _ => { }, cancellationToken) > 0;
    }

    private static async Task RecordRefusalAsync(
        ControlDatabase database, Denials denials, Actor actor, string requestId, CancellationToken cancellationToken)
    {
        var refusal = new AuditEvent(Action) { Result = AuditResult.Denied, Reason = "invalid-credentials" };
        var account = Sql.Of($"""
            select client_id from control.operator_account where client_id = {SqlValue.Text(actor.Id)}
            """);
        if (await database.ReadAsync(actor, requestId, account, refusal, _ => { }, cancellationToken) == 0)
        {
            denials.CountAnonymous("invalid_client");
        }
    }
}
