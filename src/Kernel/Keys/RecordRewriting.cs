using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>A table whose rows have envelopes, as the app's version in force describes it.</summary>
/// <param name="Entity">As the app calls it.</param>
/// <param name="HasSubject">Its rows are about persons who have keys.</param>
public sealed record RewriteTable(
    SqlName Table, string Entity, ImmutableArray<SealedFieldDefinition> Fields, bool HasSubject = false)
{
    /// <summary>One of the platform's own tables of the tenant.</summary>
    internal bool InCore { get; init; }

    /// <summary>What opens commitments of the tenant's log.</summary>
    public static RewriteTable Openings => Audit.EntryCommitments.Openings;

    internal Sql Place => InCore ? Sql.Of($"{Isolation.Place.Core}") : Sql.Of($"{Isolation.Place.App}");
}

/// <param name="Seen">Rows that were looked at.</param>
/// <param name="Rewritten">Rows that were under older keys, and are no longer.</param>
/// <param name="Left">Rows that are still under older keys, because somebody else was writing them: a later walk takes them.</param>
/// <param name="After">Where the next call goes on; null at the end of the table.</param>
public sealed record RewriteProgress(int Seen, int Rewritten, int Left, Guid? After);

/// <summary>
/// Brings rows under the current keys of their tenant: envelopes of older epochs are sealed anew, blind indexes of other index keys are
/// made anew. A record does not change by that: its version and its time stay, and so does every ETag.
/// </summary>
public sealed class RecordRewriting
{
    private const string Action = "keys.rewrite";
    private const int MaxBatch = 10_000;

    private static readonly SqlName Stale = SqlName.Of("stale");

    private readonly TenantDatabase _database;
    private readonly KeyRing _keys;

    internal RecordRewriting(TenantDatabase database, KeyRing keys)
    {
        _database = database;
        _keys = keys;
    }

    /// <summary>
    /// One batch of rows by id, in one transaction with its audit entry. When a whole walk (from null to null) has rewritten and left
    /// nothing, no row of the table is under older keys.
    /// </summary>
    /// <param name="context">Of the platform, with the app's version in force.</param>
    /// <param name="after">Where an earlier call stopped; null for the beginning.</param>
    /// <param name="batch">Rows to look at; 1 to 10,000.</param>
    /// <exception cref="TenantFault">The data or the keys could not be reached, or an envelope does not open.</exception>
    public async Task<RewriteProgress> RunAsync(
        RequestContext context, RewriteTable table, Guid? after, int batch, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(batch is >= 1 and <= MaxBatch, true, nameof(batch));
        var keys = await _keys.OpenAsync(context.Tenant, table.Entity, cancellationToken);
        var envelopes = table.Fields.Select(f => f.DataClass).Distinct().ToList();
        var indexed = table.Fields.Where(f => f.Index is not null).ToList();
        if (envelopes.Count == 0)
        {
            return new(0, 0, 0, null);
        }

        var rows = new StaleRows(envelopes, indexed, table, keys);
        var seen = 0;
        Guid? last = null;
        await _database.RunAsync(
            context,
            new TenantWork().Read(Query(table, envelopes, indexed, keys, after, batch), row =>
            {
                if (rows.IsFull)
                {
                    return;
                }

                seen++;
                last = row.Uuid(0);
                if (row.Boolean(1))
                {
                    rows.Add(row);
                }
            }),
            cancellationToken);
        var rewritten = 0;
        if (rows.Count > 0)
        {
            var entry = new AuditEvent(Action) { Entity = table.Entity, Records = AuditRecords.CountAndDigest };
            var result = await _database.RunAsync(context, new TenantWork().Change(Change(table, rows), entry), cancellationToken);
            rewritten = result.Changed;
        }

        return new(seen, rewritten, rows.Count - rewritten, seen < batch && !rows.IsFull ? null : last);
    }

    private static Sql Query(
        RewriteTable table, List<string> envelopes, List<SealedFieldDefinition> indexed, RecordKeys keys, Guid? after, int batch)
    {
        var columns = envelopes.Select(SealedFieldDefinition.EnvelopeOf).ToList();
        var stale = Sql.Join(
            " or ",
            columns.Select(c => SealedColumn.IsOfOlderEpoch(c, keys)).Concat(indexed.Select(f => SealedColumn.IsOfOtherIndexKey(f.Index!, keys))));
        var read = Sql.Join("", columns.Concat(indexed.Select(f => f.Index!)).Select(c => Sql.Of($", case when {Stale} then {c} end")));
        // Last, so that the others keep their places.
        var person = table.HasSubject ? Sql.Of($", case when {Stale} then {SubjectKey.OfRow} end") : Sql.Empty;
        var from = after is { } id ? Sql.Of($"where id > {SqlValue.Uuid(id)}") : Sql.Empty;
        return Sql.Of($"""
            select id, {Stale}{read}{person} from (
                select *, coalesce({stale}, false) as {Stale}
                from {table.Place}.{table.Table} {from} order by id limit {SqlValue.Integer(batch)}) as rows
            """);
    }

