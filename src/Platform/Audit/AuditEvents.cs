using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Bulkhead.Platform.Audit;

/// <summary>Class of the Open Cybersecurity Schema Framework, 1.x; the category is its first digit.</summary>
internal enum OcsfClass
{
    AccountChange = 3001,
    Authentication = 3002,
    EntityManagement = 3004,
    ApiActivity = 6003,
    DatastoreActivity = 6005,
}

internal enum OcsfSeverity
{
    Informational = 1,
    Low = 2,
    Medium = 3,
    High = 4,
}

/// <param name="Name">Stable: an action is added, never renamed and never taken for something else.</param>
/// <param name="Details">Members of <c>details</c> that it may have.</param>
/// <param name="Activity">Of the class: 6005 and 3004 count differently.</param>
internal sealed record AuditEventType(
    string Name, string Meaning, ImmutableArray<string> Details, OcsfClass Class, int Activity, OcsfSeverity Severity);

/// <summary>
/// Every action that an entry may name. docs/audit-events.md is made from this list, and a test compares it with the sources, both ways.
/// </summary>
internal static class AuditEvents
{
    private const OcsfClass Account = OcsfClass.AccountChange;
    private const OcsfClass Api = OcsfClass.ApiActivity;
    private const OcsfClass Data = OcsfClass.DatastoreActivity;
    private const OcsfClass Entity = OcsfClass.EntityManagement;
    private const OcsfSeverity Info = OcsfSeverity.Informational;
    private const OcsfSeverity Low = OcsfSeverity.Low;
    private const OcsfSeverity Medium = OcsfSeverity.Medium;
    private const OcsfSeverity High = OcsfSeverity.High;

