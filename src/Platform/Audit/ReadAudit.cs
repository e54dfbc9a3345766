using System.Collections.Immutable;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// <c>GET /api/v1/audit</c>: the tenant's own log, newest first, and <c>GET /api/v1/{plural}/{id}/audit</c>: the acts about one record,
/// oldest first; for roles with <c>audit: read</c>. Reading it is itself an act and has its entry, which the next call shows.
/// </summary>
internal static class ReadAudit
{
    private const string Action = "audit.read";

    public static async Task HandleAsync(
        HttpContext context, Authentication authentication, TenantDatabase database, Sealing sealing, Denials denials)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, Action) is { } call)
        {
            var faults = new List<Fault>();
            await AnswerAsync(context, call, AuditQuery.Parse(context.Request.Query, faults), faults, database, sealing);
        }
    }

    public static async Task TimelineAsync(
        HttpContext context,
        string plural,
        string id,
        Authentication authentication,
        TenantDatabase database,
        Sealing sealing,
        Denials denials)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, Action) is not { } call)
        {
            return;
        }

        // Records that were deleted have a history too: what exists is not asked.
        if (!call.App.ByPlural.TryGetValue(plural, out var entity) || !Guid.TryParseExact(id, "D", out var record))
        {
            await ProblemResults.NotFoundAsync(context, context.RequestAborted);
            return;
        }

        var faults = new List<Fault>();
        var query = AuditQuery.ParseTimeline(context.Request.Query, entity.Name, record, faults);
        await AnswerAsync(context, call, query, faults, database, sealing);
    }

    private static async Task AnswerAsync(
        HttpContext context, TenantCall call, AuditQuery? query, List<Fault> faults, TenantDatabase database, Sealing sealing)
    {
        var cancellationToken = context.RequestAborted;
        if (query is null)
        {
            await ProblemResults.WriteAsync(
                context,
                StatusCodes.Status400BadRequest,
                "invalid-parameter",
                "Some parameters are unknown or invalid.",
                faults,
                cancellationToken);
            return;
        }

        var binding = query.Digest(call.Context.Actor.Id);
        if (!AuditPage.TryOpen(sealing, call, binding, query.After ?? query.Before, out var cursor))
        {
            await ProblemResults.WriteAsync(
                context,
                StatusCodes.Status400BadRequest,
                "invalid-cursor",
                "The cursor belongs to another query or another reader.",
                [new Fault("invalid-cursor", "Start again without it.", Parameter: query.After is null ? "before" : "after")],
                cancellationToken);
            return;
        }

        var page = new AuditPage(query, cursor is not null);
        await FillAsync(page, new AuditSql(query, cursor), query, call, database, cancellationToken);
        await page.WriteAsync(context, id => AuditPage.Seal(sealing, call, binding, id), cancellationToken);
    }

    private static async Task FillAsync(
        AuditPage page, AuditSql sql, AuditQuery query, TenantCall call, TenantDatabase database, CancellationToken cancellationToken)
    {
        var reading = new AuditEvent(Action)
        {
            Records = AuditRecords.CountAndDigest,
            Details = query.Record is { } record
                ? Data.Entries.Detail("record", record.ToString())
                : ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal),
        };
        await database.RunAsync(
            call.Context,
            new TenantWork().Read(AuditSql.InOrder, static _ => { }).Read(sql.Page, reading, page.Add),
            cancellationToken);
        if (sql.IsBounded && page.IsShort)
        {
            await database.RunAsync(
                call.Context,
                new TenantWork().Read(AuditSql.InOrder, static _ => { }).Read(sql.Rest, page.AddRest),
                cancellationToken);
        }
    }
}
