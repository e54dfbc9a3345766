using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Isolation;

/// <summary>Words of a statement that stand for the place it will run in.</summary>
public enum Place
{
    /// <summary>The quoted schema of the app's tables.</summary>
    App,

    /// <summary>The quoted schema of the platform's tables of a tenant.</summary>
    Core,

    /// <summary>The acting tenant's id, as a parameter.</summary>
    Tenant,
}

/// <summary>
/// A statement, or a part of one: literals of our own source, quoted names, places and bound values. A string that
/// arrived from anywhere cannot become SQL: there is no way to hand one in (see docs/decisions/sql-is-a-type.md).
/// Immutable; parts nest: <c>Sql.Of($"select {columns} from {Place.App}.{table} where id = {SqlValue.Uuid(id)}")</c>.
/// </summary>
public sealed class Sql
{
    private const int UnitsKept = 2_000;
    private ConcurrentDictionary<(Unit, SqlShape, EntryParts), SqlText>? _rendered;

    internal Sql(ImmutableArray<SqlPart> parts) => Parts = parts;

    public static Sql Empty { get; } = new([]);

    internal ImmutableArray<SqlPart> Parts { get; }

    public bool IsEmpty => Parts.IsEmpty;

    /// <summary>Names the app's tables: closed while the tenant has withdrawn its keys.</summary>
    internal bool TouchesData
    {
        get
        {
            foreach (ref readonly var part in Parts.AsSpan())
            {
                if (part.Kind == SqlPartKind.AppSchema)
                {
                    return true;
                }
            }

            return false;
        }
    }

    public static Sql Of(SqlHandler text) => text.Build();

    /// <summary>
    /// The text is rendered once per unit and kept: for statements that live as long as the model, whose values are slots.
    /// </summary>
    public Sql Kept()
    {
        _rendered ??= new();
        return this;
    }

    public static Sql Name(SqlName name) => new([new SqlPart(SqlPartKind.Literal, name.Quoted)]);

    public static Sql Join([ConstantExpected] string separator, IEnumerable<Sql> parts)
    {
        var all = ImmutableArray.CreateBuilder<SqlPart>();
        foreach (var part in parts)
        {
            if (all.Count > 0)
            {
                all.Add(new SqlPart(SqlPartKind.Literal, separator));
            }

            all.AddRange(part.Parts);
        }

        return new(all.ToImmutable());
    }

    internal SqlText Render(Unit unit, SqlShape shape, EntryParts parts = EntryParts.None)
    {
        if (_rendered is null)
        {
            return SqlText.Of(this, unit, shape, parts);
        }

        if (_rendered.TryGetValue((unit, shape, parts), out var text))
        {
            return text;
        }

        if (_rendered.Count >= UnitsKept)
        {
            _rendered.Clear();
        }

        return _rendered.GetOrAdd((unit, shape, parts), SqlText.Of(this, unit, shape, parts));
    }
}

/// <summary>
/// The place of a value that is given at each run: a statement with slots is built once and rendered once per unit.
/// </summary>
public readonly record struct SqlSlot(int Index);

internal enum SqlPartKind
{
    Literal,
    AppSchema,
    CoreSchema,
    Tenant,
    Value,
    Slot,
}

internal readonly record struct SqlPart(SqlPartKind Kind, string Text, SqlValue Value = default, int Slot = 0);

/// <summary>Called by the compiler for an interpolated string that becomes a <see cref="Sql"/>.</summary>
[InterpolatedStringHandler]
public readonly ref struct SqlHandler
{
    private readonly ImmutableArray<SqlPart>.Builder _parts;

    public SqlHandler(int literalLength, int formattedCount)
    {
        _ = literalLength;
        _parts = ImmutableArray.CreateBuilder<SqlPart>((formattedCount * 2) + 1);
    }

    public void AppendLiteral([ConstantExpected] string value) => _parts.Add(new(SqlPartKind.Literal, value));

    public void AppendFormatted(Sql part) => _parts.AddRange(part.Parts);

    public void AppendFormatted(SqlName name) => _parts.Add(new(SqlPartKind.Literal, name.Quoted));

    public void AppendFormatted(SqlValue value) => _parts.Add(new(SqlPartKind.Value, "", value));

    public void AppendFormatted(SqlSlot slot) => _parts.Add(new(SqlPartKind.Slot, "", Slot: slot.Index));

    public void AppendFormatted(Place place) => _parts.Add(new(place switch
    {
        Place.App => SqlPartKind.AppSchema,
        Place.Core => SqlPartKind.CoreSchema,
        Place.Tenant => SqlPartKind.Tenant,
        _ => throw new ArgumentOutOfRangeException(nameof(place)),
    }, ""));

    internal Sql Build() => new(_parts.ToImmutable());
}