    public static FrozenDictionary<string, AuditEventType> All { get; } = new AuditEventType[]
    {
        new("app.deploy", "A version of an app was deployed", ["app"], Api, 3, Medium),
        new("audit.checkpoint", "The log's checkpoint was refused to who may not read the log", [], Api, 2, Info),
        new("audit.disclose", "Values that a record held were shown to somebody, or refused", ["entry"], Api, 2, Medium),
        new("audit.expire", "Bodies of entries are past their time and about to go; what their leaves are made of stays", ["chosen", "entries", "positions"], Api, 4, Medium),
        new("audit.export", "Entries were exported", ["disclose", "format", "from", "to"], Api, 2, Low),
        new("audit.exported", "The lines of an export or a proof went out", ["bytes"], Api, 2, Low),
        new("audit.gap", "The sealed log does not hold at these positions", ["entry", "from", "kind", "to"], Api, 2, High),
        new("audit.gap.resolved", "What did not hold of the sealed log holds again", ["entry", "from", "kind", "to"], Api, 2, Medium),
        new("audit.hold.lift", "A legal hold was lifted", ["hold", "why"], Api, 4, Medium),
        new("audit.hold.list", "The list of legal holds was refused", [], Api, 2, Info),
        new("audit.hold.place", "A legal hold was placed", ["actor", "from", "hold", "record", "to", "why"], Api, 1, Medium),
        new("audit.policy", "The access rules were refused to who may not read the log", [], Api, 2, Info),
        new("audit.prove", "A total over committed numbers was proven, or refused", ["attribute", "statement"], Api, 2, Low),
        new("audit.read", "The log was searched, or a record's history was read", ["record"], Api, 2, Info),
        new("audit.retention", "How long entries are kept was changed", ["keepDays"], Api, 3, Medium),
        new("audit.retention.show", "How long entries are kept was refused to who may not read the log", [], Api, 2, Info),
        new("audit.stream.add", "A stream of the log to a collector was set up", ["host", "kind", "stream"], Api, 1, Medium),
        new("audit.stream.list", "The list of streams was refused", [], Api, 2, Info),
        new("audit.stream.remove", "A stream of the log was removed", ["stream"], Api, 4, Medium),
        new("audit.stream.show", "The state of a stream was refused", [], Api, 2, Info),
        new("audit.tail", "Somebody began to follow the log", ["from"], Api, 2, Low),
        new("audit.tile", "A tile of the log's tree was refused to who may not read the log", [], Api, 2, Info),
        new("data.create", "A record was created, or the answer to its creation was given again", ["replay"], Data, 6, Info),
        new("data.delete", "A record was deleted, and what hung on it",
            ["deleted.{entity}", "cleared.{entity}.{field}"], Data, 7, Low),
        new("data.import", "Records were imported", ["received", "source"], Data, 5, Low),
        new("data.list", "Records were listed that hold audited data classes", ["filters"], Data, 8, Info),
        new("data.read", "Records were read that hold audited data classes", ["expand", "for"], Data, 1, Info),
        new("data.reseal", "Records were sealed anew for another version of the app", ["step"], Data, 9, Info),
        new("data.update", "Records were changed", ["for"], Data, 2, Info),
        new("idempotency.purge", "Answers kept for repeated requests were forgotten", [], Data, 7, Info),
        new("keys.destroy", "A tenant's keys were destroyed, and with them its data", ["actor", "tenant"], Entity, 4, High),
        new("keys.destroy.cancel", "The destruction of keys was called off", ["actor", "tenant"], Entity, 3, Medium),
        new("keys.destroy.request", "The destruction of keys was asked for", ["actor", "tenant"], Entity, 3, High),
        new("keys.destroy.show", "The receipt of a destruction was refused", [], Entity, 2, Info),
        new("keys.erase", "A person's key was destroyed", [], Entity, 4, High),
        new("keys.erase.receipt", "The receipt of an erasure was signed", [], Entity, 3, Info),
        new("keys.erase.show", "The receipt of an erasure was refused", [], Entity, 2, Info),
        new("keys.import", "A tenant brought a key of its own", ["offer", "tenant"], Entity, 1, Medium),
        new("keys.import.offer", "A public key was made, to bring a key under", ["hours", "tenant"], Entity, 1, Low),
        new("keys.list", "The list of keys was refused", [], Entity, 2, Info),
        new("keys.restore", "A tenant opened its data again", ["credential", "tenant"], Entity, 3, High),
        new("keys.retire", "Keys that nothing is sealed with any more were forgotten", ["below", "tenant"], Entity, 4, Low),
        new("keys.revoke", "A tenant closed all of its data", ["credential", "tenant"], Entity, 3, High),
        new("keys.rewrap", "Keys of persons were wrapped under the tenant's current key", [], Entity, 3, Info),
        new("keys.rewrite", "Records were sealed anew under current keys", [], Data, 9, Info),
        new("keys.root.destroy", "A root of the installation was destroyed", ["root"], Entity, 4, High),
        new("keys.rotate", "A key has a new version", ["key", "root", "tenant"], Entity, 3, Medium),
        new("keys.service.register", "A tenant holds its keys itself from now on, or under another registration",
            ["service", "tenant"], Entity, 1, High),
        new("keys.service.remove", "A tenant's keys are held by the platform again", ["service", "tenant"], Entity, 4, High),
        new("keys.service.show", "The registration of a key service was refused", [], Entity, 2, Info),
        new("keys.verify", "A tenant's keys were opened and compared", ["store"], Entity, 2, Info),
        new("operator.put", "The operator's account was made, or given another secret", ["client"], Account, 1, High),
        new("role.password.restored", "A database role had another password, which was put back", ["role"], Account, 4, High),
        new("role.reset", "A database role had settings of somebody's own, which were taken back", ["role"], Entity, 3, High),
        new("tenant.create", "A tenant was onboarded", ["accounts", "isolation", "tenant"], Entity, 1, Medium),
        new("tenant.resume", "A suspended tenant is served again", ["tenant"], Entity, 3, Medium),
        new("tenant.suspend", "A tenant is not served any more", ["tenant"], Entity, 3, High),
        new("token.issue", "An access token was issued, or refused", ["token"], OcsfClass.Authentication, 1, Info),
        new("witness.put", "A witness of the log of heads was named", ["witness"], Entity, 1, Medium),
        new("witness.remove", "A witness of the log of heads was removed", ["witness"], Entity, 4, Medium),
    }.ToFrozenDictionary(type => type.Name, StringComparer.Ordinal);
}
