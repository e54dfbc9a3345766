using System.Globalization;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// A query of the log as SQL: one filter leads and is an index's; the others are looked at along it, over at most
/// <see cref="Scanned"/> entries a page, so that no combination reads more than that however long the log is
/// (docs/decisions/searching-the-log.md). The policy adds the tenant in front of every index.
/// </summary>
internal sealed class AuditSql
{
    /// <summary>Entries that a page looks at to find its own.</summary>
    public const int Scanned = 20_000;

    /// <summary>How long a request may go on writing entries, and how far back its clock may be set meanwhile.</summary>
    private static readonly TimeSpan RequestTime = TimeSpan.FromHours(1);

    private static readonly TimeSpan RequestClock = TimeSpan.FromSeconds(5);

    private readonly AuditQuery _query;
    private readonly Guid? _cursor;
    private readonly bool _ascending;
    private readonly int _scanned;
    private readonly Leading _leading;

    /// <param name="cursor">Id of the entry that the page comes after or before; null for the first page.</param>
    public AuditSql(AuditQuery query, Guid? cursor, int scanned = Scanned)
    {
        _query = query;
        _cursor = cursor;
        _scanned = scanned;
        _ascending = query.OldestFirst != query.Before is not null;
        _leading = query switch
        {
            { Record: not null } => Leading.Record,
            { Denied: true } => Leading.Denied,
            { Actor: not null } => Leading.Actor,
            { Action: not null } => Leading.Action,
            { Entity: not null } => Leading.Entity,
            { Prefix: not null } => Leading.Prefix,
            _ => Leading.Time,
        };
    }

    private enum Leading
    {
        Record,
        Denied,
        Actor,
        Action,
        Entity,
        Prefix,
        Time,
    }

    /// <summary>
    /// Without statistics, which row-level security forbids, the planner believes in small sets and would sort a tenant's whole log for a
    /// page: of this transaction it takes no plan but index scans in order.
    /// </summary>
    public static Sql InOrder { get; } = Sql.Of($"""
        select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
            set_config('enable_sort', 'off', true), set_config('enable_hashjoin', 'off', true),
            set_config('enable_mergejoin', 'off', true)
        """);

    /// <summary>Entries that are looked at may run out before the page is full: then <see cref="Rest"/> says where to go on.</summary>
    public bool IsBounded => _leading is not (Leading.Record or Leading.Prefix) && Filters().Count > 0;

    /// <summary>One entry more than asked for says that there are more.</summary>
    public Sql Page => _leading switch
    {
        Leading.Record => OfRecord(),
        Leading.Prefix => OfPrefix(),
        _ when IsBounded => Sql.Of($"""
            select id, body from (
                select id, body, action, actor, entity, result from {Place.Core}.audit_entry
                where {All(Lead(), Range("id"))} order by id {Direction} limit {SqlValue.Integer(_scanned)}) e
            where {All(Filters())} order by id {Direction} limit {Most}
            """),
        _ => Sql.Of($"""
            select id, body from {Place.Core}.audit_entry where {All(Lead(), Range("id"))} order by id {Direction} limit {Most}
            """),
    };

    /// <summary>The last entry that was looked at, when there were as many as may be.</summary>
    public Sql Rest => Sql.Of($"""
        select id from {Place.Core}.audit_entry where {All(Lead(), Range("id"))}
        order by id {Direction} offset {SqlValue.Integer(_scanned - 1)} limit 1
        """);

    private Sql Direction => _ascending ? Sql.Of($"asc") : Sql.Of($"desc");

    private Sql Most => Sql.Of($"{SqlValue.Integer(_query.Limit + 1)}");

    /// <summary>Entries that name it in their row, and entries of several records, each by its own index.</summary>
    private Sql OfRecord() => Sql.Of($"""
        select id, body from (
            (select e.id, e.body from {Place.Core}.audit_entry e
             where e.record = {SqlValue.Uuid(_query.Record)} and {All(Filters(), Range("e.id"))}
             order by e.id {Direction} limit {Most})
            union all
            (select r.entry_id, e.body from {Place.Core}.audit_record r
             join {Place.Core}.audit_entry e on e.tenant_id = r.tenant_id and e.id = r.entry_id
             where r.record = {SqlValue.Uuid(_query.Record)} and {All(Filters(), Range("r.entry_id"))}
             order by r.entry_id {Direction} limit {Most})) e
        order by id {Direction} limit {Most}
        """);

