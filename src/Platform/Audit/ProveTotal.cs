using System.Globalization;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// <c>GET /api/v1/audit/total?attribute=…</c>: a number that entries commit to, summed between two checkpoints and proven without showing an
/// entry: an export that has their digests in place of bodies. <c>at.gte</c>, <c>at.lt</c>: the range begins at the last checkpoint of the
/// log before then, and ends at the first from then on, so that it covers at least the time. <c>below</c> proves that the total stays under it
/// and hides the total; <c>each</c> that every single number does.
/// </summary>
internal static class ProveTotal
{
    private const string Action = "audit.prove";

    public static async Task HandleAsync(
        HttpContext context,
        Authentication authentication,
        Denials denials,
        AuditLog log,
        LogKeys keys,
        CommittedTotals totals,
        TenantDatabase database)
    {
        var cancellationToken = context.RequestAborted;
        if (await AuditAccess.EnterAsync(context, authentication, denials, Action) is not { } call)
        {
            return;
        }

        var faults = new List<Fault>();
        var asked = Asked.Parse(context.Request.Query, call.App, faults);
        if (faults.Count > 0)
        {
            await ProblemResults.WriteAsync(
                context, 400, "invalid-parameter", "Some parameters are unknown or invalid.", faults, cancellationToken);
            return;
        }

        var tenant = call.Context.Tenant;
        var older = asked.Begin is { } begin ? await log.CheckpointAtAsync(tenant, begin, isBefore: true, cancellationToken) : null;
        var newer = asked.End is { } end ? await log.CheckpointAtAsync(tenant, end, isBefore: false, cancellationToken) : null;
        // The head first: so the log is at least as long as every head of it that is shown.
        var head = await log.HeadAsync(tenant, newer?.Checkpoint.Size, cancellationToken);
        if (newer is null && await log.StateAsync(call.Context, cancellationToken) is { Size: > 0 } state
            && AuditLog.CheckpointOf(state.Note) is { } newest)
        {
            newer = (newest, state.Note);
        }

        if (newer is not { } until || until.Checkpoint.Size == (older?.Checkpoint.Size ?? 0) || until.Checkpoint.At < asked.Begin)
        {
            await ProblemResults.WriteAsync(
                context, 404, "not-found", "Nothing is sealed between these times (yet: an entry is sealed within a second).",
                null, cancellationToken);
            return;
        }

        // Who exported while the keys were withdrawn, or before the app committed to it, is not left out in silence.
        if (asked.Attribute == CommittedAttributes.BytesExported && await log.UncommittedAsync(
            call.Context, ExportAudit.DoneAction, asked.Attribute, older?.Checkpoint.Size ?? 0, until.Checkpoint.Size, cancellationToken) is { } missing)
        {
            await RefuseAsync(
                context, call, database, asked, "entries-uncommitted",
                $"The entry at position {missing} commits to no number: the keys were withdrawn, or the app did not commit to it yet. A total "
                + "would leave it out. Next step: ask for a time that ends before it, or begins after it.");
            return;
        }

        var (proven, refused) = await totals.ProveAsync(
            call.Context, asked.Kind, asked.Attribute, asked.Bound, older?.Checkpoint, until.Checkpoint, cancellationToken);
        if (proven is null)
        {
            var (code, detail) = Words(refused!, asked);
            await RefuseAsync(context, call, database, asked, code, detail);
            return;
        }

        await ExportAudit.SendAsync(
            context,
            call,
            database,
            Entry(asked, AuditResult.Ok, null),
            lines => new ExportContent(
                call.Context, older?.Checkpoint.Size ?? 0, until.Checkpoint.Size, until.Checkpoint, until.Note, head, asked.InWords)
            {
                Older = older,
                IsHidden = true,
                Total = proven,
            }.WriteAsync(lines, log, keys, cancellationToken));
    }

    private static async Task RefuseAsync(
        HttpContext context, TenantCall call, TenantDatabase database, Asked asked, string code, string detail)
    {
        await database.RunAsync(
            call.Context, new TenantWork().Record(Entry(asked, AuditResult.Denied, code)), context.RequestAborted);
        await ProblemResults.WriteAsync(context, 409, code, detail, null, context.RequestAborted);
    }