    private static Sql Change(RewriteTable table, StaleRows rows)
    {
        var old = rows.Columns.Select((_, i) => SqlName.Of($"old_{i}")).ToList();
        var next = rows.Columns.Select((_, i) => SqlName.Of($"new_{i}")).ToList();
        var names = Sql.Join("", old.Concat(next).Select(n => Sql.Of($", {n}")));
        var values = Sql.Join("", rows.Old.Concat(rows.New).Select(v => Sql.Of($", {SqlValue.BytesArray(v)}")));
        var sets = Sql.Join(", ", rows.Columns.Select((c, i) => Sql.Of($"{c} = u.{next[i]}")));
        // Whoever wrote since has written under current keys; whoever is writing now is not waited for.
        var same = Sql.Join("", rows.Columns.Select((c, i) => Sql.Of($" and t.{c} is not distinct from u.{old[i]}")));
        return Sql.Of($"""
            with free as materialized (
                select id from {table.Place}.{table.Table} where id = any({SqlValue.Uuids(rows.Ids)}) for no key update skip locked)
            update {table.Place}.{table.Table} t set {sets}
            from unnest({SqlValue.Uuids(rows.Ids)}{values}) as u(id{names}), free
            where t.id = u.id and free.id = u.id{same} returning t.id
            """);
    }

    private sealed class StaleRows(List<string> classes, List<SealedFieldDefinition> indexed, RewriteTable table, RecordKeys keys)
    {
        /// <summary>Content held in memory at once, whatever the number of rows.</summary>
        private const int MaxBytes = 16 * 1024 * 1024;

        private readonly List<Guid> _ids = [];
        private readonly List<byte[]?>[] _old = [.. classes.Select(_ => new List<byte[]?>()), .. indexed.Select(_ => new List<byte[]?>())];
        private readonly List<byte[]?>[] _new = [.. classes.Select(_ => new List<byte[]?>()), .. indexed.Select(_ => new List<byte[]?>())];
        private readonly List<byte[]> _names = [.. indexed.Select(f => Encoding.UTF8.GetBytes(f.Name))];
        private int _bytes;

        public int Count => _ids.Count;

        public bool IsFull => _bytes >= MaxBytes;

        public Guid[] Ids => [.. _ids];

        public IReadOnlyList<SqlName> Columns { get; } =
            [.. classes.Select(SealedFieldDefinition.EnvelopeOf), .. indexed.Select(f => f.Index!)];

        public IEnumerable<byte[]?[]> Old => _old.Select(v => v.ToArray());

        public IEnumerable<byte[]?[]> New => _new.Select(v => v.ToArray());

        public void Add(Row row)
        {
            var id = row.Uuid(0);
            _ids.Add(id);
            var indexes = new byte[]?[indexed.Count];
            var subjectKey = table.HasSubject ? row.Bytes(2 + classes.Count + indexed.Count) : [];
            for (var i = 0; i < classes.Count; i++)
            {
                var old = row.IsNull(2 + i) ? null : row.Bytes(2 + i);
                _old[i].Add(old);
                _new[i].Add(old is null ? null : Anew(classes[i], id, old, subjectKey, indexes));
                _bytes += 2 * (old?.Length ?? 0);
            }

            for (var i = 0; i < indexed.Count; i++)
            {
                var column = 2 + classes.Count + i;
                _old[classes.Count + i].Add(row.IsNull(column) ? null : row.Bytes(column));
                _new[classes.Count + i].Add(indexes[i]);
            }
        }

        /// <summary>
        /// A record that does not open is told and put right by whoever can. In the log's own tables nobody can: what was put there by hand
        /// keeps no old key alive.
        /// </summary>
        private bool Opens(string dataClass, Guid id, byte[] stored, byte[] content)
        {
            try
            {
                return keys.Open(dataClass, id, stored, content, table.HasSubject);
            }
            catch (TenantFault fault) when (table.InCore && fault.Kind == TenantFaultKind.RecordDamaged)
            {
                return false;
            }
        }

        private byte[]? Anew(string dataClass, Guid id, byte[] envelope, byte[] subjectKey, byte[]?[] indexes)
        {
            var content = new byte[RecordKeys.ContentLength(envelope)];
            if (!Opens(dataClass, id, [.. subjectKey, .. envelope], content))
            {
                // Nobody reads it any more, and the key that it is under besides shall be forgotten too.
                return null;
            }

            var fields = new SealedContent(content);
            while (fields.Read())
            {
                for (var i = 0; i < indexed.Count; i++)
                {
                    var field = indexed[i];
                    if (field.DataClass == dataClass && field.Type == fields.Type && fields.Name.SequenceEqual(_names[i]))
                    {
                        indexes[i] = keys.Index(field.Name, SealedValue.ToIndexed(field.Type, fields.Value), field.IndexLength);
                    }
                }
            }

            // As it was, with what fills it up: the bytes inside do not change.
            var anew = RecordKeys.EpochOf(envelope) < keys.Epoch ? keys.Seal(dataClass, id, content, subjectKey) : envelope;
            CryptographicOperations.ZeroMemory(content);
            return anew;
        }
    }
}
