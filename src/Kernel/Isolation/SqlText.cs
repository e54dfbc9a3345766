using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Isolation;

/// <summary>What surrounds a statement: nothing, or the appending of its audit entry in the same statement.</summary>
internal enum SqlShape
{
    Plain,

    /// <summary>The entry names the ids of the rows, also when there are none.</summary>
    RecordsIds,
    RecordsDigest,
    RecordsNone,

    /// <summary>The entry is appended only when there is a row.</summary>
    RecordsIdsIfAny,
    RecordsDigestIfAny,
    RecordsNoneIfAny,
}

/// <summary>What is kept beside an entry, in the statement that appends it.</summary>
[Flags]
internal enum EntryParts
{
    None = 0,

    /// <summary>It commits to numbers: what opens them lies in audit_opening.</summary>
    Commitments = 1,

    /// <summary>It has digests of values: what discloses them lies in audit_disclosure.</summary>
    Values = 2,
}

internal enum SqlBindingKind
{
    Tenant,
    Value,
    Slot,
    EntryId,
    EntryAt,
    EntryActor,
    EntryAction,
    EntryEntity,
    EntryResult,
    EntryMac,
    EntryHead,
    EntryTail,

    /// <summary>Texts of the entry's commitments: one, or one for each number of records from 0.</summary>
    EntryCommitments,

    /// <summary>Of how many records the commitments are; see <see cref="EntryCommitments.Records"/>.</summary>
    EntryRecords,
    EntryOpening,
    EntryDisclosure,

    /// <summary>The person under whose key the disclosure is.</summary>
    EntrySubject,
}

internal readonly record struct SqlBinding(SqlBindingKind Kind, SqlValue Value, int Slot);

/// <summary>A statement as PostgreSQL gets it, with positional parameters, and what to bind to each.</summary>
internal sealed class SqlText
{
    private SqlText(string text, ImmutableArray<SqlBinding> bindings)
    {
        Text = text;
        Bindings = bindings;
    }

    public string Text { get; }

    public ImmutableArray<SqlBinding> Bindings { get; }

    public static SqlText Of(Sql sql, Unit unit, SqlShape shape, EntryParts parts)
    {
        var build = new Build(unit);
        if (shape == SqlShape.Plain)
        {
            build.Statement(sql);
            return build.Done();
        }

        // One statement and one snapshot: what is shown and what is recorded cannot differ.
        build.Text("with act as materialized (");
        build.Statement(sql);
        build.Text("), entry as (");
        build.Entry(shape, parts.HasFlag(EntryParts.Commitments));
        build.Text(" from act a");
        if (shape is SqlShape.RecordsIdsIfAny or SqlShape.RecordsDigestIfAny or SqlShape.RecordsNoneIfAny)
        {
            build.Text(" having count(*) > 0");
        }

        build.Beside(parts);
        if (shape is SqlShape.RecordsIds or SqlShape.RecordsIdsIfAny)
        {
            build.RecordsOfSeveral();
        }

        build.Text(") select * from act");
        return build.Done();
    }

    private sealed class Build(Unit unit)
    {
        private readonly StringBuilder _text = new(512);
        private readonly ImmutableArray<SqlBinding>.Builder _bindings = ImmutableArray.CreateBuilder<SqlBinding>();
        private int _tenant;

        public void Text(string text) => _text.Append(text);

        public void Statement(Sql sql)
        {
            foreach (var part in sql.Parts)
            {
                switch (part.Kind)
                {
                    case SqlPartKind.Literal:
                        _text.Append(part.Text);
                        break;
                    case SqlPartKind.AppSchema:
                        _text.Append(unit.AppSchema.Quoted);
                        break;
                    case SqlPartKind.CoreSchema:
                        _text.Append(unit.CoreSchema.Quoted);
                        break;
                    case SqlPartKind.Tenant:
                        Tenant();
                        break;
                    case SqlPartKind.Slot:
                        Bind(SqlBindingKind.Slot, slot: part.Slot);
                        break;
                    default:
                        Bind(SqlBindingKind.Value, part.Value);
                        break;
                }
            }
        }

