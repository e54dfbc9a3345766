using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>An entity as one set of roles sees it: made once per app version and set of roles, immutable.</summary>
internal sealed class EntityView
{
    // Selections that are kept per view; more are built for their request alone, so that a client cannot fill the
    // memory.
    private const int MaxShapes = 256;

    private readonly ConcurrentDictionary<FieldSet, RecordShape> _shapes = new();
    private readonly FrozenDictionary<string, RecordField> _readable;
    private readonly FrozenDictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _places;

    public EntityView(AppModel app, EntityModel entity, EntityPermissions permissions)
    {
        App = app;
        Entity = entity;
        Permissions = permissions;
        Defaults = [.. entity.Fields.Select(DefaultOf)];
        Table = Sql.Of($"{Place.App}.{entity.Table}");
        var fields = entity.Fields
            .Select((field, index) => RecordField.Of(
                field,
                index,
                permissions.Masks.GetValueOrDefault(field.Name),
                permissions.Searchable.Contains(field.Name)))
            .ToImmutableArray();
        All = fields;
        Envelopes = [.. entity.SealedClasses.Select(c => new Envelope(
            c, [.. fields.Where(f => f.IsSealed && f.Class == c)], entity.HasSubjectKey))];
        Stored = new StoredColumns(entity, fields, Envelopes);
        InsertInto = Sql.Of($"""
            insert into {Table} (tenant_id, id, version, created_at, updated_at{
            (entity.HasSubjectKey ? Sql.Of($", {SubjectKey.Column}") : Sql.Empty)}{
            Sql.Join("", Stored.Names.Select(column => Sql.Of($", {column}")))})
            """);
        var first = entity.HasSubjectKey ? 5 : 3;
        InsertRow = Sql.Of($"""
            {InsertInto} values ({Place.Tenant}, {new SqlSlot(0)}, {new SqlSlot(1)}, {new SqlSlot(2)}, {new SqlSlot(2)}{
            (entity.HasSubjectKey ? Sql.Of($", {Subjects.Living(new SqlSlot(3), new SqlSlot(4))}") : Sql.Empty)}{
            Sql.Join("", Stored.Names.Select((_, place) => Sql.Of($", {new SqlSlot(place + first)}")))}) returning id
            """).Kept();
        Shown =
        [
            RecordField.Id, RecordField.CreatedAt, RecordField.UpdatedAt,
            .. fields.Where(field => permissions.Readable.Contains(field.Name)),
        ];
        _readable = Shown.ToFrozenDictionary(field => field.Name, StringComparer.Ordinal);
        _places = fields.ToFrozenDictionary(field => field.Name, field => field.Index, StringComparer.Ordinal)
            .GetAlternateLookup<ReadOnlySpan<char>>();
        Whole = new RecordShape(this, Shown);
        IdOnly = new RecordShape(this, [RecordField.Id]);
    }

    public AppModel App { get; }

    public EntityModel Entity { get; }

    public EntityPermissions Permissions { get; }

    /// <summary>The qualified table.</summary>
    public Sql Table { get; }

    /// <summary>An INSERT of every column, up to its values.</summary>
    public Sql InsertInto { get; }

    /// <summary>
    /// An INSERT of one record; slots: id, version, now, where it has one the person's id and wrapped key, then <see cref="Stored"/>.
    /// Names every column, so that all creates share one text.
    /// </summary>
    public Sql InsertRow { get; }

    /// <summary>
    /// Every field of the entity in the manifest's order, readable or not: for values that the program handles itself.
    /// </summary>
    public ImmutableArray<RecordField> All { get; }

    /// <summary>One for each data class that has sealed fields.</summary>
    public ImmutableArray<Envelope> Envelopes { get; }

    public StoredColumns Stored { get; }

    /// <summary>What the actor sees, in the order of the answer.</summary>
    public ImmutableArray<RecordField> Shown { get; }

    /// <summary>
    /// Values of fields that a create leaves out, by place; null of its type where there is no default.
    /// </summary>
    public ImmutableArray<FieldValue> Defaults { get; }

    /// <summary>The record with all that the actor sees.</summary>
    public RecordShape Whole { get; }

    /// <summary>What an actor who may not read gets for its own create.</summary>
    public RecordShape IdOnly { get; }

    public bool Allows(EntityActions action) => Permissions.Allows(action);

    /// <summary>The shape of answers to a write: only who may read sees the record.</summary>
    public RecordShape Answer => Allows(EntityActions.Read) ? Whole : IdOnly;

    /// <summary>What the entry of a read commits to.</summary>
    /// <param name="most">Records that it can find.</param>
    public ImmutableArray<CommittedNumber> Read(int most) => App.Commits.Contains(CommittedAttributes.RecordsRead)
        ? [CommittedNumber.OfRecords(CommittedAttributes.RecordsRead, most)]
        : [];

