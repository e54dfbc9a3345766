using System.Globalization;
using System.Text;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Audit;

/// <summary>
/// An entry as it is written: canonical JSON (RFC 8785) in two parts, between which the statement that does the act puts the records
/// that it touched. Members in order: action, actor {id, kind, roles}, app, assurance, at, credential, details, entity, fields, id,
/// onBehalfOf {id, kind}, policy, purpose, reason, records, request, result, source, tenant, ticket, values.
/// </summary>
internal readonly struct AuditEntry
{
    private AuditEntry(Guid id, DateTime at, AuditEvent audit, string actor, string head, string tail)
    {
        Id = id;
        At = at;
        Event = audit;
        Actor = actor;
        Head = head;
        Tail = tail;
    }

    public Guid Id { get; }

    public DateTime At { get; }

    public AuditEvent Event { get; }

    public string Actor { get; }

    /// <summary>Ends with the name of the member <c>records</c> when the entry has them.</summary>
    public string Head { get; }

    public string Tail { get; }

    public string Result => Event.Result == AuditResult.Ok ? "ok" : "denied";

    /// <param name="values">Digests of what the fields held, sorted; null for none.</param>
    public static AuditEntry Of(
        RequestContext context, AuditEvent audit, DateTimeOffset now, bool hasRecords, IEnumerable<string>? values = null) =>
        Of(context.Actor, context, context.RequestId, audit, now, hasRecords, values);

    /// <summary>An entry of the installation's own log, which concerns no tenant's data.</summary>
    public static AuditEntry Of(Actor actor, string requestId, AuditEvent audit, DateTimeOffset now) =>
        Of(actor, null, requestId, audit, now, hasRecords: false, values: null);

    private static AuditEntry Of(
        Actor actor,
        RequestContext? context,
        string requestId,
        AuditEvent audit,
        DateTimeOffset now,
        bool hasRecords,
        IEnumerable<string>? values)
    {
        var id = Guid.CreateVersion7(now);
        // PostgreSQL keeps microseconds; the column and the text say the same instant.
        var at = new DateTime(now.UtcTicks - (now.UtcTicks % TimeSpan.TicksPerMicrosecond), DateTimeKind.Utc);
        var json = new StringBuilder(320).Append('{');
        json.AppendMember("action", audit.Action);
        json.AppendName("actor").Append('{');
        json.AppendMember("id", actor.Id).AppendMember("kind", actor.KindWord);
        json.AppendName("roles").AppendStrings(actor.Roles).Append('}');
        json.AppendMember("app", context?.App);
        json.AppendMember("assurance", context?.Caller?.Assurance);
        json.AppendName("at").Append('"')
            .Append(CultureInfo.InvariantCulture, $"{at:yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'}").Append('"');
        json.AppendMember("credential", context?.Caller?.Credential);
        if (!audit.Details.IsEmpty)
        {
            json.AppendName("details").Append('{');
            foreach (var (name, value) in audit.Details)
            {
                json.AppendName(name).AppendString(value);
            }

            json.Append('}');
        }

        json.AppendMember("entity", audit.Entity);
        if (!audit.Fields.IsDefaultOrEmpty)
        {
            json.AppendName("fields").AppendStrings(audit.Fields.Order(StringComparer.Ordinal));
        }

        json.AppendName("id").Append('"').Append(id).Append('"');
        if (context?.OnBehalfOf is { } asked)
        {
            json.AppendName("onBehalfOf").Append('{');
            json.AppendMember("id", asked.Id).AppendMember("kind", asked.KindWord).Append('}');
        }

        json.AppendMember("policy", context?.Policy);
        json.AppendMember("purpose", context?.Purpose);
        json.AppendMember("reason", audit.Reason);
        if (hasRecords)
        {
            json.AppendName("records");
        }

        var head = json.ToString();
        json.Clear().Append(",\"request\":").AppendString(requestId);
        json.AppendMember("result", audit.Result == AuditResult.Ok ? "ok" : "denied");
        json.AppendMember("source", context?.Caller?.Source);
        json.AppendMember("tenant", context?.Tenant.ToString());
        json.AppendMember("ticket", context?.Ticket);
        if (values is not null)
        {
            json.AppendName("values").AppendStrings(values);
        }

        return new(id, at, audit, actor.Id, head, json.Append('}').ToString());
    }
}