    /// <summary>The names that begin so, each found by one step in the index; of each as much as the page could need.</summary>
    private Sql OfPrefix() => Sql.Of($"""
        with recursive named (action) as (
            (select e.action from {Place.Core}.audit_entry e where {Prefixed} order by e.action limit 1)
            union all
            select (select e.action from {Place.Core}.audit_entry e where e.action > n.action and {Prefixed} order by e.action limit 1)
            from named n where n.action is not null)
        select x.id, x.body from named n cross join lateral (
            select e.id, e.body from {Place.Core}.audit_entry e
            where e.action = n.action and {All(Filters(), Range("e.id"))} order by e.id {Direction} limit {Most}) x
        where n.action is not null order by x.id {Direction} limit {Most}
        """);

    private Sql Prefixed => Sql.Of(
        $"e.action >= {SqlValue.Text(_query.Prefix)} and e.action < {SqlValue.Text(_query.Prefix![..^1] + (char)(_query.Prefix[^1] + 1))}");

    private List<Sql> Lead() => _leading switch
    {
        // A literal, so that the planner takes the index of these alone.
        Leading.Denied => [Sql.Of($"result = 'denied'")],
        Leading.Actor => [Sql.Of($"actor = {SqlValue.Text(_query.Actor)}")],
        Leading.Action => [Sql.Of($"action = {SqlValue.Text(_query.Action)}")],
        Leading.Entity => [Sql.Of($"entity = {SqlValue.Text(_query.Entity)}")],
        _ => [],
    };

    private List<Sql> Filters()
    {
        var filters = new List<Sql>();
        // The body is canonical text in which it stands quoted: looked for in few entries, and dear as one more index.
        Add(Leading.Time, _query.Request is not null, Sql.Of($"strpos(e.body, {SqlValue.Text($"\"request\":\"{_query.Request}\"")}) > 0"));
        Add(Leading.Denied, _query.Denied == true, Sql.Of($"e.result = 'denied'"));
        Add(Leading.Time, _query.Denied == false, Sql.Of($"e.result = 'ok'"));
        Add(Leading.Actor, _query.Actor is not null, Sql.Of($"e.actor = {SqlValue.Text(_query.Actor)}"));
        Add(Leading.Action, _query.Action is not null, Sql.Of($"e.action = {SqlValue.Text(_query.Action)}"));
        Add(Leading.Entity, _query.Entity is not null, Sql.Of($"e.entity = {SqlValue.Text(_query.Entity)}"));
        if (_query.Prefix is not null && _leading != Leading.Prefix)
        {
            filters.Add(Prefixed);
        }

        return filters;

        void Add(Leading leading, bool asked, Sql filter)
        {
            if (asked && (leading != _leading || leading == Leading.Time))
            {
                filters.Add(filter);
            }
        }
    }

    /// <summary>A time is a range of ids: those of version 7 begin with their milliseconds. "at" decides within the first and the last.</summary>
    private List<Sql> Range([System.Diagnostics.CodeAnalysis.ConstantExpected] string id)
    {
        var column = id switch { "id" => Sql.Of($"id"), "e.id" => Sql.Of($"e.id"), _ => Sql.Of($"r.entry_id") };
        var at = id == "id" ? Sql.Of($"at") : Sql.Of($"e.at");
        var range = new List<Sql>();
        if (_query.Request is { } request && Guid.TryParseExact(request, "N", out var made) && made.Version == 7)
        {
            var milliseconds = long.Parse(request.AsSpan(0, 12), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            var began = DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(milliseconds, 253_000_000_000_000));
            range.Add(Sql.Of($"{column} >= {SqlValue.Uuid(FirstOf(began - RequestClock))}"));
            range.Add(Sql.Of($"{column} < {SqlValue.Uuid(FirstOf(began + RequestTime))}"));
        }

        if (_query.From is { } from)
        {
            range.Add(Sql.Of($"{column} >= {SqlValue.Uuid(FirstOf(from))} and {at} >= {SqlValue.Timestamp(from)}"));
        }

        if (_query.Until is { } until)
        {
            range.Add(Sql.Of($"{column} < {SqlValue.Uuid(FirstOf(until, 1))} and {at} < {SqlValue.Timestamp(until)}"));
        }

        if (_cursor is { } cursor)
        {
            range.Add(_ascending ? Sql.Of($"{column} > {SqlValue.Uuid(cursor)}") : Sql.Of($"{column} < {SqlValue.Uuid(cursor)}"));
        }

        return range;
    }

    private static Sql All(params List<Sql>[] conditions) => Sql.Join(" and ", conditions.SelectMany(c => c).Prepend(Sql.Of($"true")));

    /// <summary>Not after any id of the millisecond of that instant, or of one that comes so much later.</summary>
    internal static Guid FirstOf(DateTimeOffset instant, int later = 0)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(bytes, Math.Max(0, instant.ToUnixTimeMilliseconds() + later) << 16);
        bytes[6] = bytes[7] = 0;
        return new(bytes, bigEndian: true);
    }
}