        public void Entry(SqlShape shape, bool commits)
        {
            // More records than it has texts for give null, which no entry takes: no act is without its commitment.
            EntryHead(commits);
            Text(shape is SqlShape.RecordsIds or SqlShape.RecordsIdsIfAny
                ? "case when count(*) = 1 then (array_agg(a.id))[1] end, "
                : "null, ");
            Bind(SqlBindingKind.EntryHead);
            Text(shape switch
            {
                SqlShape.RecordsIds or SqlShape.RecordsIdsIfAny =>
                    """ || '{"ids":[' || coalesce(string_agg('"' || a.id::text || '"', ','), '') || ']}' || """,
                SqlShape.RecordsDigest or SqlShape.RecordsDigestIfAny =>
                    """
                     || '{"count":' || count(*)::text || ',"sha256":"'
                    || encode(sha256(convert_to(coalesce(string_agg(a.id::text, ',' order by a.id), ''), 'UTF8')), 'hex') || '"}' || 
                    """,
                // An aggregate makes the answer one row, whatever there is in act.
                _ => " || case when count(*) >= 0 then '' end || ",
            });
            Bind(SqlBindingKind.EntryTail);
        }

        /// <summary>What is kept beside the entry, when it is appended.</summary>
        public void Beside(EntryParts parts)
        {
            if (parts == EntryParts.None)
            {
                return;
            }

            Text(" returning id");
            if (parts.HasFlag(EntryParts.Commitments))
            {
                Text("), opening as (");
                Insert("audit_opening (tenant_id, id, _sealed_secret) select ");
                Tenant();
                Text(", e.id, ");
                Bind(SqlBindingKind.EntryOpening);
                Text(" from entry e");
            }

            if (parts.HasFlag(EntryParts.Values))
            {
                Text("), disclosure as (");
                Insert("audit_disclosure (tenant_id, id, _sealed_secret, _subject) select ");
                Tenant();
                Text(", e.id, ");
                Bind(SqlBindingKind.EntryDisclosure);
                Text(", ");
                Bind(SqlBindingKind.EntrySubject);
                Text(" from entry e");
            }
        }

        private void Insert(string what)
        {
            Text("insert into ");
            Text(unit.CoreSchema.Quoted);
            Text(".");
            Text(what);
        }

        /// <summary>An entry of one record names it in its own row; of several, each stands beside it (docs/decisions/searching-the-log.md).</summary>
        public void RecordsOfSeveral()
        {
            Text("), named as (");
            Insert("audit_record (tenant_id, record, entry_id) select ");
            Tenant();
            Text(", a.id, ");
            Bind(SqlBindingKind.EntryId);
            Text(" from (select distinct id from act where (select count(*) from act) > 1) a");
        }

        public void EntryHead(bool commits)
        {
            Insert("audit_entry (tenant_id, id, at, actor, action, entity, result, mac, ");
            Text(commits ? "commitments, record, body) select " : "record, body) select ");
            Tenant();
            ReadOnlySpan<SqlBindingKind> columns =
            [
                SqlBindingKind.EntryId, SqlBindingKind.EntryAt, SqlBindingKind.EntryActor, SqlBindingKind.EntryAction,
                SqlBindingKind.EntryEntity, SqlBindingKind.EntryResult,
            ];
            foreach (var column in columns)
            {
                Text(", ");
                Bind(column);
            }

            Text(", ");
            if (commits)
            {
                OfCount(SqlBindingKind.EntryMac);
                Text(", ");
                OfCount(SqlBindingKind.EntryCommitments);
            }
            else
            {
                Bind(SqlBindingKind.EntryMac);
            }

            Text(", ");
        }

        /// <summary>Of an array the one for the number of records, or the only one; null where that is of another number.</summary>
        private void OfCount(SqlBindingKind kind)
        {
            Text("(");
            Bind(kind);
            Text(")[case when coalesce(");
            Bind(SqlBindingKind.EntryRecords);
            Text(string.Create(CultureInfo.InvariantCulture,
                $" = count(*), true) then 1 when ${_bindings.Count} = {EntryCommitments.OneForEach} then (1 + count(*))::int end]"));
        }

        public void Bind(SqlBindingKind kind, SqlValue value = default, int slot = 0)
        {
            _bindings.Add(new(kind, value, slot));
            _text.Append(CultureInfo.InvariantCulture, $"${_bindings.Count}");
        }

        public SqlText Done() => new(_text.ToString(), _bindings.ToImmutable());

        private void Tenant()
        {
            if (_tenant == 0)
            {
                Bind(SqlBindingKind.Tenant);
                _tenant = _bindings.Count;
            }
            else
            {
                _text.Append(CultureInfo.InvariantCulture, $"${_tenant}");
            }
        }
    }
}
