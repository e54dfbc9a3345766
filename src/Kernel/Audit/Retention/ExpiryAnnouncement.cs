using System.Globalization;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Audit.Retention;

/// <summary>
/// What an entry <c>audit.expire</c> says: bodies of these positions are about to go. It is sealed before the first of them goes, and never
/// expires: a position without a body and without one of these did not expire, somebody took it out.
/// </summary>
/// <param name="To">Exclusive.</param>
public sealed record ExpiryAnnouncement(long From, long To)
{
    internal const string Action = "audit.expire";

    internal static readonly Actor Self = new(ActorKind.Platform, "audit retention", []);

    internal static AuditEvent Event(long from, long to, int entries) => new(Action)
    {
        Records = AuditRecords.None,
        Details = AuditDetails.Of(
            ("entries", entries.ToString(CultureInfo.InvariantCulture)),
            ("from", from.ToString(CultureInfo.InvariantCulture)),
            ("to", to.ToString(CultureInfo.InvariantCulture))),
    };

    public bool Covers(long position) => From <= position && position < To;

    /// <summary>What a body announces; null when it is no such entry.</summary>
    /// <param name="position">Where it stands: it tells only of what is before it. Null while it has none.</param>
    public static ExpiryAnnouncement? Of(string body, long? position)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            var entry = json.RootElement;
            var actor = entry.GetProperty("actor");
            if (entry.GetProperty("action").GetString() != Action || entry.GetProperty("result").GetString() != "ok"
                || actor.GetProperty("kind").GetString() != "platform" || actor.GetProperty("id").GetString() != Self.Id)
            {
                return null;
            }

            var details = entry.GetProperty("details");
            var (from, to) = (Number(details, "from"), Number(details, "to"));
            return from >= 0 && from < to && to <= (position ?? long.MaxValue) ? new(from, to) : null;
        }
        catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException or FormatException
            or OverflowException)
        {
            return null;
        }
    }

    private static long Number(JsonElement details, string name) => long.Parse(
        details.GetProperty(name).GetString()!, NumberStyles.None, CultureInfo.InvariantCulture);
}
