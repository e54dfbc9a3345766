using System.Globalization;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// <c>GET /api/v1/audit/export</c>: entries with what proves them, as JSON Lines (docs/formats/audit-log.md), for <c>bulkhead-verify</c>. All
/// of the log, or <c>from</c> and <c>to</c> (positions), <c>at.gte</c> and <c>at.lt</c> (time), or one <c>entry</c>; <c>format=ocsf</c>: as
/// events of OCSF, without proofs; <c>disclose=</c> fields, or *: with what discloses their values, for roles with <c>audit: disclose</c>. Its entry in the log is appended before the first line goes out, and another, with the bytes that did,
/// after the last.
/// </summary>
internal static class ExportAudit
{
    private const string Action = "audit.export";
    internal const string DoneAction = "audit.exported";

    public static async Task HandleAsync(
        HttpContext context, Authentication authentication, Denials denials, AuditLog log, LogKeys keys, TenantDatabase database,
        Disclosures disclosures)
    {
        var cancellationToken = context.RequestAborted;
        if (await AuditAccess.EnterAsync(context, authentication, denials, Action) is not { } call)
        {
            return;
        }

        var faults = new List<Fault>();
        var asked = ExportRange.Parse(context.Request.Query, faults);
        if (faults.Count > 0)
        {
            await ProblemResults.WriteAsync(
                context, 400, "invalid-parameter", "Some parameters are unknown or invalid.", faults, cancellationToken);
            return;
        }

        if (asked.Discloses)
        {
            // Before anything of the answer is sent.
            if (!Permissions.Audit(call.App, call.Context.Actor).HasFlag(AuditGrant.Disclose))
            {
                await denials.RecordAsync(call, "not-found", "audit.disclose", null, cancellationToken);
                await ProblemResults.NotFoundAsync(context, cancellationToken);
                return;
            }

            await disclosures.RequireKeysAsync(call.Context.Tenant, cancellationToken);
        }

        // The head first: so the log is at least as long as every head of it that is shown.
        var head = await log.HeadAsync(call.Context.Tenant, null, cancellationToken);
        var state = await log.StateAsync(call.Context, cancellationToken);
        var range = state.Size == 0 ? null : await asked.FindAsync(log, call.Context, state.Size, cancellationToken);
        if (range is not { } found || AuditLog.CheckpointOf(state.Note) is not { } checkpoint)
        {
            await ProblemResults.WriteAsync(
                context, 404, "not-found", "Nothing of it is sealed in the log (yet: an entry is sealed within a second).",
                null, cancellationToken);
            return;
        }

        var details = Data.Entries.Detail("from", Text(found.From)).Add("to", Text(found.To))
            .Add("format", asked.IsOcsf ? "ocsf" : "proven");
        if (asked.Discloses)
        {
            details = details.Add("disclose", asked.DisclosesAll ? "*" : string.Join(',', asked.Disclosed));
        }

        if (asked.IsOcsf)
        {
            context.Response.Headers["Audit-Proofs"] = "none";
        }

        await SendAsync(
            context,
            call,
            database,
            new(Action) { Records = AuditRecords.None, Details = details },
            lines => asked.IsOcsf
                ? ExportOcsf.WriteAsync(lines, log, call.Context, found.From, found.To, cancellationToken)
                : new ExportContent(call.Context, found.From, found.To, checkpoint, state.Note, head, asked.InWords)
                {
                    Older = found.Older,
                    Newer = found.Newer,
                    Disclosed = asked.Discloses ? new(disclosures, asked.DisclosesAll ? null : asked.Disclosed) : null,
                }
                .WriteAsync(lines, log, keys, cancellationToken));
    }

    /// <summary>An entry that it was asked for, then the lines, then an entry of how much went out, also when nobody waited for the end.</summary>
    public static async Task SendAsync(
        HttpContext context, TenantCall call, TenantDatabase database, AuditEvent asked, Func<ExportLines, Task> write)
    {
        await database.RunAsync(call.Context, new TenantWork().Record(asked), context.RequestAborted);
        context.Response.ContentType = "application/jsonl";
        context.Response.Headers.CacheControl = "no-store";
        var lines = new ExportLines(context.Response.Body, context.RequestAborted);
        try
        {
            await write(lines);
        }
        finally
        {
            var done = new AuditEvent(DoneAction)
            {
                Records = AuditRecords.None,
                Details = Data.Entries.Detail("bytes", Text(lines.Bytes)),
                Numbers = call.App.Commits.Contains(CommittedAttributes.BytesExported)
                    ? [CommittedNumber.Of(CommittedAttributes.BytesExported, (ulong)lines.Bytes)]
                    : [],
            };
            try
            {
                await database.RunAsync(call.Context, new TenantWork().Record(done), CancellationToken.None);
            }
            catch (TenantFault fault) when (
                fault.Kind is TenantFaultKind.KeysWithdrawn or TenantFaultKind.KeysUnavailable or TenantFaultKind.KeysDestroyed)
            {
                // The log goes on without the tenant's keys; a commitment does not.
                await database.RunAsync(call.Context, new TenantWork().Record(done with { Numbers = [] }), CancellationToken.None);
            }
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
