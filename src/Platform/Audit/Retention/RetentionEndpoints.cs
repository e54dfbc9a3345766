using System.Text.Json;
using Bulkhead.Kernel.Audit.Retention;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit.Retention;

/// <summary>
/// <c>GET|PUT /api/v1/audit/retention</c>, <c>GET|POST /api/v1/audit/holds</c>, <c>POST …/holds/{id}/lift</c>: how long entries are kept, and
/// what is kept whatever its age. To look needs <c>audit: read</c>, to change <c>audit: manage</c>.
/// </summary>
internal static class RetentionEndpoints
{
    private const int MaxBytes = 16 * 1024;
    private const int MostDays = 36_525;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 4 };

    public static async Task ShowAsync(HttpContext context, Authentication authentication, Denials denials, AuditRetention retention)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.retention.show") is { } call)
        {
            await JsonAnswer.WriteAsync(
                context, 200, await retention.StateAsync(call.Context, context.RequestAborted), context.RequestAborted);
        }
    }

    public static async Task KeepAsync(HttpContext context, Authentication authentication, Denials denials, AuditRetention retention)
    {
        var cancellationToken = context.RequestAborted;
        long? days = null;
        var call = await EnterAsync(context, authentication, denials, "audit.retention", (body, faults) =>
        {
            Members(body, ["keepDays"], faults);
            if (!body.TryGetProperty("keepDays", out var value))
            {
                faults.Add(new("required", "This is needed; null keeps entries for ever.", "/keepDays"));
            }
            else if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number <= MostDays
                && number >= retention.FloorDays)
            {
                days = number;
            }
            else if (value.ValueKind != JsonValueKind.Null)
            {
                faults.Add(new(
                    "invalid-value",
                    $"A whole number of days from {retention.FloorDays}, which is the floor here, to {MostDays} is needed, or null for ever.",
                    "/keepDays"));
            }
        });
        if (call is not null)
        {
            await retention.KeepAsync(call.Context, days, cancellationToken);
            await JsonAnswer.WriteAsync(context, 200, await retention.StateAsync(call.Context, cancellationToken), cancellationToken);
        }
    }

    public static async Task HoldsAsync(HttpContext context, Authentication authentication, Denials denials, AuditRetention retention)
    {
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.hold.list") is { } call)
        {
            var holds = await retention.HoldsAsync(call.Context, context.RequestAborted);
            await JsonAnswer.WriteAsync(context, 200, new List([.. holds.Select(View)]), context.RequestAborted);
        }
    }

    public static async Task PlaceAsync(HttpContext context, Authentication authentication, Denials denials, AuditRetention retention)
    {
        var cancellationToken = context.RequestAborted;
        HoldScope? scope = null;
        var reason = "";
        var call = await EnterAsync(context, authentication, denials, "audit.hold.place", (body, faults) =>
        {
            Members(body, ["reason", "record", "actor", "at.gte", "at.lt"], faults);
            reason = Text(body, "reason", 500, required: true, faults) ?? "";
            Guid? record = null;
            if (Text(body, "record", 36, required: false, faults) is { } id)
            {
                record = Guid.TryParseExact(id, "D", out var parsed) ? parsed : null;
                if (record is null)
                {
                    faults.Add(new("invalid-value", "A UUID is needed.", "/record"));
                }
            }

            var begin = Instant(body, "at.gte", faults);
            var end = Instant(body, "at.lt", faults);
            if (begin >= end)
            {
                faults.Add(new("invalid-value", "at.lt must lie after at.gte.", "/at.lt"));
            }

            scope = new(record, Text(body, "actor", 200, required: false, faults), begin, end);
        });
        if (call is null)
        {
            return;
        }

        if (await retention.PlaceAsync(call.Context, scope!, reason, cancellationToken) is { } placed)
        {
            var hold = (await retention.HoldsAsync(call.Context, cancellationToken)).First(h => h.Id == placed);
            await JsonAnswer.WriteAsync(context, 201, View(hold), cancellationToken);
            return;
        }

        await ProblemResults.WriteAsync(
            context, 409, "too-many", $"There are {AuditRetention.MostHolds} holds that are not lifted, or {AuditRetention.MostListed} with those that are.", null, cancellationToken);
    }

    public static async Task LiftAsync(
        HttpContext context, Guid id, Authentication authentication, Denials denials, AuditRetention retention)
    {
        var cancellationToken = context.RequestAborted;
        var reason = "";
        var call = await EnterAsync(context, authentication, denials, "audit.hold.lift", (body, faults) =>
        {
            Members(body, ["reason"], faults);
            reason = Text(body, "reason", 500, required: true, faults) ?? "";
        });
        if (call is null)
        {
            return;
        }

        switch (await retention.LiftAsync(call.Context, id, reason, cancellationToken))
        {
            case LiftAnswer.Lifted:
                var hold = (await retention.HoldsAsync(call.Context, cancellationToken)).First(h => h.Id == id);
                await JsonAnswer.WriteAsync(context, 200, View(hold), cancellationToken);
                break;
            case LiftAnswer.Own:
                await denials.RecordAsync(call, "own-hold", "audit.hold.lift", null, cancellationToken);
                await ProblemResults.WriteAsync(
                    context, 409, "own-hold", "Who placed a hold does not lift it. Next step: another account with audit: manage lifts it.",
                    null, cancellationToken);
                break;
            default:
                await ProblemResults.NotFoundAsync(context, cancellationToken);
                break;
        }
    }

    /// <summary>Null when it was refused, and said.</summary>
    private static async Task<TenantCall?> EnterAsync(
        HttpContext context, Authentication authentication, Denials denials, string action, Action<JsonElement, List<Fault>> read)
    {
        var cancellationToken = context.RequestAborted;
        if (await AuditAccess.EnterAsync(context, authentication, denials, action, AuditGrant.Manage) is not { } call
            || await LimitedBody.ReadAsync(context, MaxBytes, ["application/json"], cancellationToken) is not { } body)
        {
            return null;
        }

        var faults = new List<Fault>();
        try
        {
            using var json = JsonDocument.Parse(body, Strict);
            if (json.RootElement.ValueKind == JsonValueKind.Object)
            {
                read(json.RootElement, faults);
            }
            else
            {
                faults.Add(new("invalid-value", "The body is a JSON object.", ""));
            }
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            await ProblemResults.WriteAsync(
                context, 400, "malformed-json", "The body is not JSON, or a name stands twice in an object.", null, cancellationToken);
            return null;
        }

        if (faults.Count == 0)
        {
            return call;
        }

        await ProblemResults.WriteAsync(context, 422, "invalid-value", "The body has faults.", faults, cancellationToken);
        return null;
    }

    private static void Members(JsonElement body, string[] known, List<Fault> faults)
    {
        foreach (var member in body.EnumerateObject().Where(m => !known.Contains(m.Name, StringComparer.Ordinal)))
        {
            faults.Add(new("unknown-field", $"There is no such field; there are {string.Join(", ", known)}.", "/" + member.Name));
        }
    }

    private static string? Text(JsonElement body, string name, int most, bool required, List<Fault> faults)
    {
        if (!body.TryGetProperty(name, out var value))
        {
            if (required)
            {
                faults.Add(new("required", "This is needed.", "/" + name));
            }

            return null;
        }

        try
        {
            if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text && text.Length <= most
                && !text.Contains('\0', StringComparison.Ordinal))
            {
                return text;
            }
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair.
        }

        faults.Add(new("invalid-value", $"A text of 1 to {most} characters is needed.", "/" + name));
        return null;
    }

    private static DateTimeOffset? Instant(JsonElement body, string name, List<Fault> faults)
    {
        if (Text(body, name, 40, required: false, faults) is not { } text)
        {
            return null;
        }

        var found = new List<Fault>();
        var instant = AuditQuery.Instant(name, text, found);
        if (found.Count > 0)
        {
            faults.Add(new("invalid-value", found[0].Detail, "/" + name));
        }

        return instant;
    }

    private static HoldView View(LegalHold hold) => new(
        hold.Id,
        hold.Reason,
        hold.Scope.Record,
        hold.Scope.Actor,
        hold.Scope.Begin,
        hold.Scope.End,
        hold.PlacedAt,
        hold.PlacedBy,
        hold.LiftedAt,
        hold.LiftedBy,
        hold.LiftReason);

    private sealed record List(IReadOnlyList<HoldView> Holds);

    private sealed record HoldView(
        Guid Id,
        string Reason,
        Guid? Record,
        string? Actor,
        DateTimeOffset? Begin,
        DateTimeOffset? End,
        DateTimeOffset PlacedAt,
        string PlacedBy,
        DateTimeOffset? LiftedAt,
        string? LiftedBy,
        string? LiftReason);
}
