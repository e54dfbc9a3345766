using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Audit.Retention;

/// <summary>
/// How long a tenant keeps entries and what it holds: once as the rows say, and once as the sealed entries of these acts do, which the owner
/// of the database cannot write. Nothing expires while the two differ.
/// </summary>
/// <param name="KeepDays">Null for ever.</param>
/// <param name="By">Who chose it; null where nobody did.</param>
/// <param name="Holds">Those that are not lifted.</param>
internal sealed record RetentionRules(long? KeepDays, (ActorKind Kind, string Id)? By, ImmutableSortedDictionary<Guid, HoldScope> Holds)
{
    public const string Chosen = "audit.retention";
    public const string Placed = "audit.hold.place";
    public const string Lifted = "audit.hold.lift";
    private const string Forever = "forever";
    private const string Instant = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";

    public static RetentionRules None { get; } = new(null, null, ImmutableSortedDictionary<Guid, HoldScope>.Empty);

    /// <summary>Entries that never expire: what expired, and why it could, stays to be seen.</summary>
    public static bool IsKept(string action) => action is Chosen or Placed or Lifted or ExpiryAnnouncement.Action;

    public static ImmutableSortedDictionary<string, string> DetailsOf(long? keepDays) =>
        AuditDetails.Of(("keepDays", keepDays?.ToString(CultureInfo.InvariantCulture) ?? Forever));

    public static ImmutableSortedDictionary<string, string> DetailsOf(Guid hold, HoldScope scope, string reason)
    {
        var details = AuditDetails.Of(("hold", $"{hold}"), ("why", reason));
        details = scope.Record is { } record ? details.Add("record", $"{record}") : details;
        details = scope.Actor is { } actor ? details.Add("actor", actor) : details;
        details = scope.Begin is { } begin ? details.Add("from", Spell(begin)) : details;
        return scope.End is { } end ? details.Add("to", Spell(end)) : details;
    }

    public static async Task<(RetentionRules Rows, RetentionRules Sealed, long? ChosenAt)> ReadAsync(
        SealerWork work, TenantEntry tenant, CancellationToken cancellationToken)
    {
        var core = SealerWork.Core(tenant);
        var (rows, said, at) = (None, None, (long?)null);
        await work.ReadAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"select keep_days, changed_by_kind, changed_by from {core}.audit_retention where tenant_id = $1",
                [tenant.Id.Value],
                r => rows = rows with { KeepDays = r.GetInt64(0), By = (Enum.Parse<ActorKind>(r.GetString(1), ignoreCase: true), r.GetString(2)) }),
            new SealerStatement(
                $"select id, record, actor, begins_at, ends_at from {core}.audit_hold where tenant_id = $1 and lifted_at is null",
                [tenant.Id.Value],
                r => rows = rows with { Holds = rows.Holds.Add(r.GetGuid(0), Scope(r)) }),
            new SealerStatement(
                $"""
                select l.position, e.body from {core}.audit_entry e
                join {core}.audit_leaf l on l.tenant_id = e.tenant_id and l.entry_id = e.id
                where e.tenant_id = $1 and e.action = any($2) and e.result = 'ok' order by l.position
                """,
                [tenant.Id.Value, new[] { Chosen, Placed, Lifted }],
                r =>
                {
                    said = said.After(r.GetString(1));
                    at = r.GetString(1).StartsWith($"{{\"action\":\"{Chosen}\"", StringComparison.Ordinal) ? r.GetInt64(0) : at;
                }));
        return (rows, said, at);
    }

    public bool Is(RetentionRules other) =>
        (KeepDays, By) == (other.KeepDays, other.By) && Holds.SequenceEqual(other.Holds);

    /// <summary>What a further act makes of them.</summary>
    /// <param name="body">Of its entry.</param>
    /// <exception cref="RetentionEditedException">It is no such entry's: somebody edited it.</exception>
    internal RetentionRules After(string body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            var (entry, details) = (json.RootElement, json.RootElement.GetProperty("details"));
            switch (entry.GetProperty("action").GetString())
            {
                case Chosen when details.GetProperty("keepDays").GetString() == Forever:
                    return this with { KeepDays = null, By = null };
                case Chosen:
                    var actor = entry.GetProperty("actor");
                    return this with
                    {
                        KeepDays = long.Parse(details.GetProperty("keepDays").GetString()!, NumberStyles.None, CultureInfo.InvariantCulture),
                        By = (Enum.Parse<ActorKind>(actor.GetProperty("kind").GetString()!, ignoreCase: true), actor.GetProperty("id").GetString()!),
                    };
                case Placed:
                    return this with { Holds = Holds.SetItem(Hold(details), Scope(details)) };
                case Lifted:
                    return this with { Holds = Holds.Remove(Hold(details)) };
            }
        }
        catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException or FormatException
            or ArgumentException or OverflowException)
        {
            // As for any other that it cannot be.
        }

        throw new RetentionEditedException();
    }

    private static Guid Hold(JsonElement details) => Guid.Parse(details.GetProperty("hold").GetString()!);

    private static HoldScope Scope(JsonElement details) => new(
        Text(details, "record") is { } record ? Guid.Parse(record) : null, Text(details, "actor"), Time(details, "from"), Time(details, "to"));

    private static HoldScope Scope(NpgsqlDataReader row) => new(
        row.IsDBNull(1) ? null : row.GetGuid(1),
        row.IsDBNull(2) ? null : row.GetString(2),
        row.IsDBNull(3) ? null : row.GetFieldValue<DateTimeOffset>(3),
        row.IsDBNull(4) ? null : row.GetFieldValue<DateTimeOffset>(4));

    private static string? Text(JsonElement details, string name) => details.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static DateTimeOffset? Time(JsonElement details, string name) => Text(details, name) is { } text
        ? DateTimeOffset.ParseExact(text, Instant, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal) : null;

    private static string Spell(DateTimeOffset instant) => instant.UtcDateTime.ToString(Instant, CultureInfo.InvariantCulture);
}

/// <summary>Retention or holds in the database are not those that the log's sealed entries say: somebody edited the one or the other.</summary>
internal sealed class RetentionEditedException() : InvalidOperationException(
    "Retention or holds in the database are not those of the log: nothing expires. Next step: docs/audit-integrity.md");
