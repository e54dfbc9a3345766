using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// The appending of entries whose acts have no rows. Those that follow each other in a work are one statement: for each statement
/// PostgreSQL looks the capability up again, which costs more than an entry.
/// </summary>
internal static class EntriesAlone
{
    public static NpgsqlBatchCommand Of(
        IReadOnlyList<WorkStep> steps, Unit unit, RequestContext context, RecordKeys? openings, EntryMacs macs, DateTimeOffset now)
    {
        // Values are those of a record.
        ArgumentOutOfRangeException.ThrowIfNotEqual(steps.Any(s => s.Parts.HasFlag(EntryParts.Values)), false, nameof(steps));
        var entries = steps.Select(s => AuditEntry.Of(context, s.Audit!, now, hasRecords: false)).ToList();
        var commitments = steps.Zip(entries, (s, e) => s.Parts.HasFlag(EntryParts.Commitments)
            ? EntryCommitments.Of(s.Audit!, e.Id, openings!)
            : null).ToList();
        var core = unit.CoreSchema.Quoted;
        // How many an array holds is planned for at each run; one entry is planned once.
        var isOne = entries.Count == 1;
        var insert =
            $"""
            insert into {core}.audit_entry (tenant_id, at, actor, id, action, entity, result, commitments, body, mac)
            select $1, $2, $3, e.* from {Rows("$4, $5, $6, $7, $8, $9, $10")} e
            """;
        List<SqlValue> values =
        [
            SqlValue.Uuid(context.Tenant.Value),
            SqlValue.Timestamp(entries[0].At),
            SqlValue.Text(entries[0].Actor),
            isOne ? SqlValue.Uuid(entries[0].Id) : SqlValue.Uuids([.. entries.Select(e => e.Id)]),
            Texts(entries.Select(e => e.Event.Action)),
            Texts(entries.Select(e => e.Event.Entity)),
            Texts(entries.Select(e => e.Result)),
            // Where records are counted, of none.
            Texts(commitments.Select(c => c?.Texts[0] ?? "")),
            Texts(entries.Select(e => e.Head + e.Tail)),
            isOne ? SqlValue.Bytes(MacOf(0)) : SqlValue.BytesArray([.. entries.Select((_, i) => MacOf(i))]),
        ];
        if (commitments.Exists(c => c is not null))
        {
            insert =
                $"""
                with entry as ({insert})
                insert into {core}.audit_opening (tenant_id, id, _sealed_secret)
                select $1, o.* from {Rows("$4, $11")} o (id, secret) where o.secret is not null
                """;
            values.Add(isOne ? SqlValue.Bytes(commitments[0]!.Opening) : SqlValue.BytesArray([.. commitments.Select(c => c?.Opening)]));
        }

        var command = new NpgsqlBatchCommand(insert);
        values.ForEach(value => command.Parameters.Add(value.ToParameter()));
        return command;

        byte[] MacOf(int i) => macs.Of(context.Tenant, entries[i], [commitments[i]?.Texts[0] ?? ""])[0];

        string Rows(string columns) => isOne ? $"(values ({columns}))" : $"unnest({columns})";

        SqlValue Texts(IEnumerable<string?> texts) => isOne ? SqlValue.Text(texts.Single()) : SqlValue.Texts([.. texts]);
    }
}