    /// <summary>What the entry of a creation commits to; of several records, the sum of each amount.</summary>
    public ImmutableArray<CommittedNumber> Created(params IEnumerable<FieldValue[]> records)
    {
        if (Entity.Commits.IsEmpty)
        {
            return [];
        }

        var numbers = ImmutableArray.CreateBuilder<CommittedNumber>();
        foreach (var (attribute, model, scale) in Entity.Commits)
        {
            var place = All.First(f => f.Model == model).Index;
            UInt128? sum = 0;
            foreach (var values in records)
            {
                var value = values[place];
                sum += Decimals.Units(model.Type == FieldType.Integer ? value.AsInteger : value.AsDecimal, scale);
            }

            // The largest decimals are no numbers of 64 bits: they are not committed to, and the entry shows that.
            if (sum <= ulong.MaxValue)
            {
                numbers.Add(CommittedNumber.Of(attribute, (ulong)sum.Value));
            }
        }

        return numbers.ToImmutable();
    }

    /// <summary>Of a class whose reads append an entry.</summary>
    public bool IsAudited(RecordField field) => field.Model is not null && App.AuditedReads.Contains(field.Class);

    public RecordField? Readable(string name) => _readable.GetValueOrDefault(name);

    /// <summary>Place of a field of the entity, whoever may see it; -1 for none.</summary>
    public int IndexOf(ReadOnlySpan<char> name) => _places.TryGetValue(name, out var place) ? place : -1;

    /// <summary>
    /// Null also for a masked field: it cannot be searched, and so is told like one that does not exist.
    /// </summary>
    public RecordField? Searchable(string name) =>
        _readable.TryGetValue(name, out var field) && field.Searchable ? field : null;

    /// <summary>The shape of a selection; the id is always in it, the order is the manifest's.</summary>
    public RecordShape Shape(IReadOnlySet<RecordField> selected)
    {
        var set = FieldSet.Of(selected);
        if (_shapes.TryGetValue(set, out var shape))
        {
            return shape;
        }

        shape = new RecordShape(this, [.. Shown.Where(field => field == RecordField.Id || selected.Contains(field))]);
        return _shapes.Count < MaxShapes ? _shapes.GetOrAdd(set, shape) : shape;
    }

    private static FieldValue DefaultOf(FieldModel field) =>
        field.Default is not null && FieldSyntax.TryParse(field.Type, field.Values, field.Default, out var value)
            ? value
            : FieldValue.Null(field.Type);

    /// <summary>
    /// A selection as bits: the three fields that every record has, then at most 200 of the entity's.
    /// </summary>
    private readonly record struct FieldSet(ulong A, ulong B, ulong C, ulong D)
    {
        public static FieldSet Of(IReadOnlySet<RecordField> fields)
        {
            Span<ulong> words = stackalloc ulong[4];
            words.Clear();
            foreach (var field in fields)
            {
                var bit = field.Index >= 0 ? field.Index + 3 : field == RecordField.CreatedAt ? 1
                    : field == RecordField.Id ? 0 : 2;
                words[bit / 64] |= 1UL << (bit % 64);
            }

            return new(words[0], words[1], words[2], words[3]);
        }
    }
}

/// <summary>The views of every app version that serves, found by the roles of the actor.</summary>
internal sealed class EntityViews
{
    // Sets of roles times entities; a client cannot choose its roles, so that this is met by installations of many role
    // sets only.
    private const int MaxViewsPerApp = 20_000;

    private readonly ConditionalWeakTable<AppModel, ConcurrentDictionary<ViewKey, EntityView?>> _byApp = [];

    /// <summary>Null when no role of the actor names the entity.</summary>
    public EntityView? For(AppModel app, Actor actor, EntityModel entity)
    {
        var views = _byApp.GetValue(app, static _ => new());
        var key = new ViewKey(entity, actor.Kind, actor.Roles);
        if (views.TryGetValue(key, out var view))
        {
            return view;
        }

        var permissions = Access.Permissions.For(app, actor, entity);
        view = permissions is null ? null : new EntityView(app, entity, permissions);
        if (views.Count >= MaxViewsPerApp)
        {
            views.Clear();
        }

        return views.GetOrAdd(key, view);
    }

    private readonly struct ViewKey(EntityModel entity, ActorKind kind, ImmutableArray<string> roles)
        : IEquatable<ViewKey>
    {
        private readonly EntityModel _entity = entity;
        private readonly ActorKind _kind = kind;
        private readonly ImmutableArray<string> _roles = roles;

        public bool Equals(ViewKey other) =>
            ReferenceEquals(_entity, other._entity) && _kind == other._kind
                && _roles.AsSpan().SequenceEqual(other._roles.AsSpan());

        public override bool Equals(object? obj) => obj is ViewKey other && Equals(other);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(RuntimeHelpers.GetHashCode(_entity));
            foreach (var role in _roles)
            {
                hash.Add(role, StringComparer.Ordinal);
            }

            return hash.ToHashCode();
        }
    }
}