    private static (string Code, string Detail) Words(TotalRefusal refused, Asked asked) => refused.Kind switch
    {
        TotalRefusalKind.NotTrue when refused.Position is { } at =>
            ("total-not-below", $"The number of the entry at position {at} is not below {asked.Bound}."),
        TotalRefusalKind.NotTrue => ("total-not-below", $"The total is not below {asked.Bound}."),
        TotalRefusalKind.TooMany =>
            ("too-many-entries", $"At most {CommittedTotals.MostEach} entries are proven one by one at a time: ask for a shorter time."),
        TotalRefusalKind.Expired => (
            "entries-expired",
            $"The entry at position {refused.Position} has expired, and what opened its commitment with it. Ask for a time that begins after it."),
        _ => (
            "commitment-damaged",
            $"The entry at position {refused.Position}, its commitment and what opens it do not belong together. Next step: "
            + "export it and let bulkhead-verify say whether the entry was changed."),
    };

    private static AuditEvent Entry(Asked asked, AuditResult result, string? reason) => new(Action)
    {
        Records = AuditRecords.None,
        Result = result,
        Reason = reason,
        Details = Data.Entries.Detail("attribute", asked.Attribute).Add("statement", asked.InWords),
    };

    private sealed record Asked(string Attribute, TotalKind Kind, UInt128? Bound, DateTimeOffset? Begin, DateTimeOffset? End)
    {
        public string InWords => string.Create(
            CultureInfo.InvariantCulture,
            $"{Statement} of {Attribute}{Time("from", Begin)}{Time("to", End)}");

        private string Statement => Kind switch
        {
            TotalKind.Total => "the total",
            TotalKind.Below => $"a total below {Bound}",
            _ => $"each number below {Bound}",
        };

        public static Asked Parse(IQueryCollection parameters, AppModel app, List<Fault> faults)
        {
            var asked = new Asked("", TotalKind.Total, null, null, null);
            foreach (var (name, values) in parameters)
            {
                var value = values.ToString();
                if (values.Count > 1)
                {
                    faults.Add(new("duplicate-parameter", "The parameter is given more than once.", Parameter: name));
                    continue;
                }

                switch (name)
                {
                    case "attribute":
                        asked = asked with { Attribute = value };
                        break;
                    case "at.gte":
                        asked = asked with { Begin = AuditQuery.Instant(name, value, faults) };
                        break;
                    case "at.lt":
                        asked = asked with { End = AuditQuery.Instant(name, value, faults) };
                        break;
                    case "below" or "each":
                        asked = asked with { Kind = name == "below" ? TotalKind.Below : TotalKind.Each, Bound = Bounded(name, value, faults) };
                        break;
                    default:
                        faults.Add(new("unknown-parameter", "There is no such parameter.", Parameter: name.Length <= 100 ? name : name[..100]));
                        break;
                }
            }

            string[] known = [.. app.Commits.Concat(app.Entities.SelectMany(e => e.Commits).Select(f => f.Attribute)).Order(StringComparer.Ordinal)];
            if (!known.Contains(asked.Attribute))
            {
                faults.Add(new(
                    "invalid-parameter",
                    known.Length == 0
                        ? "The app commits to nothing: its manifest has no audit: commits."
                        : $"The app commits to {string.Join(", ", known)}.",
                    Parameter: "attribute"));
            }

            if (parameters.ContainsKey("below") && parameters.ContainsKey("each"))
            {
                faults.Add(new("invalid-parameter", "Ask for 'below' or for 'each'.", Parameter: "each"));
            }

            if (asked is { Begin: { } begin, End: { } end } && begin >= end)
            {
                faults.Add(new("invalid-parameter", "'at.lt' must lie after 'at.gte'.", Parameter: "at.lt"));
            }

            return asked;
        }

        private static UInt128? Bounded(string name, string value, List<Fault> faults)
        {
            if (UInt128.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var bound)
                && bound >= 1 && bound <= UInt128.One << 64 && bound.ToString(CultureInfo.InvariantCulture) == value)
            {
                return bound;
            }

            faults.Add(new("invalid-parameter", "A bound is a whole number from 1 to 18446744073709551616.", Parameter: name));
            return null;
        }

        private static string Time(string word, DateTimeOffset? at) =>
            at is { } time ? string.Create(CultureInfo.InvariantCulture, $" {word} {time.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}") : "";
    }
}
